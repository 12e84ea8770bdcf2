"""Hands the C core to setuptools, and the kit's own files to the wheel; the rest is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithKit(build_py):
    """Copies firmware sources and hardware files to where dexkit.kit_files looks in an installed wheel."""

    def run(self) -> None:
        """Build as usual, then copy; an editable installation reads the checkout."""
        super().run()
        if not self.editable_mode:
            for name in ("firmware", "hardware"):
                shutil.copytree(
                    ROOT / name,
                    Path(self.build_lib) / "dexkit" / "kit" / name,
                    ignore=shutil.ignore_patterns("__pycache__", "*.mpy"),
                    dirs_exist_ok=True,
                )


setup(
    cffi_modules=["host/build_core.py:ffibuilder"],
    cmdclass={"build_py": BuildWithKit},
    # cffi writes to the limited C API, so one wheel serves every Python from 3.11 on.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
