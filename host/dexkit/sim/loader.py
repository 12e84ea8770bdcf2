"""The CPython ring: firmware sources run with their own modules and MicroPython's names.

Each board has its own module table, its own `sys`, `os` and `open`; several boards run in one process, each
in its thread or as a plain call. What MicroPython does not have cannot be imported, so the firmware stays
honest.
"""

import __future__

import builtins
import errno
import importlib
import importlib.util
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any, Self

from dexkit.sim.board import ops
from dexkit.sim.desk import Desk

BOARD = Path(__file__).parent / "board"
#: Modules of CPython that MicroPython on the RP2040 has too, close enough.
SHARED = (
    "array",
    "binascii",
    "collections",
    "errno",
    "hashlib",
    "io",
    "json",
    "math",
    "random",
    "re",
    "struct",
)
#: What a Pico's file system has room for; a file takes whole blocks of it.
BLOCK_BYTES, BLOCKS = 4096, 352
#: Where published drivers are installed.
DRIVERS = (
    "adafruit_bus_device",
    "adafruit_register",
    "adafruit_lsm6ds",
    "adafruit_mcp230xx",
    "adafruit_mpr121",
    "cedargrove_nau7802",
)

#: MicroPython does not evaluate annotations, so neither does this ring.
_FLAGS = __future__.annotations.compiler_flag

_compiled: dict[Path, tuple[int, CodeType]] = {}


def _code(path: Path) -> CodeType:
    """Return a source file compiled, once for all boards."""
    changed_ns = path.stat().st_mtime_ns
    kept = _compiled.get(path)
    if kept is None or kept[0] != changed_ns:
        source = path.read_text(encoding="utf-8")
        kept = (changed_ns, compile(source, str(path), "exec", _FLAGS, dont_inherit=True))
        _compiled[path] = kept
    return kept[1]


class Loader:
    """Runs firmware on CPython for one desk.

    Parameters
    ----------
    desk
        The board's surroundings.
    flash
        Folder that is the board's flash: `open`, `os` and imports see it as `/`.
    sources
        Further folders to import from, in this order, after the flash; not where the boot code is there.
    """

    def __init__(self, desk: Desk, flash: Path, sources: Sequence[Path] = ()) -> None:
        self.desk, self.flash = desk, flash
        self.sources = sources
        #: A board with the boot code runs nothing but what is on its flash.
        self.is_installed = (flash / "slots.py").is_file()
        self.modules: dict[str, ModuleType] = {}
        self._builtins = {name: getattr(builtins, name) for name in dir(builtins)}
        self._builtins |= {"__import__": self._import, "open": self._open, "print": self._print}
        self._supply("_desk", call=desk.call)
        desk.radio.power_off()
        self._supply("_net", radio=desk.radio)
        self._supply("os", **self._os())
        sys_module = self._supply("sys", **self._sys())
        stdio = self._import("stdio")
        for name in ("stdin", "stdout", "stderr"):
            setattr(sys_module, name, getattr(stdio, name))

    def run(self, name: str) -> ModuleType:
        """Import a module of the firmware by its name, as `import name` on the board does.

        Raises
        ------
        PowerOff
            When the board loses its power or resets.
        """
        return self._load(name)

    def boot(self, program: str, raw: bool = False) -> bool:
        """Run the flash's boot.py and main.py, or else this program, then the prompt until a soft reset.

        Parameters
        ----------
        program
            Source of the main program, where the flash has none.
        raw
            Whether the last start ended at the raw prompt: then there is no main program.

        Returns
        -------
        bool
            What `raw` is at the next start.
        """
        main = self._new("__main__", self.flash / "main.py").__dict__
        for path in (self.flash / "boot.py", self.flash / "main.py"):
            if raw and path.name == "main.py":
                break
            if path.is_file():
                self._run(_code(path), main)
            elif path.name == "main.py":
                self._run(compile(program, "main.py", "exec"), main)
        serve: Callable[[dict[str, Any], bool], bool] = self._load("prompt").serve
        return serve(main, raw)

    def _run(self, code: CodeType, names: dict[str, Any]) -> None:
        """Run a program; tell the console how it failed."""
        try:
            exec(code, names)
        except SystemExit:
            pass
        except (Exception, KeyboardInterrupt) as error:
            self._print("".join(traceback.format_exception(error)))

    # ---------------------------------------------------------------------------------------- importing

    def _supply(self, name: str, **names: Any) -> ModuleType:
        module = ModuleType(name)
        module.__dict__.update(names)
        self.modules[name] = module
        return module

    def _new(self, name: str, path: Path) -> ModuleType:
        module = ModuleType(name)
        module.__dict__["__builtins__"] = self._builtins
        module.__file__ = str(path)
        self.modules[name] = module
        return module

    def _folders(self) -> list[Path]:
        """Return where modules are looked for: sys.path in the flash, then the further folders."""
        on_flash = [self._place(entry) for entry in self.modules["sys"].path]
        return on_flash if self.is_installed else [*on_flash, *self.sources]

    def _find(self, name: str) -> Path | None:
        """Return the file of a module or package; the board's own names come first, then the flash."""
        parts = name.split(".")
        for folder in (BOARD, *self._folders(), *([] if self.is_installed else _driver_folders(parts[0]))):
            place = folder.joinpath(*parts)
            for path in (place / "__init__.py", place.with_suffix(".py")):
                if path.is_file():
                    return path
        return None

    def _load(self, name: str) -> ModuleType:
        if name in self.modules:
            return self.modules[name]
        parent = name.rpartition(".")[0]
        if parent:
            self._load(parent)
        path = self._find(name)
        if path is None and any(folder.joinpath(*name.split(".")).is_dir() for folder in self._folders()):
            module = self._supply(name)  # a folder without __init__.py is a package too
            module.__path__ = []
        elif path is None:
            if name not in SHARED:
                raise ImportError(f"no module named '{name}'")
            self.modules[name] = module = importlib.import_module(name)
        else:
            module = self._new(name, path)
            is_package = path.name == "__init__.py"
            module.__package__ = name if is_package else parent
            if is_package:
                module.__path__ = [str(path.parent)]
            try:
                exec(_code(path), module.__dict__)
            except BaseException:
                self.modules.pop(name, None)
                raise
        if parent:
            setattr(self.modules[parent], name.rpartition(".")[2], module)
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Iterable[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Do what the import statement asks for, in this board's own table."""
        if level:
            package = str((globals or {}).get("__package__", ""))
            for _ in range(level - 1):
                package = package.rpartition(".")[0]
            name = f"{package}.{name}" if name else package
        module = self._load(name)
        if not fromlist:
            return module if level else self.modules[name.partition(".")[0]]
        for part in fromlist:
            if part != "*" and not hasattr(module, part) and hasattr(module, "__path__"):
                self._load(f"{name}.{part}")
        return module

    # ---------------------------------------------------------------------------------- the board's names

    def _print(self, *values: object, sep: str = " ", end: str = "\n", file: Any = None) -> None:
        (file or self.modules["sys"].stdout).write(sep.join(map(str, values)) + end)

    def _place(self, path: str) -> Path:
        """Return where a path of the board is."""
        inside = [part for part in str(path).split("/") if part not in ("", ".")]
        if ".." in inside:
            raise OSError(22, "EINVAL")
        return self.flash.joinpath(*inside)

    def _open(self, path: str, mode: str = "r", **settings: Any) -> Any:
        if isinstance(path, int):
            raise OSError(2, "ENOENT")
        if "b" not in mode:
            settings.setdefault("encoding", "utf-8")
        place = self._place(path)
        if set("wax+").isdisjoint(mode):
            return place.open(mode, **settings)
        kept_bytes = place.stat().st_size if place.is_file() and "w" not in mode else 0
        taken = blocks_taken(self.flash, but=place)
        return _Written(place.open(mode, **settings), (BLOCKS - taken) * BLOCK_BYTES - kept_bytes)

    def _os(self) -> dict[str, Callable[..., Any]]:
        def stat(path: str) -> tuple[int, ...]:
            facts = self._place(path).stat()
            return (facts.st_mode & 0xF000, 0, 0, 0, 0, 0, facts.st_size, 0, 0, 0)

        def ilistdir(path: str = "/") -> list[tuple[str, int, int, int]]:
            entries = sorted(self._place(path).iterdir())
            return [(p.name, 0x4000 if p.is_dir() else 0x8000, 0, p.stat().st_size) for p in entries]

        def statvfs(path: str) -> tuple[int, ...]:
            free = max(BLOCKS - blocks_taken(self.flash), 0)
            return (BLOCK_BYTES, BLOCK_BYTES, BLOCKS, free, free, 0, 0, 0, 0, 255)

        def urandom(count: int) -> bytes:
            board = self._load("_board")
            data: bytes = board.request(ops.CHANCE, count)[1]
            return data

        def uname() -> tuple[str, ...]:
            return ("rp2", "rp2", "1.24.1", "v1.24.1", "Raspberry Pi Pico with RP2040")

        return {
            "stat": stat,
            "ilistdir": ilistdir,
            "listdir": lambda path="/": [entry[0] for entry in ilistdir(path)],
            "mkdir": lambda path: self._place(path).mkdir(),
            "remove": lambda path: self._place(path).unlink(),
            "unlink": lambda path: self._place(path).unlink(),
            "rmdir": lambda path: self._place(path).rmdir(),
            "rename": lambda old, new: self._place(old).replace(self._place(new)),
            "statvfs": statvfs,
            "sync": lambda: None,
            "getcwd": lambda: "/",
            "chdir": lambda path: None,
            "urandom": urandom,
            "uname": uname,
        }

    def _sys(self) -> dict[str, Any]:
        def leave(code: object = None) -> None:
            raise SystemExit(code)

        def print_exception(error: BaseException, file: Any = None) -> None:
            if isinstance(error, OSError):
                text = f"OSError: [Errno {error.errno}] {errno.errorcode.get(error.errno or 0, 'EIO')}"
            else:
                text = f"{type(error).__name__}: {error}"
            self._print(f"Traceback (most recent call last):\n{text}", file=file)

        return {
            "implementation": SimpleNamespace(
                name="micropython",
                version=(1, 24, 1, ""),
                _machine="dexkit virtual board",
                _mpy=0,
                cache_tag="",
            ),
            "platform": "rp2",
            "version": "3.4.0; MicroPython v1.24.1",
            "version_info": (3, 4, 0),
            "byteorder": "little",
            "maxsize": 2**31 - 1,
            "modules": self.modules,
            "path": ["", "/lib"],
            "argv": [],
            "exit": leave,
            "print_exception": print_exception,
        }


class _Written:
    """A file that is written, on a flash with so much room left."""

    def __init__(self, file: Any, room_bytes: int) -> None:
        self._file, self._room_bytes = file, room_bytes

    def write(self, data: Any) -> int:
        """Write all of it, or nothing where there is no room."""
        if len(data) > self._room_bytes:
            raise OSError(errno.ENOSPC, "ENOSPC")
        self._room_bytes -= len(data)
        return int(self._file.write(data))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def blocks_taken(flash: Path, but: Path | None = None) -> int:
    """Return how many blocks the files on a board's flash take.

    Parameters
    ----------
    flash
        The folder that it is.
    but
        A file that does not count.
    """
    files = [path for path in flash.rglob("*") if path != but and path.is_file()]
    return sum(-(-path.stat().st_size // BLOCK_BYTES) for path in files)


def _driver_folders(top: str) -> list[Path]:
    """Return the folder where a published driver is installed."""
    if top not in DRIVERS:
        return []
    found = importlib.util.find_spec(top)
    if found is None or found.origin is None:
        return []
    path = Path(found.origin)
    return [path.parent.parent if path.name == "__init__.py" else path.parent]


def missing_drivers() -> list[str]:
    """Return which published drivers are not installed."""
    return [name for name in DRIVERS if importlib.util.find_spec(name) is None]
