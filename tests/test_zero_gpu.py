"""On a Space that lends its GPU, pretrained pipelines work in the process that has it; everything else does without."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_pipelines import save_tiny_stable_diffusion

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def came(tmp_path_factory) -> dict:
    folder = save_tiny_stable_diffusion(tmp_path_factory.mktemp("models") / "tiny-sd")
    command = [sys.executable, "-m", "tests.lent_gpu", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_page_says_at_its_start_that_it_asks_for_a_gpu(came):
    assert came["asked"][0] == "/startup-report"


def test_each_call_borrows_the_gpu_and_gives_it_back(came):
    assert came["asked"][1:4] == ["/schedule", "/allow", "/release"]
    assert came["asked"].count("/schedule") == came["asked"].count("/release") == 3


def test_steps_and_pictures_come_out_of_its_process(came):
    assert came["steps"] == [[number, 2] for number in range(1, 6)]
    assert came["again"]
    assert came["here"]


def test_a_stop_ends_the_run_there(came):
    assert came["stopped"] == [1, 2, "stopped"]


def test_our_own_models_need_none(came):
    assert came["own"] == 1
