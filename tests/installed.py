"""A virtual board as an update leaves it: boot code, application and object on its flash."""

import json
from hashlib import sha256

from dexkit.bench.application import Application, build
from dexkit.kit_files import folder

BOOT = folder("firmware") / "boot"
NAMES = ("slots.py", "boot.py", "main.py")


def changed(path, old, new, times=1):
    """Return this dexkit's application with one of its files changed."""
    files = build(compiled=False).files
    assert files[path].count(old.encode()) >= 1
    return Application({**files, path: files[path].replace(old.encode(), new.encode(), times)})


def install(flash, kind, slots=None, state=None):
    """Put the boot code, applications by their slot, and what the board is in, on a flash."""
    for name in NAMES:
        (flash / name).write_bytes((BOOT / name).read_bytes())
    for slot, application in (slots or {}).items():
        for name, data in {**application.files, "manifest.json": application.manifest}.items():
            path = flash / slot / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    (flash / "object").write_text(f"{kind}\n")
    if state:
        (flash / "slot").write_bytes(sealed(state))


def sealed(facts):
    """Return what the boot code believes: a line of JSON and one with its SHA-256."""
    line = json.dumps(facts).encode()
    return line + b"\n" + sha256(line).hexdigest().encode() + b"\n"
