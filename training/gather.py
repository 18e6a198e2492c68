"""The rows of all processes as one tensor that gradients flow through: a contrastive loss needs everyone's examples."""

import torch
from accelerate import Accelerator
from torch import Tensor


class Gather(torch.autograd.Function):
    """Every process computes the same loss of all rows, so that a row's gradient is the sum of what all say of it;
    averaging the weights' gradients over the processes then gives that of one loss."""

    @staticmethod
    def forward(ctx, x: Tensor, accelerator: Accelerator) -> Tensor:
        ctx.accelerator, ctx.size = accelerator, len(x)
        return accelerator.gather(x.contiguous())

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        first = ctx.accelerator.process_index * ctx.size
        return ctx.accelerator.reduce(gradient.contiguous(), "sum")[first : first + ctx.size], None
