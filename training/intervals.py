"""How far a figure would move, had other pictures been drawn: bootstrap intervals (Efron 1979).

P pictures, D draws.
"""

from collections.abc import Callable, Sequence

import numpy as np

DRAWS = 1000


def resampled(num: int, seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """How often each of `num` pictures is in each draw with replacement: int [D, P], every row sums to `num`."""
    return np.random.default_rng(seed).multinomial(num, np.full(num, 1 / num), size=draws)


def interval(statistic: Callable[[np.ndarray], np.ndarray], num: int, seed: int = 0) -> list[float]:
    """The middle 95% of a statistic over draws; `statistic` maps weights [D, P] to values [D]."""
    return [round(x, 4) for x in np.percentile(statistic(resampled(num, seed)), [2.5, 97.5]).tolist()]


def mean_interval(values: Sequence[float], seed: int = 0) -> list[float]:
    """The interval of the mean of one value for each picture."""
    values = np.asarray(values, dtype=np.float64)
    return interval(lambda weights: weights @ values / len(values), len(values), seed)
