"""The one place that loads the compiled core.

``lib`` and ``ffi`` are None where the core is not built or ``DEXKIT_PURE=1`` asks for the Python twin;
everything then still works, only slower.
"""

import importlib
import os
from typing import Any

ffi: Any = None
lib: Any = None
if os.environ.get("DEXKIT_PURE") != "1":
    try:
        _core = importlib.import_module("dexkit._core")
    except ImportError:
        pass
    else:
        ffi, lib = _core.ffi, _core.lib
