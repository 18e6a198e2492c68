"""Which examples a step sees: an order that step, seed and process decide, so that a resumed run goes on in it."""

from functools import lru_cache

import torch
from torch import Tensor


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
