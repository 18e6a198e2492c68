"""What moves the weights: SGD with momentum (Sutskever et al. 2013), Adam (Kingma and Ba 2015) or AdamW (Loshchilov and
Hutter 2019), and how the learning rate goes: diffusers' schedules, and steps.
"""

from collections.abc import Iterable

import torch
from diffusers.optimization import get_scheduler
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from training.config import TrainingConfig


def build_optimizer(
    config: TrainingConfig, parameters: Iterable[Tensor | dict], betas: tuple[float, float]
) -> torch.optim.Optimizer:
    """The configured optimizer over parameters or groups of them; `betas` are those of Adam and AdamW."""
    shared = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=config.momentum, **shared)
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[config.optimizer](parameters, betas=betas, **shared)


def build_schedule(config: TrainingConfig, optimizer: torch.optim.Optimizer) -> LambdaLR:
    warmup = config.lr_warmup_steps
    if config.lr_scheduler != "step":
        return get_scheduler(
            config.lr_scheduler, optimizer, num_warmup_steps=warmup, num_training_steps=config.max_steps
        )
    every = config.lr_step_every or max(1, config.max_steps // 3)

    def factor(step: int) -> float:  # diffusers' piecewise_constant knows no warm-up
        return min(1.0, step / max(1, warmup) if warmup else 1.0) * config.lr_step_factor ** (step // every)

    return LambdaLR(optimizer, factor)
