"""What every training loop shares: accelerate, the step counter with its time budget, the step down a loss with its
guard, exact resume, EMA, early stopping and logs.

A step's number decides its randomness, so that a run that was stopped and resumed equals one that was not. What is
drawn for a batch before `apart()` is drawn alike by every process, so that two equal one with a batch twice as large.
"""

import importlib.util
import json
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, ProjectConfiguration, set_seed
from PIL import Image
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from tqdm.auto import tqdm

from pipelines import device
from pipelines.errors import InputError
from training.average import MovingAverage, whole
from training.config import TrainingConfig, deciding, recorded
from training.data import CaptionedImages
from training.gather import Gather
from training.optimizers import build_optimizer, build_schedule
from training.states import States

PROGRESS = "progress.jsonl"  # in output_dir, a line each log_every steps: step, max_steps, seconds, examples, scalars
BEST = "best.safetensors"  # in output_dir: the average at the best validation, for early stopping
LEAST_SCALE = 1.0  # fp16: a gradient that overflows at this scale of the loss is no matter of scale any more
LAYOUT = {"tensorboard": {"dataformats": "NHWC"}}  # of pictures, where a tracker asks
Drawn = TypeVar("Drawn", Tensor, list)


def note_termination() -> list[int]:
    """From now on SIGTERM only adds to the list that this returns, and goes on to a handler that was there before: what
    is at work ends when it is whole. Other threads than the main one can't listen."""
    came: list[int] = []
    if threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGTERM)

        def note(number: int, frame: FrameType | None) -> None:
            came.append(number)
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGTERM, note)
    return came


class TrainingRun:
    """One run: prepare modules, iterate `steps()`, `log`, `sample`; states are saved and found again by themselves."""

    def __init__(self, config: TrainingConfig, may_share: bool = False):
        """`may_share`: the training works where accelerate shards the weights among the processes (FSDP), too."""
        self.config = config
        self.output_dir = Path(config.output_dir)
        self.states = States(self.output_dir, config.save_total_limit)
        if config.report_to != "none" and not importlib.util.find_spec(config.report_to):
            raise InputError("tracker_missing", name=config.report_to)
        if self.states.all() and not (config.resume or config.dry_run):
            raise InputError("run_exists", folder=self.output_dir, state=self.states.newest())
        self.accelerator = Accelerator(
            cpu=device.processes().device.type == "cpu",
            mixed_precision=config.mixed_precision,
            gradient_accumulation_steps=config.gradient_accumulation_steps,
            step_scheduler_with_optimizer=False,
            log_with=None if config.report_to == "none" else config.report_to,
            project_config=ProjectConfiguration(project_dir=str(self.output_dir), logging_dir=str(self.output_dir)),
        )
        self.shared = self.accelerator.distributed_type == DistributedType.FSDP
        if self.shared and not may_share:
            raise InputError("not_shared")
        self.step = 0
        self.seconds = 0.0  # spent in steps, over all resumed parts
        self.figures: dict[str, float] = {}  # of the last validation, or of the best one with early stopping
        self._best: float | None = None
        self._num_worse = 0  # validations since the best
        self._scalars: dict[str, float] = {}
        self._validation: dict[str, float] = {}  # the figures that no line of progress.jsonl has told yet
        self._data = ""
        self._batch = 0  # of the step
        self._saved = -1  # the step of the newest state
        self._average: nn.Module | None = None
        set_seed(config.seed)

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    def prepare(self, *objects):
        """Modules, optimizers and schedulers placed and wrapped by accelerate."""
        objects = [torch.compile(o) if self.config.compile and isinstance(o, nn.Module) else o for o in objects]
        return self.accelerator.prepare(*objects)

    def optimizer(
        self, parameters: Iterable[Tensor | dict], betas: tuple[float, float] = (0.9, 0.999)
    ) -> torch.optim.Optimizer:
        return build_optimizer(self.config, parameters, betas)

    def schedule(self, optimizer: torch.optim.Optimizer) -> LRScheduler:
        return build_schedule(self.config, optimizer)

    @property
    def memory_format(self) -> torch.memory_format:
        """Of convolutions' weights: the fast one, but where the processes share them."""
        return torch.contiguous_format if self.shared else torch.channels_last

    def ema(self, module: nn.Module) -> MovingAverage:
        """A moving average of `module`, before it is prepared, that is part of every saved state."""
        average = MovingAverage(module, self.config.ema_decay, self.device)
        self.accelerator.register_for_checkpointing(average)
        self._average = average.module
        return average

    def steps(self, data: str = "") -> Iterator[int]:
        """Step numbers from the last state (with `resume`) or 0 to `max_steps`, or until the time budget is spent, no
        validation gets better, or SIGTERM came. `data` is the training data's fingerprint, which a resumed run must
        have too."""
        config = self.config
        self._data = data
        self._begin()
        examples = config.gradient_accumulation_steps * self.batch_of_all  # of a step
        bar = tqdm(
            total=config.max_steps * examples, initial=self.step * examples, unit="ex", unit_scale=True,
            disable=not self.accelerator.is_main_process, mininterval=5, smoothing=0.1,
        )  # fmt: skip
        start, before, came = time.monotonic(), self.seconds, note_termination()
        while self.step < config.max_steps and not self._stale():
            self._seed(self.accelerator.process_index)
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
            spent = config.max_minutes and time.monotonic() - start > 60 * config.max_minutes
            if came or spent or self._stale():
                self.accelerator.set_trigger()
            if self.accelerator.check_trigger():  # all processes leave after the same step
                break
        bar.close()
        self.save()
        if config.early_stopping and (self.output_dir / BEST).is_file():
            load_model(self._average, self.output_dir / BEST)
        for tracker in self.accelerator.trackers:  # not end_training(), after which no fold could follow this one
            tracker.finish()

    def _begin(self) -> None:
        """Go on from the last state, and open the logs."""
        self.output_dir.mkdir(parents=True, exist_ok=True)
        if self.config.resume:
            self._load()
        else:
            (self.output_dir / BEST).unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.init_trackers("tensorboard" if self.config.report_to == "tensorboard" else "tuwen")

    def _seed(self, stream: int) -> None:
        """Begin the step's and batch's own random numbers, one stream a process and one in common."""
        number = (self.config.seed * 1_000_003 + self.step) * 64 + stream + 7919 * self._batch
        set_seed(number % 2**32)

    def batches(self, *modules: nn.Module) -> Iterator[int]:
        """The batches that a step gathers gradients of `modules` over, by their numbers in the whole run. Inside, every
        process draws the same random numbers until it goes `apart`."""
        num_batches = self.config.gradient_accumulation_steps
        for k in range(num_batches):
            self._batch = k
            self._seed(0)
            with self.accelerator.accumulate(*modules):
                yield self.step * num_batches + k
        self._batch = 0

    @property
    def batch_of_all(self) -> int:
        """Examples that all processes see in one batch."""
        return self.config.batch_size * self.accelerator.num_processes

    @property
    def num_examples(self) -> int:
        """Examples that the run has seen."""
        return self.step * self.config.gradient_accumulation_steps * self.batch_of_all

    def facts(self, data: CaptionedImages) -> dict:
        """What a card says of the run and of the pictures that it was trained on."""
        return {
            "config": recorded(self.config), "steps": self.step, "pictures": self.num_examples,
            "minutes": round(self.seconds / 60, 1), "num_training_pictures": len(data), "skipped": len(data.skipped),
        }  # fmt: skip

    def own(self, drawn: Drawn) -> Drawn:
        """This process's share of the rows that were drawn alike for the batch of all."""
        size = len(drawn) // self.accelerator.num_processes
        first = self.accelerator.process_index * size
        return drawn[first : first + size]

    def apart(self) -> None:
        """From here to the end of the batch each process draws its own random numbers, as dropout should."""
        if self.accelerator.num_processes > 1:
            self._seed(1 + self.accelerator.process_index)

    def gather(self, x: Tensor) -> Tensor:
        """The rows of all processes, through which gradients flow back to the process that a row is of."""
        return Gather.apply(x, self.accelerator) if self.accelerator.num_processes > 1 else x

    def descend(self, loss: Tensor, optimizer: torch.optim.Optimizer, schedule: LRScheduler) -> Tensor | None:
        """This batch's part of one step of `optimizer` down `loss`; the step's last batch clips the gradient and moves
        the weights. Returns the gradient's norm then. Raises InputError, before anything moves, where the loss or the
        norm is not finite, unless fp16 only has to find a smaller scale of the loss."""
        accelerator = self.accelerator
        if not loss.isfinite():
            raise self._diverged("loss")
        accelerator.backward(loss)
        norm = None
        if accelerator.sync_gradients:
            accelerator.unscale_gradients(optimizer)
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            norm = whole(nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm))
            scaler = accelerator.scaler  # it skips the step of a gradient that overflowed
            if not norm.isfinite() and (scaler is None or scaler.get_scale() < LEAST_SCALE):
                raise self._diverged("gradient")
        optimizer.step()
        if accelerator.sync_gradients:
            schedule.step()
        optimizer.zero_grad()
        return norm

    def _diverged(self, what: str) -> InputError:
        return InputError("diverged", step=self.step, what=what, folder=self.output_dir, kept=self.states.newest())

    def validated(self, figures: dict[str, float], score: float) -> None:
        """Log the figures of a validation; `early_stopping` of them in a row without a higher score end the run."""
        self.accelerator.log(figures, step=self.step + 1)
        self._validation = figures
        if self.accelerator.is_main_process:
            tqdm.write(json.dumps(figures))
        better = self._best is None or score > self._best
        if better or not self.config.early_stopping:
            self.figures = figures
        if better:
            self._best, self._num_worse = score, 0
            if self.config.early_stopping and self.accelerator.is_main_process:
                partial = self.output_dir / f"{BEST}.partial"
                save_model(self._average, str(partial))
                os.replace(partial, self.output_dir / BEST)
        else:
            self._num_worse += 1

    def _stale(self) -> bool:
        return 0 < self.config.early_stopping <= self._num_worse

    def _tell(self) -> None:
        """A line of progress.jsonl, for whoever watches the run from outside."""
        if self.accelerator.is_main_process:
            line = {
                "step": self.step, "max_steps": self.config.max_steps, "seconds": round(self.seconds, 2),
                "examples": self.num_examples, **self._scalars, **self._validation,
            }  # fmt: skip
            self._validation = {}
            with (self.output_dir / PROGRESS).open("a") as file:
                file.write(json.dumps(line) + "\n")

    def due(self, every: int) -> bool:
        return self.step % every == 0

    def log(self, **scalars: Tensor | float) -> None:
        """Scalars of this step; those of every `log_every`-th step reach the tracker and the progress bar."""
        if (self.step + 1) % self.config.log_every == 0:
            self._scalars.update({name: float(torch.as_tensor(value).detach()) for name, value in scalars.items()})

    def sample(self, sheet: Image.Image, name: str = "samples") -> None:
        """A sheet of samples, as a file and in the tracker where it shows pictures."""
        if self.accelerator.is_main_process:
            folder = self.output_dir / "samples"
            folder.mkdir(parents=True, exist_ok=True)
            sheet.save(folder / f"{name}_{self.step:07d}.webp", quality=85)
            for tracker in self.accelerator.trackers:
                if hasattr(tracker, "log_images"):
                    tracker.log_images({name: np.asarray(sheet)[None]}, step=self.step, **LAYOUT.get(tracker.name, {}))

    def save(self) -> None:
        """Write the state, if there is none of this step."""
        if self._saved != self.step:
            validation = {"figures": self.figures, "best": self._best, "num_worse": self._num_worse}
            facts = {"step": self.step, "seconds": self.seconds, "validation": validation, **self._decides()}
            self.states.write(self.accelerator, facts)
            self._saved = self.step

    def _load(self) -> None:
        if facts := self.states.read(self.accelerator, self._decides()):
            self.step, self.seconds = facts["step"], facts["seconds"]
            self._saved = self.step
            validation = facts.get("validation", {})
            self.figures = validation.get("figures", {})
            self._best, self._num_worse = validation.get("best"), validation.get("num_worse", 0)

    def _decides(self) -> dict:
        """What a run has to have in common with a state to go on from it."""
        facts = {"config": deciding(self.config), "num_processes": self.accelerator.num_processes}
        return facts | ({"data": self._data} if self._data else {})
