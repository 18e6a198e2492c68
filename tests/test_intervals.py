"""Bootstrap intervals: against the normal approximation, and the same for the same pictures."""

import numpy as np
import pytest

from training.intervals import interval, mean_interval, resampled


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    values = np.random.default_rng(1).normal(3, 2, 4000)
    low, high = mean_interval(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)
    assert mean_interval(values) == [low, high]


def test_every_draw_has_as_many_pictures():
    assert (resampled(7).sum(1) == 7).all()
    assert interval(lambda weights: weights.sum(1), 7) == [7.0, 7.0]
