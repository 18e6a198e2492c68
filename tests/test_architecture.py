"""The house keeps its shape: who may import whom, over the syntax tree of every file."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OWN = {
    "app": {"tabs"},
    "tabs": {"tabs", "pipelines"},
    "pipelines": {"pipelines"},
    "training": {"training", "pipelines"},
    "benchmarks": {"benchmarks", "training", "pipelines"},
}
LIBRARIES = {
    "gradio": {"app", "tabs"},
    "diffusers": {"pipelines", "training", "benchmarks"},
    "transformers": {"pipelines", "training"},
    "torch": {"pipelines", "training", "benchmarks"},
    "tensorboard": {"training"},
    "sklearn": {"training"},
    "pickle": set(),
}


def files(part: str) -> list[Path]:
    return [ROOT / "app.py"] if part == "app" else sorted((ROOT / part).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Top-level names of everything that `path` imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("part", OWN)
def test_parts_import_only_what_stands_below_them(part):
    paths = files(part)
    assert paths
    for path in paths:
        assert imports(path) & OWN.keys() <= OWN[part], path


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_stay_where_they_belong(library):
    users = {part for part in OWN for path in files(part) if library in imports(path)}
    assert users <= LIBRARIES[library]


def test_weights_are_never_unpickled():
    for part in OWN:
        for path in files(part):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                    safe = {word.arg: ast.unparse(word.value) for word in node.keywords}
                    assert safe.get("weights_only") == "True", f"{path}:{node.lineno}"


def test_every_file_opens_with_a_docstring():
    for part in OWN:
        for path in files(part):
            assert ast.get_docstring(ast.parse(path.read_text())), path
