"""What every training loop shares: accelerate, the step counter with its time budget, exact resume, EMA and logs.

A step's number decides its randomness, so that a run that was stopped and resumed equals one that was not.
"""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration, set_seed
from diffusers.optimization import get_scheduler
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm

from training.config import TrainingConfig

PROGRESS = "progress.jsonl"  # in output_dir: step, max_steps, seconds and the scalars, a line each log_every steps


class TrainingRun:
    """One run: prepare modules, iterate `steps()`, `log`, `sample`; states are saved and found again by themselves."""

    def __init__(self, config: TrainingConfig):
        self.config = config
        self.output_dir = Path(config.output_dir)
        self.accelerator = Accelerator(
            mixed_precision=config.mixed_precision,
            gradient_accumulation_steps=config.gradient_accumulation_steps,
            step_scheduler_with_optimizer=False,
            log_with="tensorboard",
            project_config=ProjectConfiguration(project_dir=str(self.output_dir), logging_dir=str(self.output_dir)),
        )
        self.step = 0
        self.seconds = 0.0  # spent in steps, over all resumed parts
        self._scalars: dict[str, float] = {}
        set_seed(config.seed)

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    def prepare(self, *objects):
        """Modules, optimizers and schedulers placed and wrapped by accelerate."""
        objects = [torch.compile(o) if self.config.compile and isinstance(o, nn.Module) else o for o in objects]
        return self.accelerator.prepare(*objects)

    def schedule(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        config = self.config
        return get_scheduler(
            config.lr_scheduler,
            optimizer,
            num_warmup_steps=config.lr_warmup_steps,
            num_training_steps=config.max_steps,
        )

    def ema(self, module: nn.Module) -> AveragedModel:
        """A moving average of `module`'s parameters and buffers that is part of every saved state."""
        decay = self.config.ema_decay

        @torch.no_grad()
        def average(averaged: list[Tensor], current: list[Tensor], num_averaged: Tensor) -> None:
            beta = min(decay, (1 + float(num_averaged)) / (10 + float(num_averaged)))  # short memory while young
            for a, c in zip(averaged, current, strict=True):
                a.lerp_(c, 1 - beta) if a.is_floating_point() else a.copy_(c)

        average_model = AveragedModel(
            self.accelerator.unwrap_model(module), multi_avg_fn=average, use_buffers=True
        ).requires_grad_(False)
        self.accelerator.register_for_checkpointing(average_model)
        return average_model.eval()

    def steps(self) -> Iterator[int]:
        """Step numbers from the last state (with `resume`) or 0 to `max_steps`, or until the time budget is spent."""
        config = self.config
        self.output_dir.mkdir(parents=True, exist_ok=True)
        self.accelerator.init_trackers("tensorboard")
        if config.resume:
            self._load()
        examples = config.batch_size * config.gradient_accumulation_steps * self.accelerator.num_processes
        bar = tqdm(
            total=config.max_steps * examples, initial=self.step * examples, unit="ex", unit_scale=True,
            disable=not self.accelerator.is_main_process, mininterval=5, smoothing=0.1,
        )  # fmt: skip
        start, before = time.monotonic(), self.seconds
        asked_to_stop = self._on_terminate()
        while self.step < config.max_steps:
            set_seed((config.seed * 1_000_003 + self.step) * 64 + self.accelerator.process_index)
            yield self.step
            self.step += 1
            self.seconds = before + time.monotonic() - start
            bar.update(examples)
            if self.due(config.log_every):
                self.accelerator.log(self._scalars, step=self.step)
                self._tell()
                bar.set_postfix({k: f"{v:.3g}" for k, v in self._scalars.items()})
            if self.due(config.save_every):
                self.save()
            if asked_to_stop() or (config.max_minutes and time.monotonic() - start > 60 * config.max_minutes):
                break
        bar.close()
        self.save()
        self.accelerator.end_training()

    def _on_terminate(self) -> Callable[[], bool]:
        """From now on SIGTERM ends the run as a spent time budget does: after the step, whole. Whether it came."""
        came: list[int] = []
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
        return lambda: bool(came)

    def _tell(self) -> None:
        """A line of progress.jsonl, for whoever watches the run from outside."""
        if self.accelerator.is_main_process:
            line = {"step": self.step, "max_steps": self.config.max_steps, "seconds": round(self.seconds, 2)}
            with (self.output_dir / PROGRESS).open("a") as file:
                file.write(json.dumps(line | self._scalars) + "\n")

    def due(self, every: int) -> bool:
        return self.step % every == 0

    def log(self, **scalars: Tensor | float) -> None:
        """Scalars of this step; those of every `log_every`-th step reach TensorBoard and the progress bar."""
        if (self.step + 1) % self.config.log_every == 0:
            self._scalars.update({name: float(torch.as_tensor(value).detach()) for name, value in scalars.items()})

    def sample(self, sheet: Image.Image, name: str = "samples") -> None:
        """A sheet of samples, as a file and in TensorBoard."""
        if self.accelerator.is_main_process:
            folder = self.output_dir / "samples"
            folder.mkdir(parents=True, exist_ok=True)
            sheet.save(folder / f"{name}_{self.step:07d}.webp", quality=85)
            writer = self.accelerator.get_tracker("tensorboard", unwrap=True)
            writer.add_image(name, np.asarray(sheet), self.step, dataformats="HWC")

    def save(self) -> None:
        """Write the state whole or not at all, and drop the oldest beyond the limit."""
        state, partial = self.output_dir / f"state-{self.step:08d}", self.output_dir / "state-partial"
        self.accelerator.save_state(str(partial))
        if self.accelerator.is_main_process:
            (partial / "run.json").write_text(json.dumps({"step": self.step, "seconds": self.seconds}))
            shutil.rmtree(state, ignore_errors=True)
            os.replace(partial, state)
            for old in self._states()[: -self.config.save_total_limit]:
                shutil.rmtree(old)
        self.accelerator.wait_for_everyone()

    def _states(self) -> list[Path]:
        return sorted(p.parent for p in self.output_dir.glob("state-[0-9]*/run.json"))

    def _load(self) -> None:
        if states := self._states():
            self.accelerator.load_state(str(states[-1]))
            run = json.loads((states[-1] / "run.json").read_text())
            self.step, self.seconds = run["step"], run["seconds"]


@lru_cache(maxsize=2)
def _order(num_examples: int, epoch: int, seed: int) -> Tensor:
    return torch.randperm(num_examples, generator=torch.Generator().manual_seed(seed * 10_007 + epoch))


def batch_indices(num_examples: int, batch_size: int, step: int, seed: int, rank: int = 0, world: int = 1) -> Tensor:
    """The examples of a step: every epoch is a new permutation, cut into steps and each step into processes."""
    first = step * batch_size * world + rank * batch_size
    positions = torch.arange(first, first + batch_size)
    epochs = positions // num_examples
    return torch.stack(
        [_order(num_examples, int(e), seed)[p] for e, p in zip(epochs, positions % num_examples, strict=True)]
    )
