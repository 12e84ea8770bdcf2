"""Which of the boards that are there a test is done with."""

from collections.abc import Sequence

from dexkit.assess.profile import Profile
from dexkit.assess.referee import BESIDE
from dexkit.errors import LinkError
from dexkit.link.listing import look
from dexkit.link.ports import Plug


def boards_for(profile: Profile, plugs: Sequence[Plug]) -> list[Plug]:
    """Return the ports of the boards that a test is done with; others are left alone.

    Parameters
    ----------
    profile
        What is done.
    plugs
        Ports that may lead to boards.

    Raises
    ------
    LinkError
        When the object is not there, cannot be used, or is there twice.
    """
    seen = look(plugs)
    name = profile.object.replace("_", " ")
    used = []
    for kind in (profile.object, *BESIDE.get(profile.object, ())):
        found = [board for board in seen if board.hello is not None and board.hello.object_kind == kind]
        if len(found) > 1:
            ports = " and ".join(board.plug.url for board in found)
            raise LinkError(f"There are two of the {kind.replace('_', ' ')}: {ports}. Name one with --port.")
        if found and found[0].remedy:
            raise LinkError(found[0].remedy)
        used += [board.plug for board in found]
        if not found and kind == profile.object:
            others = [line for board in seen for line in board.words()]
            there = f" There is: {'; '.join(line.strip() for line in others)}." if others else ""
            raise LinkError(
                f"{profile.id} is done with a {name}, and none is there.{there} Plug the {name} in, or name "
                "its port with --port."
            )
    return used
