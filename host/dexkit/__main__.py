"""``python -m dexkit`` is ``dexkit``."""

from dexkit.cli import main

main()
