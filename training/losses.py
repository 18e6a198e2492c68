"""Adversarial losses as pure functions of logits. Each logit is D's belief, before the sigmoid, that its input is real
and matches its words. `real`, `fake` and `mismatched` (a real picture beside foreign words) are of any shape. A GAN
without words has nothing mismatched: there `fake` counts whole, which is the papers' unconditional equation.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def hinge_discriminator(real: Tensor, fake: Tensor, mismatched: Tensor | None = None) -> Tensor:
    """L_D = E[max(0, 1 − D(x, t))] + ½ E[max(0, 1 + D(G(z, t), t))] + ½ E[max(0, 1 + D(x, t̂))] (DF-GAN, eq. 1)."""
    mismatched = fake if mismatched is None else mismatched
    return F.relu(1 - real).mean() + 0.5 * F.relu(1 + fake).mean() + 0.5 * F.relu(1 + mismatched).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """L_G = − E[D(G(z, t), t)] (DF-GAN, eq. 1)."""
    return -fake.mean()


def minimax_discriminator(real: Tensor, fake: Tensor, mismatched: Tensor | None = None) -> Tensor:
    """L_D = − E[log D(x)] − E[log(1 − D(G(z)))] (Goodfellow et al. 2014, eq. 1), with half of the fakes mismatched."""
    mismatched = fake if mismatched is None else mismatched
    return F.softplus(-real).mean() + 0.5 * F.softplus(fake).mean() + 0.5 * F.softplus(mismatched).mean()


def minimax_generator(fake: Tensor) -> Tensor:
    """L_G = E[log(1 − D(G(z)))] (Goodfellow et al. 2014, eq. 1)."""
    return -F.softplus(fake).mean()


def non_saturating_generator(fake: Tensor) -> Tensor:
    """L_G = − E[log D(G(z))] (Goodfellow et al. 2014, section 3), whose gradient does not vanish while D wins."""
    return F.softplus(-fake).mean()


GAN_LOSSES = {
    "hinge": (hinge_discriminator, hinge_generator),
    "minimax": (minimax_discriminator, minimax_generator),
    "non_saturating": (minimax_discriminator, non_saturating_generator),
}


def perceptual_distance(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """How different pictures look, after LPIPS (Zhang et al. 2018): squared differences of each cell's features scaled
    to length 1, averaged over the cells and summed over the layers. Two lists of [B, C, H, W] → [B]."""
    layers = zip(first, second, strict=True)
    return sum((2 - 2 * F.cosine_similarity(a.float(), b.float(), dim=1)).mean((1, 2)) for a, b in layers)


def mode_seeking(distance: Tensor, floor: Tensor | float) -> Tensor:
    """Penalty on two pictures of one prompt that are alike, after Mao et al. (2019): E[max(0, 1 − d / floor)]."""
    return F.relu(1 - distance / floor).mean()


def batch_deviation(x: Tensor) -> Tensor:
    """The standard deviation over the batch as one more channel (Karras et al. 2018): [B, C, H, W] → [B, 1, H, W]."""
    deviation = torch.sqrt(x.float().var(0, unbiased=False) + 1e-8).mean(0)  # (H, W)
    return deviation.to(x.dtype).expand(len(x), 1, *deviation.shape)
