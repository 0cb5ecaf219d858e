"""Who may import whom, and what `import kreg` costs."""

import ast
import pathlib
import subprocess
import sys

import pytest

import kreg

ROOT = pathlib.Path(kreg.__file__).parent

# Each imports only what stands before it; `losses` and `models` stand beside
# `optimizers`.
RANKS = {
    "_backend": 0,
    "_registration": 0,
    "_validation": 0,
    "_numerics": 0,
    "_mapping": 0,
    "_structure": 1,
    "schedules": 1,
    "strength": 2,
    "_strengths": 3,
    "regularizers": 4,
    "layers": 5,
    "losses": 6,
    "models": 6,
    "optimizers": 6,
    "transforms": 7,
    "callbacks": 8,
    "population": 9,
    "tuners": 10,
    "_demo": 11,  # what the command `kreg demo` runs
    "_diagnose_command": 11,
    "cli": 12,
}
# These stand beside the chain: what each may import, and who may import it.
DIAGNOSIS_IMPORTS: set[str] = {"diagnosis"}
REPORTS_IMPORTS = {"reports", "diagnosis"}
MAY_USE_BOTH = {
    "callbacks",
    "population",
    "tuners",
    "_demo",
    "_diagnose_command",
    "cli",
}
BACKENDS = {"tensorflow", "jax", "torch"}

FILES = sorted(ROOT.rglob("*.py"))


def part_of(path):
    """The first name below `kreg` of a file: `layers`, `strength`, ..."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path):
    """Yields the dotted names that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            yield from (f"{node.module}.{a.name}" for a in node.names)


def kreg_parts(path):
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "kreg" and len(parts) > 1:
            yield parts[1]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    importer = part_of(path)
    if importer in ("__init__", "__main__"):
        return
    for imported in kreg_parts(path):
        if importer == "diagnosis":
            assert imported in DIAGNOSIS_IMPORTS
        elif importer == "reports":
            assert imported in REPORTS_IMPORTS
        elif imported in ("diagnosis", "reports"):
            assert importer in MAY_USE_BOTH
        else:
            assert importer == imported or RANKS[imported] < RANKS[importer]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_public_names_of_keras_are_imported(path):
    for name in imports_of(path):
        assert not name.startswith(("keras.src", "keras_tuner.src"))


def test_backends_are_imported_in_modules_of_their_own():
    importers = {
        str(path.relative_to(ROOT))
        for path in FILES
        if any(name.split(".")[0] in BACKENDS for name in imports_of(path))
    }
    assert all(
        pathlib.Path(name).stem.strip("_").endswith(tuple(BACKENDS))
        for name in importers
    ), importers


def test_only_tuners_import_keras_tuner():
    importers = {
        part_of(path)
        for path in FILES
        if any(n.split(".")[0] == "keras_tuner" for n in imports_of(path))
    }
    assert importers == {"tuners"}


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def test_importing_kreg_loads_no_heavy_library_by_itself():
    added = run(
        "import sys, keras; before = set(sys.modules); import kreg\n"
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    heavy = {*BACKENDS, "keras_tuner", "matplotlib", "plotly", "pandas"}
    heavy |= {"scipy", "sklearn", "tensorboard"}
    assert heavy & set(ast.literal_eval(added)) == set()


def test_no_module_is_longer_than_300_lines():
    for path in FILES:
        assert len(path.read_text().splitlines()) <= 300, path
