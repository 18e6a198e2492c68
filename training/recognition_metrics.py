"""How well concepts are recognised: precision, recall, F1, accuracy and average precision, over the pairs of
picture and concept that are judged.

P pictures, C concepts.
"""

import numpy as np
import torch
from torch import Tensor

from training.intervals import interval

LEAST_SHOWN = 10  # pictures of a concept, for a threshold of its own


def best_threshold(probability: Tensor, named: Tensor) -> Tensor:
    """The threshold of the best F1, [P] and [P] → a number; 0.5 where nothing is named."""
    if not named.any():
        return probability.new_tensor(0.5)
    p, order = probability.sort(descending=True)
    f1 = 2 * named[order].cumsum(0) / (torch.arange(1, len(p) + 1) + named.sum())
    return p[f1.argmax()]


def best_thresholds(probability: Tensor, named: Tensor, judged: Tensor) -> Tensor:
    """For each concept the threshold of the best F1: [P, C] each → [C]. The best of a few pictures would be chance (0
    or 1, often): a concept that fewer than LEAST_SHOWN show gets the best of all concepts together."""
    common = best_threshold(probability[judged], named[judged])
    own = [best_threshold(p[j], y[j]) for p, y, j in zip(probability.T, named.T, judged.T, strict=True)]
    enough = (named.bool() & judged).sum(0) >= LEAST_SHOWN
    return torch.where(enough, torch.stack(own), common)


def doubt_levels(probability: Tensor, named: Tensor, judged: Tensor) -> Tensor:
    """For each concept the probability that 19 of 20 pictures that show it surpass: [P, C] each → [C]. Below it, words
    that claim the concept are to be doubted. A concept that no picture shows gets 0, so that nothing is."""
    shown = named.bool() & judged
    levels = [p[s].quantile(0.05) if s.any() else p.new_zeros(()) for p, s in zip(probability.T, shown.T, strict=True)]
    return torch.stack(levels)


def average_precision(probability: Tensor, named: Tensor) -> float:
    """The mean over the true ones of the precision down to each: [P], [P]."""
    hits = named[probability.argsort(descending=True, stable=True)]
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    return ((precision * hits).sum() / hits.sum()).item()


def scores(probability: Tensor, named: Tensor, judged: Tensor, thresholds: Tensor) -> dict[str, float]:
    """Micro: all pairs together. Macro and the mean average precision (mAP): the mean over the concepts that at least
    one picture shows; where there is none, nothing is measured. [P, C] each, thresholds [C]."""
    shown = (named.bool() & judged).any(0)
    if not shown.any():
        return {"num_concepts": 0}
    probability, named, judged = probability[:, shown], named[:, shown].bool(), judged[:, shown]
    said = (probability >= thresholds[shown]) & judged
    true = named & judged
    hits, claims, truths = ((x.sum(0).float()) for x in (said & true, said, true))                       # (C,)
    macro = 2 * hits / (claims + truths)
    of_each = torch.stack([2 * (said & true).sum(1), said.sum(1) + true.sum(1)]).numpy()                 # (2, P)
    ranked = [average_precision(p[j], y[j]) for p, y, j in zip(probability.T, named.T.float(), judged.T, strict=True)]
    return {
        "precision": (hits.sum() / claims.sum().clamp(min=1)).item(),
        "recall": (hits.sum() / truths.sum().clamp(min=1)).item(),
        "f1": (2 * hits.sum() / (claims.sum() + truths.sum()).clamp(min=1)).item(),
        "f1_interval": interval(lambda w: w @ of_each[0] / np.maximum(1, w @ of_each[1]), len(said)),
        "macro_f1": macro.mean().item(),
        "map": sum(ranked) / len(ranked),
        "accuracy": ((said == true) & judged).sum().item() / judged.sum().item(),
        "num_concepts": len(macro),
    }
