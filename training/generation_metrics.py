"""Measures of generated pictures as pure functions: Fréchet and kernel distance, precision and recall, spread between
seeds, the colour of the middle.

N pictures, F features, H × W pixels.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

LEAST_FOR_FID = 2000  # its bias is larger than most differences where there are fewer pictures
COLOURS = ("red", "orange", "yellow", "pink", "purple", "white", "blue")


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """d² = |μ₁ − μ₂|² + tr(C₁ + C₂ − 2 (C₁C₂)^½) of two sets of features [N, F] (Heusel et al. 2017)."""
    (mean1, cov1), (mean2, cov2) = ((x.double().mean(0), torch.cov(x.double().T)) for x in (first, second))
    # the eigenvalues of C₁C₂ are real and not negative, whatever rounding says
    root = torch.linalg.eigvals(cov1 @ cov2).real.clamp(min=0).sqrt().sum()
    return ((mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * root).item()


def kernel_distance(first: Tensor, second: Tensor) -> float:
    """KID: the unbiased MMD² of two sets of features [N, F] under k(x, y) = (x·y / F + 1)³ (Bińkowski et al. 2018)."""

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    x, y = first.double(), second.double()
    n, m = len(x), len(y)
    within_x, within_y = kernel(x, x), kernel(y, y)
    within = (within_x.sum() - within_x.trace()) / (n * (n - 1)) + (within_y.sum() - within_y.trace()) / (m * (m - 1))
    return (within - 2 * kernel(x, y).mean()).item()


def precision_and_recall(made: Tensor, real: Tensor, k: int = 3) -> tuple[float, float]:
    """The share of made pictures that lie among real ones, and of real ones that lie among made ones: within the
    distance to some neighbour's own k-th neighbour, in features [N, F] (Kynkäänniemi et al. 2019)."""

    def covered(points: Tensor, by: Tensor) -> float:
        radius = torch.cdist(by, by).kthvalue(min(k + 1, len(by))).values  # its nearest neighbour is itself
        return (torch.cdist(points, by) <= radius).any(1).float().mean().item()

    return covered(made, real), covered(real, made)


def mean_pairwise_distance(maps: list[Tensor]) -> float:
    """How different pictures are, after LPIPS (Zhang et al. 2018): every cell's features scaled to length 1, squared
    differences averaged over cells, summed over layers [N, F, H, W], averaged over all pairs."""
    total = 0.0
    for x in maps:
        unit = torch.nn.functional.normalize(x.float(), dim=1).flatten(2)             # (N, F, HW)
        similarity = torch.einsum("nfc,mfc->nm", unit, unit) / unit.shape[2]          # (N, N), mean over cells
        n = len(x)
        total += (2 - 2 * (similarity.sum() - similarity.trace()) / (n * (n - 1))).item()
    return total


def middle_colour(image: Image.Image) -> str:
    """The name of most of the coloured pixels in the middle quarter of a picture; leaves and shadow are not counted."""
    width, height = image.size
    middle = image.crop((width // 4, height // 4, width * 3 // 4, height * 3 // 4)).convert("HSV")
    hue, saturation, value = (x.astype(float) for x in np.moveaxis(np.asarray(middle), 2, 0))
    hue, saturation, value = hue * 360 / 255, saturation / 255, value / 255
    white = (saturation < 0.2) & (value > 0.55)
    vivid = (saturation >= 0.2) & (value > 0.25)
    reddish = (hue < 16) | (hue >= 342)
    pale = (saturation < 0.6) & (value > 0.6)
    counts = {
        "white": white,
        "red": vivid & reddish & ~pale,
        "orange": vivid & (hue >= 16) & (hue < 42),
        "yellow": vivid & (hue >= 42) & (hue < 68),
        "blue": vivid & (hue >= 190) & (hue < 256),
        "purple": vivid & (hue >= 256) & (hue < 312),
        "pink": vivid & ((hue >= 312) & (hue < 342) | reddish & pale),
    }
    return max(counts, key=lambda name: counts[name].sum())
