"""The exponential moving average of a network's weights."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """The average of `module`'s parameters and buffers, with a short memory while it is young. It is whole in every
    process, also where the processes share the weights of the network in training (FSDP)."""

    def __init__(self, module: nn.Module, decay: float, device: torch.device):
        @torch.no_grad()
        def average(averaged: list[Tensor], current: list[Tensor], num_averaged: Tensor) -> None:
            beta = min(decay, (1 + float(num_averaged)) / (10 + float(num_averaged)))
            for a, c in zip(averaged, current, strict=True):
                a.lerp_(c, 1 - beta) if a.is_floating_point() else a.copy_(c)

        super().__init__(module, device, multi_avg_fn=average, use_buffers=True)
        self.requires_grad_(False).eval()

    def update_parameters(self, model: nn.Module) -> None:
        super().update_parameters(Whole(model))


class Whole:
    """The parameters and buffers of `module`, gathered from the processes that share them."""

    def __init__(self, module: nn.Module):
        self.module = module

    def parameters(self) -> Iterator[Tensor]:
        return map(whole, self.module.parameters())

    def buffers(self) -> Iterator[Tensor]:
        return map(whole, self.module.buffers())


def whole(x: Tensor) -> Tensor:
    return x.full_tensor() if isinstance(x, DTensor) else x
