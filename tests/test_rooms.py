"""The rooms: nobody imports from a room further down in the map of CONTRIBUTING, and no modules import each other."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "reluctant"
MODULES = {
    path.relative_to(SOURCE).with_suffix("").as_posix().removesuffix("/__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}


def rooms():
    """Prefixes of module names, room by room, as the table of the map lists them."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("## The map") : text.index("`benchmarks/`, `examples/`")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [re.findall(r"`([^`]+)`", row) for row in rows]


def floor_of(module):
    """Number of the room a module is in; the face of a package stands with the first of its rooms."""
    for floor, names in enumerate(rooms()):
        for name in names:
            if module == name.rstrip("/") or (name.endswith("/") and module.startswith(name)):
                return floor
    beneath = [floor_of(other) for other in MODULES if other.startswith(f"{module}/")]
    if not beneath:
        raise AssertionError(f"{module} is in no room of the map in CONTRIBUTING.md")
    return min(beneath)


def imports(path):
    """Modules of the package that a module imports, at its top, in a function or for types, with the line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    plots = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and f.name == "plot"]
    within_plot = {node for f in plots for node in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "reluctant":
            base = node.module.split(".")[1:]
            names = ["/".join([*base, alias.name]) for alias in node.names]
            targets = [name if name in MODULES else "/".join(base) or "__init__" for name in names]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            targets = ["/".join(name[1:]) or "__init__" for name in names if name[0] == "reluctant"]
        else:
            continue
        for target in targets:
            if not (node in within_plot and target.startswith("report")):
                yield target, node.lineno


ARROWS = {module: set(imports(path)) for module, path in MODULES.items()}


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_nothing_is_imported_from_a_room_further_down(module):
    upward = [f"{target} at line {line}" for target, line in ARROWS[module] if floor_of(target) > floor_of(module)]
    assert upward == []


def test_no_two_modules_import_each_other():
    arrows = {module: {target for target, _ in targets} - {module} for module, targets in ARROWS.items()}
    left = dict(arrows)
    while free := [module for module, targets in left.items() if not targets & left.keys()]:
        for module in free:
            del left[module]
    assert sorted(left) == []


def test_every_room_of_the_map_exists():
    names = [name for room in rooms() for name in room]
    missing = [name for name in names if name.rstrip("/") not in MODULES]
    assert missing == []
