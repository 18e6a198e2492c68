"""Trainings of the page as processes: begun, paused, gone on, finished, used; one at a time, and only where allowed."""

import importlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pipelines import checkpoint
from pipelines.errors import InputError
from pipelines.text_to_image.pipeline import load_text_to_image
from tabs import offers, train, training_forecast, training_progress, training_runs, training_view
from tabs.training_plans import DIGITS, MODELS, PRESETS, SAMPLE_SET, plan, source
from training.config import TrainingConfig, parse
from training.counts import counts
from training.states import FACTS

LOOK = 0.2  # seconds between two looks at a process
ROUNDS = 500  # of threads that race
ENDLESS = 100_000  # steps that no preset's time is enough for


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
    assert os.getpgid(run.pid) != os.getpgid(0)  # Ctrl+C is not for it
    assert os.getsid(run.pid) == os.getsid(0)    # and the page goes first
    assert psutil.Process(run.pid).nice() == training_runs.NICE
    with pytest.raises(InputError) as busy:
        training_runs.start(tiny(captioned_folder))
    assert busy.value.code == "train_busy"
    with pytest.raises(InputError):
        training_runs.remove(run)

    run = ended(training_runs.ask(run, "pause"))
    assert run.phase == "paused"
    assert run.exported
    paused_at = training_progress.read(run.folder)[-1]["step"]
    assert training_progress.newest_state(run.folder)["step"] >= paused_at

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
    assert shown.count("<polyline") == 3  # two losses, and the distance from real pictures
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


def recorded(studio: Path, name: str, data: str = DIGITS, seconds: float | None = None, **values) -> training_runs.Run:
    """A run as it stands on disk without a process; `seconds`: with a state after so many, and weights."""
    run = training_runs.Run(studio / name, plan("gan", "look", data), started=time.time() + 60, **values)
    run.folder.mkdir(parents=True)
    if seconds is not None:
        for path, content in (
            (run.folder / "state-00000040" / FACTS, {"step": 40, "seconds": seconds}),
            (run.weights / "training.json", {"num_training_pictures": 9, "skipped": 0, "steps": 40, "minutes": 0.2,
                                             "config": {"seed": 0}}),
            (run.weights / checkpoint.CHECKSUMS, {"model.safetensors": "0" * 64}),
        ):  # fmt: skip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
    return training_runs._record(run)


def test_where_strangers_may_come_they_learn_nothing_of_private_runs(studio, captioned_folder, monkeypatch):
    private = recorded(studio, "gan-private", str(captioned_folder), seconds=1)
    run = recorded(studio, "gan-open", seconds=1)
    (run.folder / training_progress.LOG).write_text("InputError: '/srv/secret' can't be read\n")
    assert "/srv/secret" in training_view.run_html(run, "failed", "en")
    monkeypatch.setenv("TUWEN_TRAINING", "samples")
    for language in ("en", "zh"):
        assert "secret" not in str(train.page(run.name, language))
    assert [seen.name for seen in training_runs.shown()] == [run.name]
    assert list(training_runs.usable("create")) == [run.name]
    with pytest.raises(InputError) as unknown:
        training_runs.find(private.name)
    assert unknown.value.code == "train_unknown"
    with pytest.raises(InputError) as kept:
        training_runs.remove(run)
    assert kept.value.code == "train_remove_off"
    assert run.folder.is_dir()
    with pytest.raises(InputError) as refused:
        training_forecast._answer([sys.executable, "-c", "raise SystemExit('/srv/secret')"])
    assert "secret" not in str(refused.value)


def test_a_paused_run_that_is_ended_before_it_goes_on_is_finished(studio):
    run = recorded(studio, "gan-1", seconds=12, asked="pause")
    assert run.phase == "paused"
    assert training_runs.ask(run, "end").phase == "finished"
    assert training_runs.ask(recorded(studio, "gan-2"), "end").phase == "stopped"


def test_a_crash_goes_on_from_its_state_or_from_the_beginning(studio):
    line = json.dumps({"step": 50, "max_steps": 100, "seconds": 60.0})
    runs = recorded(studio, "gan-1", seconds=30), recorded(studio, "gan-2")
    for run in runs:
        (run.folder / training_progress.PROGRESS).write_text(line)
    assert [training_runs.minutes_left(run) for run in runs] == [1.5, 2]
    told = [training_view.run_html(run, run.phase, "en") for run in runs]
    assert ["last saved state" in shown for shown in told] == [True, False]
    assert 'aria-label="Training"' in told[0]


def test_a_run_that_ends_before_many_pages_gets_one_card(studio):
    run = recorded(studio, "gan-1", seconds=12, asked="end")
    with ThreadPoolExecutor(8) as pool:
        for _ in range(ROUNDS):
            list(pool.map(training_runs.settle, [run] * 8))
            assert "gan-1" in (run.weights / "README.md").read_text()
            (run.weights / "README.md").unlink()
    assert not list(run.folder.glob("state-*"))


def test_a_page_that_shows_a_run_as_it_is_changes_nothing(studio):
    run = recorded(studio, "gan-1", asked="pause")
    *_, seen = train.page(run.name, "en")
    assert train.page(run.name, "en", seen) == train.remove(None, "en") == {"__type__": "update"}


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


def test_a_plan_is_told_in_sentences_before_it_begins(studio, trained_here, captioned_folder, tmp_path):
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
def test_every_preset_is_a_command_line_of_its_trainer(model):
    program = importlib.import_module(MODELS[model].program)
    config = next(
        c for c in vars(program).values()
        if isinstance(c, type) and issubclass(c, TrainingConfig) and c.__module__ == program.__name__
    )  # fmt: skip
    for preset in PRESETS[model]:
        wanted = plan(model, preset, "/data")
        command = wanted.command()
        assert command[1:3] == ["-m", MODELS[model].program]
        parsed = parse(config(), program.PRESETS, "", command[3:])
        assert (parsed.data, parsed.max_minutes) == (["/data"], wanted.minutes)
        flags = {**program.PRESETS.get(wanted.flags.get("preset"), {}), **wanted.flags}
        flags.pop("preset", None)
        assert {name: getattr(parsed, name) for name in flags} == flags
        assert "max_steps" in wanted.flags or parsed.max_steps >= ENDLESS  # else it is said to end by its time


def test_pictures_without_words_count_where_none_are_needed(captioned_folder):
    lines = (captioned_folder / "metadata.jsonl").read_text().splitlines()
    rows = [{key: value for key, value in json.loads(line).items() if key == "file_name"} for line in lines]
    (captioned_folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = counts(str(captioned_folder))
    assert (found["pictures"], found["train"], found["train_pictures"]) == (12, 0, 9)
    dry_run = {"config": {"batch_size": 4, "max_steps": 9}, "parameters": {}, "memory_mb": {}}
    for model, number in (("mlp-gan", 9), ("gan", 0)):
        shown = training_forecast.forecast_html(plan(model, "look", str(captioned_folder)), dry_run, found, "en")
        assert f"; {number} to train on" in shown


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
