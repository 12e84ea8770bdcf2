"""A computer for the doctor: its files in a folder, its faults as they are planted."""

import os
from pathlib import Path

from dexkit import __version__
from dexkit.bench.machine import Machine
from dexkit.link.listing import Seen
from dexkit.link.news import Hello
from dexkit.link.ports import RULES, Plug, rules_file
from dexkit.protocol.tables import SCHEMA_HASH

PORT = "/dev/ttyACM0"


class Computer:
    """A healthy computer with one board, except for what is said."""

    def __init__(
        self,
        root,
        *,
        may_read=True,
        may_write=True,
        holder=None,
        manager=False,
        rule=True,
        firmware=__version__,
        driver="2.1.4",
        free_mb=5e4,
        now_s=1.8e9,
        tested="2026-12-01T00:00:00Z",
        is_admin=False,
        platform="linux",
    ):
        self.root, self.done = Path(root), []
        self.allowed = {os.R_OK: may_read, os.W_OK: may_write}
        self.firmware, self.driver, self.free_mb, self.now_s = firmware, driver, free_mb, now_s
        self.is_admin, self.platform = is_admin, platform
        self.write("dev/ttyACM0", "")
        self.write("etc/group", "root:x:0:\ndialout:x:20:\n")
        for number, name in enumerate([holder or "bash", "ModemManager" if manager else "sshd"], 400):
            self.write(f"proc/{number}/comm", name + "\n")
            (self.root / f"proc/{number}/fd").mkdir()
        if holder:
            (self.root / "proc/400/fd/3").symlink_to(PORT)
        if rule:
            text = rules_file().read_text() if rule is True else rule
            self.write(f"etc/udev/rules.d/{RULES}", text)
        self.write("home/dexkit/selftests/aa.jsonl", f'{{"time": "{tested}"}}\nbroken\n')

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def machine(self):
        def may(path, how):
            return self.allowed[how] if path.name == "ttyACM0" else True

        said = {"sensors": {"plate": "ok"}}
        hello = Hello("coaster", "aa", self.firmware, SCHEMA_HASH, 1, {}, None, said)
        steady = iter(range(1000))
        return Machine(
            platform=self.platform,
            python=(3, 12, 1),
            root=self.root,
            user="ada",
            groups=frozenset({"ada"}),
            is_admin=self.is_admin,
            config=self.root / "home/dexkit",
            here=self.root / "home",
            plugs=lambda: [Plug(PORT)],
            look=lambda ports: [Seen(plug, hello, "free", "") for plug in ports],
            may=may,
            group_of=lambda path: "dialout",
            version=lambda name: self.driver,
            requires=lambda: ["numpy>=2.0", "cedargrove-nau7802==2.1.4 ; extra == 'flash'"],
            has_core=True,
            free_bytes=lambda path: int(1e6 * self.free_mb),
            now_s=lambda: self.now_s,
            steady_s=lambda: next(steady),
            run=lambda command: self.done.append(list(command)),
        )
