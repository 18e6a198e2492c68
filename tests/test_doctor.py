"""The doctor finds what is there, and says what to do about what is not."""

import subprocess
import sys
from pathlib import Path

import pytest

import app
from pipelines import checkpoint, doctor


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_a_whole_installation_is_well(capsys):
    with pytest.raises(SystemExit) as ended:
        app.main(["--doctor"])
    said = capsys.readouterr().out
    assert ended.value.code == 0, said
    assert "MEND" not in said
    for part in ("Python 3.", "torch 2.", "weights of gan are whole", "memory", "the built-in models", "are free in"):
        assert part in said


def test_the_weights_of_another_folder_are_looked_at(tmp_path):
    command = [sys.executable, "app.py", "--doctor", "--weights", str(tmp_path)]
    done = subprocess.run(command, cwd=Path(app.__file__).parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "weights of gan are whole" not in done.stdout


def test_missing_weights_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    found = doctor.weights("gan")
    assert not found.well
    assert "gan" in found.sentence


@pytest.mark.parametrize(("line", "said"), [("no-such-package>=1", "not installed"), ("torch>=99", "is not >=99")])
def test_missing_and_old_packages_are_said_with_the_command_that_installs_them(line, said):
    found = doctor.package(line)
    assert not found.well
    assert said in found.sentence
    assert doctor.INSTALL in found.sentence


def test_nothing_that_needs_missing_packages_is_looked_at(monkeypatch):
    monkeypatch.setattr(doctor, "package", lambda line: doctor.Finding(False, line))
    monkeypatch.setattr(doctor, "weights", lambda name: pytest.fail("it would need torch"))
    assert not all(finding.well for finding in doctor.examine())


def test_an_old_python_and_a_full_disk_are_said(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert "3.11 or newer" in doctor.python().sentence
    monkeypatch.setattr(doctor, "LEAST_DISK", 1e9)
    assert "TMPDIR" in doctor.disk().sentence
