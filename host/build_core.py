"""Builds dexkit._core: the C core in native/, seen through cffi in API mode.

The public header is the only declaration: it is stripped of preprocessor lines and handed to cffi, so
Python and C cannot disagree about a signature.
"""

import re
import sys
from pathlib import Path

from cffi import FFI

NATIVE = Path(__file__).resolve().parent.parent / "native"
HEADERS = ["dk_schema.h", "dexkit.h"]


def declarations() -> str:
    """Return the public headers as text that cffi can parse."""
    text = "\n".join((NATIVE / "include" / name).read_text(encoding="utf-8") for name in HEADERS)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    constants = re.findall(r"^#define (DK_\w+) \(?-?\d+\)?\s*$", text, flags=re.MULTILINE)
    text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\bDK_(?:CHECK|API)\b", "", text)
    return "\n".join(f"#define {name} ..." for name in constants) + "\n" + text


# No contraction to fused multiply-add: the Python twin must see the same bits on every machine.
# No errno from sqrt: nothing reads it, and with it no loop over sqrt can use wide registers.
UNIX_FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"]
FLAGS = ["/std:c11"] if sys.platform == "win32" else UNIX_FLAGS

ffibuilder = FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source(
    "dexkit._core",
    '#include "dexkit.h"',
    sources=sorted(f"native/src/{path.name}" for path in (NATIVE / "src").glob("*.c")),
    depends=sorted(f"native/{path.parent.name}/{path.name}" for path in NATIVE.glob("*/*.h")),
    include_dirs=["native/include", "native/src"],
    extra_compile_args=FLAGS,
)

if __name__ == "__main__":
    print(declarations())
