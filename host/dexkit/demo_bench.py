"""The simulated engineer: puts masses on a virtual object, turns it, walks through its contacts."""

from dexkit.bench.calibrate import Calibrator
from dexkit.bench.capture import attached
from dexkit.bench.guide import capture_step
from dexkit.bench.result import Outcome
from dexkit.bench.steps import MASSES, Step
from dexkit.bench.weights import weights
from dexkit.errors import InputError
from dexkit.link.ports import Plug, add_urls, as_url
from dexkit.sim.bench import BenchWorld, Setting
from dexkit.sim.protocol_sim import board_of


class DemoBench:
    """A virtual object with hidden errors, and hands.

    Parameters
    ----------
    object_kind
        Which.
    seed
        Which board, with which errors.
    more
        Further words of its ``sim:`` URL, as ``&flash=FOLDER``.

    Attributes
    ----------
    plug
        Where the board is.
    """

    def __init__(self, object_kind: str, seed: int = 1, more: str = "") -> None:
        add_urls("dexkit.sim")
        self.plug = Plug(f"sim:{object_kind}?test=bench&seed={seed}&speed=fast{more}")
        self.object_kind = object_kind

    @classmethod
    def of_port(cls, object_kind: str, port: str) -> "DemoBench | None":
        """Return the virtual object that ``demo`` or ``demo:SEED`` means; None for another port.

        Raises
        ------
        InputError
            When the seed is no number.
        """
        name, _, seed = port.partition(":")
        if name != "demo":
            return None
        if seed and not seed.isdigit():
            raise InputError(f"A virtual object has a number: demo:7, not {port!r}.")
        return cls(object_kind, int(seed or 1))

    @property
    def world(self) -> BenchWorld:
        """What lies on the bench, and what is hidden."""
        world = board_of(as_url(self.plug.url)).scene.worlds[self.object_kind]
        assert isinstance(world, BenchWorld)
        return world

    def arrange(self, step: Step, accident: str = "", *, wrong_g: float | None = None) -> None:
        """Do what a step asks.

        Parameters
        ----------
        step
            The step.
        accident
            What goes wrong: see `BenchWorld`.
        wrong_g
            A mass that is put on instead.
        """
        self.world.arrange(setting_of(step, self.world, wrong_g), accident)
        board_of(as_url(self.plug.url)).stage.version += 1


def setting_of(step: Step, world: BenchWorld, wrong_g: float | None = None) -> Setting:
    """Return how an object stands when a step has been done."""
    load_g = step.mass.mass_g if step.mass else world.peg_g * step.pegs
    return Setting(load_g if wrong_g is None else wrong_g, step.up, step.free, step.places)


def calibrate(bench: DemoBench, masses: str = "", class_name: str = "M1") -> Outcome:
    """Go through all steps of a virtual object, without a word.

    Parameters
    ----------
    bench
        The object.
    masses, class_name
        As for `dexkit.bench.weights.weights`.

    Raises
    ------
    DexkitError
        When a step is refused.
    """
    with attached(bench.plug) as connection:
        hello = connection.session.hello
        assert hello is not None
        run = Calibrator(hello, weights(masses or MASSES[bench.object_kind], class_name))
        while (step := run.current) is not None:
            bench.arrange(step)
            run.take(capture_step(connection, step), 1e-9 * connection.now_ns())
        return run.result()
