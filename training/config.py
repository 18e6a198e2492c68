"""What every training shares, as one frozen dataclass, and how a command line becomes one: preset first, then flags."""

import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from transformers import HfArgumentParser


def option(default: bool | int | float | str, help: str):
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class TrainingConfig:
    data: list[str] = field(default_factory=list, metadata={"help": "captioned folders or Hub dataset ids"})
    output_dir: str = option("runs/run", "states, samples and TensorBoard logs go here")
    weights_dir: str = option("weights/run", "the finished checkpoint goes here")
    seed: int = option(0, "decides initialisation, order, noise and augmentation")
    max_steps: int = option(1000, "optimizer steps of the whole schedule")
    max_minutes: float = option(0.0, "stop cleanly after so many minutes; 0: no limit")
    batch_size: int = option(32, "examples a step and process")
    gradient_accumulation_steps: int = option(1, "batches a step")
    learning_rate: float = option(2e-4, "peak learning rate")
    lr_scheduler: str = option("constant", "constant, constant_with_warmup, linear, cosine: diffusers' names")
    lr_warmup_steps: int = option(0, "steps of linear warm-up")
    weight_decay: float = option(0.0, "decoupled weight decay (AdamW)")
    max_grad_norm: float = option(1.0, "gradients are clipped to this norm")
    mixed_precision: str = option("bf16", "no, bf16 or fp16")
    ema_decay: float = option(0.999, "decay of the exponential moving average of the weights")
    log_every: int = option(50, "steps between scalars")
    sample_every: int = option(1000, "steps between samples and validation")
    save_every: int = option(1000, "steps between states")
    save_total_limit: int = option(2, "states that are kept")
    resume: bool = option(False, "go on exactly where the last state in output_dir stands")
    folds: int = option(0, "cross-validation: so many parts of what is not test; 0: the splits as they are")
    fold: int = option(0, "the part that is validated on, from 0; the others are trained on")
    init_from: str = option("", "start from the weights of this checkpoint folder")
    compile: bool = option(False, "torch.compile the networks (worth it on a GPU)")
    dry_run: bool = option(False, "print the resolved configuration and the parameter counts, then stop")


Config = TypeVar("Config", bound=TrainingConfig)


def parse(base: Config, presets: dict[str, dict], description: str, arguments: list[str] | None = None) -> Config:
    """The configuration of a command line: `base`, then the named preset, then whatever flags are given."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = HfArgumentParser(type(base), description=description)
    parser.add_argument("--preset", choices=sorted(presets), default=None, help="named settings; flags override them")
    name = parser.parse_known_args(arguments)[0].preset
    parser.set_defaults(**{**asdict(base), **presets.get(name, {})})
    given = vars(parser.parse_args(arguments))
    given.pop("preset")
    return replace(base, **given)


def recorded(config: TrainingConfig) -> dict:
    """The configuration for a card: folders by their names, since where they stood on one machine says nothing."""

    def name(value):
        if isinstance(value, list):
            return [name(v) for v in value]
        return Path(value).name if isinstance(value, str) and "/" in value else value

    return {key: name(value) for key, value in asdict(config).items() if key not in ("output_dir", "weights_dir")}


def show(config: TrainingConfig, **modules) -> None:
    """Print the resolved configuration and the number of parameters of every module."""
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in modules.items()}
    print(json.dumps({"config": asdict(config), "parameters": counts}, indent=1))
