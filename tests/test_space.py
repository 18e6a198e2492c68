"""What a Space gets: all that the page needs, and nothing else; and the configurations beside it are read."""

import ast

import pytest
from accelerate.commands.config import load_config_from_file

from deploy import space


def test_a_dry_run_lists_what_the_page_needs(capsys):
    space.main(["somebody/tuwen", "--dry-run"])
    listed = capsys.readouterr().out
    for name in ("app.py", "requirements.txt", "README.md", "weights/gan/config.json", "tabs/create.py"):
        assert name in listed
    assert "tests/" not in listed
    assert "__pycache__" not in listed


def test_no_file_of_the_page_is_larger_than_a_space_takes_or_imports_what_stays_behind():
    files = space.files_of_the_page()
    assert max(files.values()) < 40e6
    for name in files:
        if name.endswith(".py"):
            tree = ast.parse((space.ROOT / name).read_text(encoding="utf-8"))
            modules = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
            assert not any(m.split(".")[0] in ("training", "tests", "benchmarks", "deploy") for m in modules)


def test_the_front_matter_is_whole():
    head = (space.ROOT / "README.md").read_text(encoding="utf-8").split("---")[1]
    facts = dict(line.split(": ", 1) for line in head.strip().splitlines())
    assert facts["sdk"] == "gradio"
    assert (space.ROOT / facts["app_file"]).is_file()
    assert facts.keys() >= {"title", "emoji", "sdk_version", "python_version", "license", "short_description"}


@pytest.mark.parametrize("path", sorted((space.ROOT / "deploy/accelerate").glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_reads_the_configurations(path):
    read = load_config_from_file(str(path))
    assert read.num_processes > 1
    assert read.main_training_function == "main"
