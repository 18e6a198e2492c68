"""What every training shares, as one frozen dataclass, and how a command line becomes one: preset first, then flags."""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from transformers import HfArgumentParser

from pipelines.errors import InputError

Optimizer = Literal["sgd", "adam", "adamw"]
Schedule = Literal["constant", "constant_with_warmup", "linear", "cosine", "step"]
Precision = Literal["no", "bf16", "fp16"]
Tracker = Literal["tensorboard", "trackio", "wandb", "none"]
SCHEDULES = "the learning rate after warm-up, of which 'constant' has none"


def option(default: bool | int | float | str, help: str):
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class TrainingConfig:
    data: list[str] = field(default_factory=list, metadata={"help": "captioned folders or Hub dataset ids"})
    output_dir: str = option("runs/run", "states, samples and TensorBoard logs go here")
    weights_dir: str = option("weights/run", "the finished checkpoint goes here")
    seed: int = option(0, "decides initialisation, order, noise and augmentation")
    max_steps: int = option(1000, "optimizer steps of the whole schedule")
    max_train_samples: int = option(0, "train on so many pictures or sentences, drawn at random; 0: all")
    max_minutes: float = option(0.0, "stop cleanly after so many minutes; 0: no limit")
    batch_size: int = option(32, "examples a step and process")
    gradient_accumulation_steps: int = option(1, "batches a step")
    optimizer: Optimizer = option("adamw", "what moves the weights")
    momentum: float = option(0.9, "of sgd")
    learning_rate: float = option(2e-4, "peak learning rate")
    lr_scheduler: Schedule = option("constant", SCHEDULES)
    lr_warmup_steps: int = option(0, "steps of linear warm-up")
    lr_step_every: int = option(0, "'step': steps between two falls; 0: a third of max_steps")
    lr_step_factor: float = option(0.1, "'step': the learning rate falls to this share")
    weight_decay: float = option(0.0, "decoupled weight decay (AdamW)")
    max_grad_norm: float = option(1.0, "gradients are clipped to this norm")
    mixed_precision: Precision = option("bf16", "the numbers of the networks; the weights stay float32")
    ema_decay: float = option(0.999, "decay of the exponential moving average of the weights")
    log_every: int = option(50, "steps between scalars")
    sample_every: int = option(1000, "steps between samples and validation")
    early_stopping: int = option(0, "where there is validation: end after so many without a better one, at the best")
    save_every: int = option(1000, "steps between states")
    save_total_limit: int = option(2, "states that are kept")
    resume: bool = option(False, "go on exactly where the last state in output_dir stands")
    folds: int = option(0, "cross-validation: so many parts of what is not test; 0: the splits as they are")
    fold: int = option(0, "the part that is validated on, from 0; the others are trained on")
    init_from: str = option("", "start from the weights of this checkpoint folder")
    report_to: Tracker = option("tensorboard", "who draws the curves")
    push_to_hub: str = option("", "push the finished checkpoint to this repository of the Hugging Face Hub, private")
    compile: bool = option(False, "torch.compile the networks (worth it on a GPU)")
    dry_run: bool = option(False, "print the resolved configuration, parameters and memory, then stop")


# what a resumed run may change: where things go, how often it tells, when it ends
FREE = {
    "max_minutes", "log_every", "sample_every", "num_validation", "save_every", "save_total_limit", "early_stopping",
    "resume", "report_to", "push_to_hub", "compile", "dry_run", "gradient_checkpointing",
}  # fmt: skip


AT_LEAST_ONE = ("batch_size", "gradient_accumulation_steps", "log_every", "sample_every", "save_every")
Config = TypeVar("Config", bound=TrainingConfig)


def parse(base: Config, presets: dict[str, dict], description: str, arguments: list[str] | None = None) -> Config:
    """The configuration of a command line: `base`, then the named preset, then whatever flags are given. Raises
    InputError where there would be nothing in a step or between two events."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = HfArgumentParser(type(base), description=description)
    parser.add_argument("--preset", choices=sorted(presets), default=None, help="named settings; flags override them")
    name = parser.parse_known_args(arguments)[0].preset
    parser.set_defaults(**{**asdict(base), **presets.get(name, {})})
    given = vars(parser.parse_args(arguments))
    given.pop("preset")
    for name in AT_LEAST_ONE:
        if given[name] < 1:
            raise InputError("setting_least", name=name, value=given[name])
    return replace(base, **given)


def recorded(config: TrainingConfig) -> dict:
    """The configuration for a card: folders by their names, since where they stood on one machine says nothing."""

    def name(value):
        if isinstance(value, list):
            return [name(v) for v in value]
        return Path(value).name if isinstance(value, str) and "/" in value else value

    return {key: name(value) for key, value in asdict(config).items() if key not in ("output_dir", "weights_dir")}


def deciding(config: TrainingConfig) -> dict:
    """The settings that decide what comes out; `max_steps` is one where the schedule is stretched over it."""
    stretched = config.lr_scheduler in ("linear", "cosine") or (
        config.lr_scheduler == "step" and not config.lr_step_every
    )
    free = FREE if stretched else {*FREE, "max_steps"}
    return {key: value for key, value in recorded(config).items() if key not in free}


def show(config: TrainingConfig, **modules) -> None:
    """Print the resolved configuration, the number of parameters of every module, and what they need of memory beside
    a batch's activations; the first module is the one that is averaged. What is None is left out."""
    modules = {name: module for name, module in modules.items() if module is not None}
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in modules.items()}
    every = {id(p): p for module in modules.values() for p in module.parameters()}.values()
    weights, trained = (sum(p.nbytes for p in every if p.requires_grad or frozen) for frozen in (True, False))
    averaged = next(iter(modules.values()))
    num_bytes = {
        "parameters": weights,
        "gradients": trained,
        "optimizer": trained * (1 if config.optimizer == "sgd" else 2),
        "ema": sum(x.nbytes for x in (*averaged.parameters(), *averaged.buffers())),
    }
    memory = {name: round(value / 1e6, 1) for name, value in num_bytes.items()}
    print(json.dumps({"config": asdict(config), "parameters": counts, "memory_mb": memory}, indent=1))


def hardware() -> str:
    """This machine, for a card."""
    return f"{os.cpu_count()} CPU cores, {platform.machine()}"


def run_command(main: Callable[[], None]) -> None:
    """`main`, where a sentence meant for the user is all that is printed of an error."""
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
