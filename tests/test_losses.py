"""The adversarial losses against values worked out by hand."""

import math

import pytest
import torch

from training.losses import GAN_LOSSES, batch_deviation, mode_seeking, perceptual_distance

REAL, FAKE, FOREIGN = torch.tensor([2.0, 0.5]), torch.tensor([-2.0, 0.0]), torch.tensor([0.5, -3.0])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_hinge():
    discriminator, generator = GAN_LOSSES["hinge"]
    assert discriminator(REAL, FAKE, FOREIGN).item() == pytest.approx(0.25 + 0.5 * 0.5 + 0.5 * 0.75)
    assert generator(FAKE).item() == pytest.approx(1.0)


def test_minimax_and_non_saturating():
    discriminator, minimax = GAN_LOSSES["minimax"]
    of_real, of_fake = softplus(-2) + softplus(-0.5), softplus(-2) + softplus(0)
    of_foreign = softplus(0.5) + softplus(-3)
    expected = of_real / 2 + of_fake / 4 + of_foreign / 4
    assert discriminator(REAL, FAKE, FOREIGN).item() == pytest.approx(expected, rel=1e-5)
    assert minimax(FAKE).item() == pytest.approx(-(softplus(-2) + softplus(0)) / 2, rel=1e-5)
    assert GAN_LOSSES["non_saturating"][1](FAKE).item() == pytest.approx((softplus(2) + softplus(0)) / 2, rel=1e-5)


def test_minimax_saturates_where_the_discriminator_wins_and_the_other_does_not():
    gradients = []
    for name in ("minimax", "non_saturating"):
        logit = torch.tensor([-8.0], requires_grad=True)
        GAN_LOSSES[name][1](logit).backward()
        gradients.append(logit.grad.item())
    assert abs(gradients[0]) < 0.001 < 0.99 < abs(gradients[1])


def test_mode_seeking_punishes_only_what_is_alike():
    maps = [torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(k)) for k in range(2)]
    same, opposite = (perceptual_distance(maps, [sign * x for x in maps]) for sign in (2, -1))
    torch.testing.assert_close(same, torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(opposite, torch.full((2,), 8.0))
    assert mode_seeking(same, floor=0.5).item() == pytest.approx(1, abs=1e-4)
    assert mode_seeking(opposite, floor=8.0).item() == pytest.approx(0, abs=1e-4)


def test_batch_deviation_is_the_spread_over_the_batch():
    x = torch.tensor([0.0, 2.0]).view(2, 1, 1, 1).expand(2, 5, 3, 3)
    assert torch.allclose(batch_deviation(x), torch.ones(2, 1, 3, 3))
