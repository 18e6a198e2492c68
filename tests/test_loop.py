"""The shared training loop: the average moves, half-written states are passed over, the time budget holds."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn

from training.config import TrainingConfig, parse, recorded
from training.loop import TrainingRun

CONFIG = TrainingConfig(max_steps=5, log_every=1, save_every=2, save_total_limit=2, ema_decay=0.9)


def fit(config: TrainingConfig) -> tuple[TrainingRun, nn.Module, nn.Module]:
    """Fit a line to noise, as short as a training loop can be."""
    run = TrainingRun(config)
    model = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    model, optimizer, scheduler = run.prepare(model, optimizer, run.schedule(optimizer))
    ema = run.ema(model)
    for _ in run.steps():
        loss = (model(torch.randn(8, 2)) - torch.randn(8, 1)).square().mean()
        optimizer.zero_grad()
        run.accelerator.backward(loss)
        optimizer.step()
        scheduler.step()
        ema.update_parameters(model)
        run.log(loss=loss)
        run.sample(Image.new("RGB", (4, 4)))
    return run, model, ema.module


def equal(first: nn.Module, second: nn.Module) -> bool:
    other = second.state_dict()
    return all(torch.equal(x, other[name]) for name, x in first.state_dict().items())


def test_the_average_follows_behind_parameters_and_buffers(tmp_path):
    _, model, average = fit(replace(CONFIG, output_dir=str(tmp_path)))
    assert not equal(model, average)
    assert int(average[1].num_batches_tracked) == int(model[1].num_batches_tracked)
    assert not torch.equal(average[1].running_mean, torch.zeros(1))


def test_only_the_newest_states_are_kept(tmp_path):
    fit(replace(CONFIG, output_dir=str(tmp_path)))
    assert sorted(p.name for p in tmp_path.glob("state-*")) == ["state-00000004", "state-00000005"]


def test_a_state_that_was_being_written_is_passed_over(tmp_path):
    unbroken = fit(replace(CONFIG, output_dir=str(tmp_path / "unbroken")))
    fit(replace(CONFIG, output_dir=str(tmp_path / "killed"), max_steps=4))
    broken = tmp_path / "killed" / "state-00000005"
    broken.mkdir()  # no run.json: the process died before the state was whole
    (broken / "model.safetensors").write_bytes(b"half")
    run, model, average = fit(replace(CONFIG, output_dir=str(tmp_path / "killed"), resume=True))
    assert run.step == 5
    assert equal(model, unbroken[1])
    assert equal(average, unbroken[2])


def test_the_time_budget_stops_a_run_cleanly(tmp_path):
    run, _, _ = fit(replace(CONFIG, output_dir=str(tmp_path), max_steps=10_000_000, max_minutes=1e-9))
    assert run.step == 1
    assert json.loads((tmp_path / "state-00000001" / "run.json").read_text())["step"] == 1


def test_a_run_that_is_told_to_terminate_ends_after_its_step_with_a_state(tmp_path):
    run = TrainingRun(replace(CONFIG, output_dir=str(tmp_path), max_steps=10_000_000))
    for step in run.steps():
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
    assert json.loads((tmp_path / "state-00000003" / "run.json").read_text())["step"] == 3


def test_progress_is_told_a_line_each_time(tmp_path):
    fit(replace(CONFIG, output_dir=str(tmp_path)))
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5]
    assert all({"max_steps", "seconds", "loss"} <= line.keys() for line in lines)


def test_samples_become_files_and_scalars_reach_tensorboard(tmp_path):
    fit(replace(CONFIG, output_dir=str(tmp_path)))
    assert len(list((tmp_path / "samples").glob("*.webp"))) == 5
    assert list(tmp_path.rglob("events.out.tfevents.*"))


def test_flags_override_the_preset_and_the_preset_the_defaults():
    presets = {"quick": {"max_steps": 7, "batch_size": 3}}
    config = parse(CONFIG, presets, "", ["--preset", "quick", "--batch_size", "9", "--data", "a", "b"])
    assert (config.max_steps, config.batch_size, config.log_every, config.data) == (7, 9, 1, ["a", "b"])


def test_an_unknown_preset_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse(CONFIG, {"quick": {}}, "", ["--preset", "slow"])
    assert "quick" in capsys.readouterr().err


def test_a_card_names_data_without_the_folders_of_one_machine():
    config = recorded(replace(CONFIG, data=["/home/ada/pictures/birds", "lab/flowers"], output_dir="/home/ada/run"))
    assert config["data"] == ["birds", "flowers"]
    assert "/home" not in json.dumps(config)
