"""Writes everything that follows from schema.toml; `--check` compares instead of writing.

Run as ``python -m dexkit.protocol.generate``. One function writes one file.
"""

import argparse
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
GENERATED = "generated from protocol/schema.toml by `make generate`; do not edit"

Schema = dict[str, Any]


def load_schema() -> Schema:
    """Return the schema as plain dictionaries."""
    return tomllib.loads((HERE / "schema.toml").read_text(encoding="utf-8"))


def c_header(schema: Schema) -> str:
    """Return native/include/dk_schema.h: object and event numbers, table columns, settings."""
    lines = [
        f"/* The schema's numbers for C: {GENERATED}. */",
        "#ifndef DK_SCHEMA_H",
        "#define DK_SCHEMA_H",
        "",
    ]
    objects = schema["objects"]
    lines.append("enum dk_object {")
    lines += [f"    DK_OBJECT_{name.upper()} = {o['id']}," for name, o in objects.items()]
    lines += ["};", "", "enum dk_event_kind {"]
    for o in objects.values():
        for kind, event in o["events"].items():
            lines.append(f"    DK_{kind.upper()} = {event['id']}, /* {event['means']} */")
    lines += ["};", ""]
    for name, o in objects.items():
        upper = name.upper()
        lines += [f"/* {o['title']}: columns of a row, then settings in the order of the schema. */"]
        lines.append(f"#define DK_{upper}_COLUMNS {len(o['table'])}")
        lines.append(f"#define DK_{upper}_SETTINGS {len(o['settings'])}")
        lines.append(f"typedef struct dk_{name}_settings {{")
        for setting, facts in o["settings"].items():
            lines.append(f"    double {setting}; /* {facts['means']} */")
        lines += [f"}} dk_{name}_settings;", ""]
    lines += ["#endif", ""]
    return "\n".join(lines)


def python_tables(schema: Schema) -> str:
    """Return host/dexkit/protocol/tables.py: the same facts for the host."""
    objects = schema["objects"]
    lines = [f'"""The schema\'s facts for the host: {GENERATED}."""', ""]
    lines.append("#: Number of each object kind, as in hello.")
    lines.append("OBJECT_ID = {")
    lines += [f'    "{name}": {o["id"]},' for name, o in objects.items()]
    lines += ["}", "", "#: Columns that an object's segmenter reads, in order, as float32."]
    lines.append("TABLE: dict[str, tuple[str, ...]] = {")
    for name, o in objects.items():
        lines.append(f'    "{name}": (')
        lines += [f'        "{column}",' for column in o["table"]]
        lines.append("    ),")
    lines += ["}", "", "#: Event kinds of each object with the number each has in C."]
    lines.append("EVENT_ID: dict[str, dict[str, int]] = {")
    for name, o in objects.items():
        lines.append(f'    "{name}": {{')
        lines += [f'        "{kind}": {event["id"]},' for kind, event in o["events"].items()]
        lines.append("    },")
    lines += [
        "}",
        "",
        "#: Settings of each object's segmenter with their defaults; meanings in docs/protocol.md.",
    ]
    lines.append("SETTINGS: dict[str, dict[str, float]] = {")
    for name, o in objects.items():
        lines.append(f'    "{name}": {{')
        lines += [f'        "{key}": {float(facts["default"])!r},' for key, facts in o["settings"].items()]
        lines.append("    },")
    lines += ["}", ""]
    return "\n".join(lines)


#: Each generated file, from the project's root, and the function that writes it.
FILES: dict[str, Callable[[Schema], str]] = {
    "native/include/dk_schema.h": c_header,
    "host/dexkit/protocol/tables.py": python_tables,
}


def main() -> int:
    """Write or check every generated file; return 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    schema = load_schema()
    stale = []
    for name, write in FILES.items():
        path, text = ROOT / name, write(schema)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{'differs from the schema: ' if check else 'wrote '}{name}")
    if stale and check:
        print("Run `make generate` and commit the result.")
    return int(bool(stale and check))


if __name__ == "__main__":
    sys.exit(main())
