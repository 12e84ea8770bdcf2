"""The house rules: who may import whom, first lines, generated files, documented parameters."""

import ast
import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dexkit
from dexkit.core import lib

ROOT = Path(__file__).resolve().parent.parent
HOST = ROOT / "host" / "dexkit"

#: What each package may import of dexkit, besides itself. Everything may import core and errors.
MAY_IMPORT = {
    "errors": set(),
    "core": set(),
    "kit_files": set(),
    "whole_file": set(),
    "protocol": set(),
    "hardware": {"protocol"},
    "segment": {"protocol"},
    "recording": {"kit_files", "protocol"},
    "link": {"hardware", "recording", "protocol"},
    "score": {"segment", "recording", "link", "protocol"},
    "assess": {"store", "score", "segment", "recording", "link", "hardware", "protocol"},
    "store": {"recording", "protocol"},
    "report": {"score", "segment", "recording", "protocol"},
    "bench": {"score", "segment", "recording", "link", "hardware", "protocol"},
    "sim": {"recording", "hardware", "protocol"},
    "demo": {"report", "score", "segment", "recording", "link", "protocol", "sim"},
    "demo_tests": {"assess", "link", "sim"},
    "demo_bench": {"bench", "link", "sim"},
    "cli_numbers": set(),
    "cli_bench": {"cli_numbers", "bench", "demo_bench", "link"},
    "cli_records": {"cli_numbers", "assess", "store"},
    "cli_test": {"cli_records", "demo_tests", "assess", "score", "recording", "link"},
    "cli": {
        "cli_bench",
        "cli_numbers",
        "cli_records",
        "cli_test",
        "demo",
        "report",
        "score",
        "segment",
        "recording",
        "link",
        "protocol",
        "sim",
    },
    "__main__": {"cli"},
    "__init__": {"protocol"},
}
PYTHON_FILES = sorted(HOST.rglob("*.py"))
C_FILES = sorted((ROOT / "native").rglob("*.[ch]"))


def imported_packages(path):
    """Return the packages of dexkit that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"dexkit.{alias.name}" for alias in node.names] if node.module == "dexkit" else [node.module]
            )
        for name in names:
            parts = name.split(".")
            if parts[0] == "dexkit" and len(parts) > 1 and parts[1] != "_core":
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda p: str(p.relative_to(HOST)))
def test_imports_go_downwards_only(path):
    package = path.relative_to(HOST).parts[0].removesuffix(".py")
    allowed = MAY_IMPORT[package] | {package, "errors", "core", "kit_files", "whole_file", "__version__"}
    assert imported_packages(path) <= allowed


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda p: str(p.relative_to(HOST)))
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", C_FILES, ids=lambda p: p.name)
def test_every_c_file_opens_with_its_purpose(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("/*")
    if path.suffix == ".c" and path.parent.name == "src":
        opening = text[: text.index("*/")]
        assert re.search(r"\bC\b", opening), "say why it is C"


def test_generated_files_follow_the_schema():
    done = subprocess.run(
        [sys.executable, "-m", "dexkit.protocol.generate", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def public_functions():
    """Yield every public function and class of every public module."""
    for module_info in pkgutil.walk_packages(dexkit.__path__, "dexkit."):
        if module_info.name.rsplit(".", 1)[-1].startswith("_"):
            continue
        module = importlib.import_module(module_info.name)
        for name, thing in vars(module).items():
            if (
                not name.startswith("_")
                and (inspect.isfunction(thing) or inspect.isclass(thing))
                and getattr(thing, "__module__", "") == module.__name__
            ):
                yield f"{module.__name__}.{name}", thing


def test_docstrings_name_only_real_parameters():
    wrong = []
    for name, thing in public_functions():
        doc = inspect.getdoc(thing) or ""
        if "\nParameters\n----" not in doc:
            continue
        section = re.split(r"\n\w[\w ]*\n-{3,}\n", doc.split("\nParameters\n", 1)[1].split("\n", 1)[1])[0]
        named = {
            part.strip(" *")
            for line in re.findall(r"^(\*{0,2}\w[\w*, ]*?)(?: ?:.*)?$", section, flags=re.MULTILINE)
            for part in line.split(",")
        }
        real = set(inspect.signature(thing).parameters)
        if not named <= real:
            wrong.append(f"{name}: {sorted(named - real)}")
    assert not wrong


def test_the_core_is_built():
    """Without it the tests of the core would be skipped, and nobody would notice."""
    assert lib is not None or os.environ.get("DEXKIT_PURE") == "1"


def test_every_dependency_is_explained_and_no_other():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[<>=~[]", requirement)[0] for requirement in wanted} - {"dexkit"}
    npm = json.loads((HOST / "sim/engines/js/package.json").read_text(encoding="utf-8"))
    names |= {f"{name} (npm)" for name in npm["dependencies"]}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    explained = {name.strip() for row in rows[1:] for name in row.split(",")}
    assert explained == names


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *sorted(p.name for p in ROOT.glob("docs/*.md"))]
)
def test_every_link_leads_somewhere(page):
    path = next(p for p in (ROOT / page, ROOT / "docs" / page) if p.is_file())
    links = re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not missing


def test_only_machine_code_with_a_plain_twin_is_left_out_of_the_coverage():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    run = project["tool"]["coverage"]["run"]
    assert run["include"][0] == "firmware/*"
    for path in run["omit"]:
        assert "@micropython.viper" in (ROOT / path).read_text(encoding="utf-8")
        assert (ROOT / path.replace("_fast.py", "_plain.py")).is_file()
