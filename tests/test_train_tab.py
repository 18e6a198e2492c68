"""Trainings of the page as processes: begun, paused, gone on, finished, used; one at a time, and only where allowed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pipelines.errors import InputError
from pipelines.text_to_image.pipeline import load_text_to_image
from tabs import offers, training_forecast, training_progress, training_runs, training_view
from tabs.training_plans import MODELS, PRESETS, SAMPLE_SET, plan, source

LOOK = 0.2  # seconds between two looks at a process


@pytest.fixture
def studio(tmp_path, monkeypatch):
    """Training allowed, its runs in a folder of their own, which is left without processes."""
    monkeypatch.setenv("TUWEN_TRAINING", "folders")
    monkeypatch.setenv("TUWEN_RUNS", str(tmp_path / "studio"))
    yield tmp_path / "studio"
    for run in training_runs.everything():
        if process := run.process:
            process.kill()


@pytest.fixture
def trained_here(tiny_weights, monkeypatch):
    monkeypatch.setenv("TUWEN_WEIGHTS", str(tiny_weights))


def tiny(data: Path, **flags) -> training_runs.Plan:
    return replace(plan("gan", "look", str(data)), minutes=60, flags={"preset": "tiny", **flags})


def ended(run: training_runs.Run) -> training_runs.Run:
    if process := run.process:
        process.wait(300)
    return training_runs.find(run.name)


def told(run: training_runs.Run, beyond: int = 0) -> int:
    """The last step that a run has told, once it is beyond a step."""
    while not (lines := training_progress.read(run.folder)) or lines[-1]["step"] <= beyond:
        try:
            process = run.process
            assert process, training_progress.log_lines(run.folder)
            process.wait(LOOK)
        except psutil.TimeoutExpired:
            continue
    return lines[-1]["step"]


def test_a_run_is_paused_goes_on_ends_and_is_used(studio, trained_here, captioned_folder):
    run = training_runs.start(tiny(captioned_folder, max_steps=100_000))
    assert run.phase in ("starting", "running")
    told(run)
    assert training_runs.find(run.name).phase == "running"
    with pytest.raises(InputError) as busy:
        training_runs.start(tiny(captioned_folder))
    assert busy.value.code == "train_busy"
    with pytest.raises(InputError):
        training_runs.remove(run)

    run = ended(training_runs.ask(run, "pause"))
    assert run.phase == "paused"
    assert run.exported
    paused_at = training_progress.read(run.folder)[-1]["step"]

    run = training_runs.resume(run)
    told(run, beyond=paused_at)
    run = ended(training_runs.ask(run, "end"))
    assert run.phase == "finished"
    training_runs.settle(run)
    assert not list(run.folder.glob("state-*"))
    facts = json.loads((run.weights / "training.json").read_text())
    card = (run.weights / "README.md").read_text()
    for known in (facts["steps"], facts["minutes"], "pictures, 9 pictures", "training.train_gan", "loss_d"):
        assert str(known) in card
    assert str(captioned_folder) not in card

    assert run.name in offers.choices()
    assert len(load_text_to_image(offers.offered(run.name))("a red flower", num_images=2, seed=1).images) == 2
    shown = training_view.run_html(run, run.phase, "zh")
    assert shown.count("<polyline") == 2
    assert "data:image/webp" in shown
    training_runs.remove(run)
    assert training_runs.everything() == []
    assert not run.weights.exists()


def test_a_crash_is_said_with_its_last_line(studio, trained_here, captioned_folder):
    run = ended(training_runs.start(tiny(captioned_folder, init_from="<b>nowhere</b>")))
    assert run.phase == "failed"
    shown = training_view.run_html(run, run.phase, "en")
    assert "It failed" in shown
    assert "&lt;b&gt;nowhere" in shown
    assert "<b>nowhere" not in shown


def test_another_programs_process_is_never_taken_for_a_run(studio):
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder = studio / "gan-old"
    folder.mkdir(parents=True)
    run = training_runs.Run(folder, plan("gan", "look", "x"), stranger.pid, ("python", "-m", "training.train_gan"), 1.0)
    assert run.process is None
    assert run.phase == "failed"
    training_runs.ask(run, "end")
    assert stranger.poll() is None
    stranger.communicate(b"\n")
    assert stranger.returncode == 0


def test_nothing_happens_where_training_is_off(studio, captioned_folder, monkeypatch):
    run = training_runs.Run(studio / "gan-1", tiny(captioned_folder))
    monkeypatch.delenv("TUWEN_TRAINING")
    for act in (
        lambda: training_runs.start(run.plan), lambda: training_runs.resume(run),
        lambda: training_runs.ask(run, "end"), lambda: training_runs.remove(run),
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            act()
        assert caught.value.code == "train_off"
    assert training_runs.usable("create") == {}
    assert not studio.exists()


def test_a_public_page_trains_on_the_sample_set_only(captioned_folder):
    assert source("sample", str(captioned_folder), folders_allowed=False) == str(SAMPLE_SET)
    with pytest.raises(InputError) as caught:
        source("folder", str(captioned_folder), folders_allowed=False)
    assert caught.value.code == "train_folders_off"


@pytest.mark.parametrize("typed", ["", "  ", "/no/such/folder", "~nobody-here/pictures", "a\0b"])
def test_a_folder_that_is_not_there_is_said(typed):
    with pytest.raises(InputError) as caught:
        source("folder", typed, folders_allowed=True)
    assert caught.value.code in ("train_folder_unnamed", "folder_missing")


def test_a_plan_is_told_in_sentences_before_it_begins(trained_here, captioned_folder, tmp_path):
    wanted = tiny(captioned_folder)
    shown = training_forecast.forecast_html(wanted, *training_forecast.forecast(wanted), "en")
    assert "12 pictures with 24 English and 12 Chinese" in shown
    assert "32 × 32" in shown
    assert "GB are free" in shown
    assert str(captioned_folder) not in shown
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError) as caught:
        training_forecast.forecast(tiny(tmp_path / "none"))
    assert caught.value.code == "data_empty"


@pytest.mark.parametrize("model", PRESETS)
def test_every_preset_is_a_command_line(model):
    for preset in PRESETS[model]:
        command = plan(model, preset, "/data").command()
        assert command[1:5] == ["-m", MODELS[model].program, "--data", "/data"]
        assert all(isinstance(word, str) for word in command)


def test_lines_that_were_written_twice_count_once(tmp_path):
    steps = [(1, 1.0), (2, 2.0), (3, 3.0), (2, 2.5), (3, 3.5)]
    lines = [json.dumps({"step": s, "max_steps": 10, "seconds": t, "loss": 1 / s}) for s, t in steps]
    (tmp_path / training_progress.PROGRESS).write_text("\n".join([*lines, '{"step": 4, "max']))
    read = training_progress.read(tmp_path)
    assert [(line["step"], line["seconds"]) for line in read] == [(1, 1.0), (2, 2.5), (3, 3.5)]
    assert training_progress.done(read, minutes=0.1) == pytest.approx(3.5 / 6)
    assert training_progress.seconds_left(read, minutes=0.1) == pytest.approx(2.5)
    assert training_progress.seconds_left(read, minutes=60) == pytest.approx(1.25 * 7)
    assert len(training_progress.curve(read, "loss", 2)) == 2


def test_a_process_that_went_without_a_word_has_no_sentence():
    assert training_progress.failure(["a warning", " 12%|█   | 80/320 [00:01<00:05, 47.7ex/s]"]) == ""
    assert training_progress.failure(["ValueError: no such thing"]) == "no such thing"
    assert training_progress.failure([]) == ""
