"""The shared training loop: the average moves, states are whole or not there, a run goes on only as it began, and what
diverges or does not get better ends."""

import importlib.util
import json
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate.utils import DistributedType
from PIL import Image
from torch import nn

from pipelines.errors import InputError
from training.config import AT_LEAST_ONE, TrainingConfig, parse, recorded
from training.loop import TrainingRun
from training.optimizers import build_optimizer, build_schedule

CONFIG = TrainingConfig(
    max_steps=5, log_every=1, save_every=2, save_total_limit=2, ema_decay=0.9, learning_rate=0.1, report_to="none"
)


def fit(
    config: TrainingConfig,
    data: str = "",
    score: Callable[[int], float] | None = None,
    spoil: Callable[[int], float] = lambda step: 1.0,
) -> tuple[TrainingRun, nn.Module, nn.Module]:
    """Fit a line to noise, as short as a training loop can be; `score` judges a step, `spoil` multiplies its loss."""
    run = TrainingRun(config)
    model = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    optimizer = run.optimizer(model.parameters())
    ema = run.ema(model)
    model, optimizer, schedule = run.prepare(model, optimizer, run.schedule(optimizer))
    for step in run.steps(data):
        for _ in run.batches(model):
            loss = (model(torch.randn(8, 2)) - torch.randn(8, 1)).square().mean() * spoil(step)
            run.descend(loss, optimizer, schedule)
        ema.update_parameters(model)
        run.log(loss=loss)
        run.sample(Image.new("RGB", (4, 4)))
        if score:
            run.validated({"score": score(step)}, score(step))
    return run, model, ema.module


def refused(config: TrainingConfig, **how) -> InputError:
    with pytest.raises(InputError) as caught:
        fit(config, **how)
    return caught.value


def test_only_a_training_that_can_shares_its_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("training.loop.Accelerator", lambda **_: SimpleNamespace(distributed_type=DistributedType.FSDP))
    config = TrainingConfig(output_dir=str(tmp_path), report_to="none")
    assert refused(config).code == "not_shared"
    assert TrainingRun(config, may_share=True).memory_format == torch.contiguous_format


def states(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.glob("state-*"))


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
    assert states(tmp_path) == ["state-00000004", "state-00000005"]


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


def test_whoever_listened_for_the_signal_before_hears_of_it(tmp_path):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        for _ in TrainingRun(replace(CONFIG, output_dir=str(tmp_path))).steps():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_progress_is_told_a_line_each_time(tmp_path):
    fit(replace(CONFIG, output_dir=str(tmp_path)))
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5]
    assert all({"max_steps", "seconds", "loss"} <= line.keys() for line in lines)


def test_samples_become_files_and_scalars_reach_tensorboard(tmp_path):
    fit(replace(CONFIG, output_dir=str(tmp_path), report_to="tensorboard"))
    assert len(list((tmp_path / "samples").glob("*.webp"))) == 5
    assert list(tmp_path.rglob("events.out.tfevents.*"))


def test_a_tracker_that_is_not_installed_is_said():
    missing = [name for name in ("trackio", "wandb") if not importlib.util.find_spec(name)]
    if not missing:
        pytest.skip("both are installed")
    with pytest.raises(InputError, match=f"pip install {missing[0]}"):
        TrainingRun(replace(CONFIG, report_to=missing[0]))


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("sgd", lambda w: torch.optim.SGD([w], 0.1, momentum=0.9, weight_decay=0.01)),
        ("adam", lambda w: torch.optim.Adam([w], 0.1, (0.5, 0.99), weight_decay=0.01)),
        ("adamw", lambda w: torch.optim.AdamW([w], 0.1, (0.5, 0.99), weight_decay=0.01)),
    ],
)
def test_optimizers_are_those_of_torch(name, by_hand):
    weights = [torch.ones(3, requires_grad=True) for _ in range(2)]
    config = replace(CONFIG, optimizer=name, weight_decay=0.01)
    optimizers = (build_optimizer(config, weights[:1], (0.5, 0.99)), by_hand(weights[1]))
    for weight, optimizer in zip(weights, optimizers, strict=True):
        for _ in range(3):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()
    assert torch.equal(*weights)
    assert not torch.equal(weights[0], torch.ones(3))


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ({}, [1, 1, 1, 1, 1, 1]),
        ({"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 2}, [0, 0.5, 1, 1, 1, 1]),
        ({"lr_scheduler": "linear"}, [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
        ({"lr_scheduler": "cosine"}, [1, 0.9330, 0.75, 0.5, 0.25, 0.0670]),
        ({"lr_scheduler": "step"}, [1, 1, 0.1, 0.1, 0.01, 0.01]),
        ({"lr_scheduler": "step", "lr_step_every": 3, "lr_step_factor": 0.5, "lr_warmup_steps": 2},
         [0, 0.5, 1, 0.5, 0.5, 0.5]),
    ],
)  # fmt: skip
def test_schedules_by_hand(settings, rates):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    schedule = build_schedule(replace(CONFIG, max_steps=6, **settings), optimizer)
    seen = []
    for _ in rates:
        seen.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert seen == pytest.approx(rates, abs=1e-4)


@pytest.mark.parametrize("factor", [float("nan"), 3e38])  # a loss that is no number; a gradient that overflows
def test_what_diverges_ends_before_the_weights_move(tmp_path, factor):
    error = refused(
        replace(CONFIG, output_dir=str(tmp_path)), spoil=lambda step: factor if step == 3 else 1e-3 if step > 3 else 1.0
    )
    assert error.code == "diverged"
    assert error.values["step"] == 3
    assert error.values["kept"] == "state-00000002"
    assert states(tmp_path) == ["state-00000002"]


def test_a_gradient_that_only_overflows_at_its_scale_is_skipped_and_one_that_always_does_is_not(tmp_path):
    run = TrainingRun(replace(CONFIG, output_dir=str(tmp_path), max_steps=20))
    run.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)  # fp16's; float32 overflows likewise
    weight = torch.full((1,), 1e-3, requires_grad=True)
    optimizer = run.optimizer([weight])
    optimizer, schedule = run.prepare(optimizer, run.schedule(optimizer))
    values = []

    def descend() -> None:
        for step in run.steps():
            for _ in run.batches():
                run.descend(3e36 * weight.sum() if step < 9 else (weight - weight).sqrt().sum(), optimizer, schedule)
            values.append(weight.item())

    with pytest.raises(InputError) as caught:
        descend()
    assert values[:3] == [values[0]] * 3
    assert values[8] < values[0]
    assert caught.value.code == "diverged"
    assert 9 < caught.value.values["step"] < 20


def test_no_better_validation_for_long_enough_ends_the_run_at_its_best(tmp_path):
    scores = [1.0, 3.0, 2.0, 3.0, 9.0]
    config = replace(CONFIG, output_dir=str(tmp_path), early_stopping=2)
    run, _, average = fit(config, score=scores.__getitem__)
    assert run.step == 4
    assert run.figures == {"score": 3.0}
    _, _, best = fit(replace(CONFIG, output_dir=str(tmp_path / "short"), max_steps=2))
    assert equal(average, best)
    again, _, average = fit(replace(config, resume=True), score=scores.__getitem__)
    assert again.step == 4
    assert equal(average, best)


def test_a_run_goes_on_only_as_it_began(tmp_path):
    config = replace(CONFIG, output_dir=str(tmp_path), max_steps=2)
    fit(config, data="9 pictures")
    before = (tmp_path / "state-00000002" / "run.json").read_text()
    longer = replace(config, max_steps=4, resume=True)
    assert "learning_rate was 0.1, now 0.2" in str(refused(replace(longer, learning_rate=0.2), data="9 pictures"))
    assert "data was 9 pictures, now 8 pictures" in str(refused(longer, data="8 pictures"))
    assert refused(replace(longer, resume=False), data="9 pictures").code == "run_exists"
    assert (tmp_path / "state-00000002" / "run.json").read_text() == before
    assert fit(longer, data="9 pictures")[0].step == 4  # a constant learning rate does not ask how long


def test_a_schedule_that_is_stretched_over_the_steps_keeps_to_them(tmp_path):
    config = replace(CONFIG, output_dir=str(tmp_path), lr_scheduler="cosine", max_minutes=1e-9)
    fit(config)
    assert "max_steps was 5, now 9" in str(refused(replace(config, max_steps=9, resume=True)))


def test_a_state_that_cannot_be_read_is_said(tmp_path):
    config = replace(CONFIG, output_dir=str(tmp_path))
    fit(config)
    (tmp_path / "state-00000005" / "model.safetensors").write_bytes(b"half")
    assert refused(replace(config, resume=True)).code == "state_unreadable"


def test_processes_that_find_different_states_are_told_to_share_them(tmp_path, monkeypatch):
    config = replace(CONFIG, output_dir=str(tmp_path))
    fit(config)
    monkeypatch.setattr("training.states.gather_object", lambda own: [*own, "none"])  # of a second machine
    error = refused(replace(config, resume=True))
    assert (error.code, error.values["states"]) == ("states_differ", "none, state-00000005")


def test_a_full_disk_is_said_and_the_last_whole_state_stays(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(step: int) -> float:
        if step == 3:  # as good as full: no file may grow beyond 64 bytes
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
        return 1.0

    try:
        error = refused(replace(CONFIG, output_dir=str(tmp_path), log_every=100), spoil=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.code == "state_unwritable"
    assert error.values["kept"] == "state-00000002"
    assert states(tmp_path) == ["state-00000002"]


def test_any_seed_is_a_seed(tmp_path):
    assert fit(replace(CONFIG, output_dir=str(tmp_path), seed=2**31, max_steps=1))[0].step == 1


def test_an_optimizer_that_there_is_not_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse(CONFIG, {}, "", ["--optimizer", "lion"])
    assert "adamw" in capsys.readouterr().err


def test_flags_override_the_preset_and_the_preset_the_defaults():
    presets = {"quick": {"max_steps": 7, "batch_size": 3}}
    config = parse(CONFIG, presets, "", ["--preset", "quick", "--batch_size", "9", "--data", "a", "b"])
    assert (config.max_steps, config.batch_size, config.log_every, config.data) == (7, 9, 1, ["a", "b"])


@pytest.mark.parametrize("name", AT_LEAST_ONE)
def test_none_of_what_there_must_be_one_of_is_said(name):
    with pytest.raises(InputError, match=f"--{name} must be 1 or more; it is 0"):
        parse(CONFIG, {}, "", [f"--{name}", "0"])


def test_an_unknown_preset_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse(CONFIG, {"quick": {}}, "", ["--preset", "slow"])
    assert "quick" in capsys.readouterr().err


def test_a_card_names_data_without_the_folders_of_one_machine():
    config = recorded(replace(CONFIG, data=["/home/ada/pictures/birds", "lab/flowers"], output_dir="/home/ada/run"))
    assert config["data"] == ["birds", "flowers"]
    assert "/home" not in json.dumps(config)
