"""The measures of generated pictures against closed forms and colours made by hand."""

import pytest
import torch
from PIL import Image

from training.generation_metrics import (
    COLOURS,
    frechet_distance,
    kernel_distance,
    mean_pairwise_distance,
    middle_colour,
    precision_and_recall,
)


def test_frechet_distance_of_two_gaussians_has_its_closed_form():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200_000, 3, generator=generator, dtype=torch.float64)
    y = 2 * torch.randn(200_000, 3, generator=generator, dtype=torch.float64) + torch.tensor([3.0, 0.0, 0.0])
    assert frechet_distance(x, y) == pytest.approx(9 + 3 * (2 - 1) ** 2, rel=0.01)


def test_frechet_distance_of_a_set_to_itself_is_zero_even_where_it_is_flat():
    x = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    x[:, 4:] = 0
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-4)


def test_equal_pictures_have_no_spread_and_opposite_ones_the_most():
    x = torch.randn(1, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    assert mean_pairwise_distance([x.repeat(3, 1, 1, 1)]) == pytest.approx(0, abs=1e-5)
    assert mean_pairwise_distance([torch.cat([x, -x])]) == pytest.approx(4, abs=1e-5)


def test_kernel_distance_is_unbiased_and_grows_with_the_difference():
    generator = torch.Generator().manual_seed(0)

    def draw(n: int, shift: float) -> torch.Tensor:
        return torch.randn(n, 4, generator=generator) + shift

    same = [kernel_distance(draw(200, 0), draw(300, 0)) for _ in range(30)]
    assert min(same) < 0 < max(same)
    assert abs(sum(same) / 30) < 0.05
    assert kernel_distance(draw(200, 0), draw(200, 1)) < kernel_distance(draw(200, 0), draw(200, 2))


def test_kernel_distance_by_hand():
    x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [1.0]])

    def k(a: float, b: float) -> float:
        return (a * b + 1) ** 3

    expected = k(1, 2) + k(0, 1) - 2 * (k(1, 0) + k(1, 1) + k(2, 0) + k(2, 1)) / 4
    assert kernel_distance(x, y) == pytest.approx(expected)


def test_precision_and_recall_know_a_lost_mode_and_a_made_up_one():
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 200, 3, generator=generator) + torch.tensor([-50.0, 50.0])[:, None, None]
    elsewhere = torch.randn(200, 3, generator=generator) + 500
    precision, recall = precision_and_recall(torch.cat([left, left]) + 0.01, torch.cat([left, right]))
    assert precision > 0.95
    assert recall == pytest.approx(0.5, abs=0.05)
    precision, recall = precision_and_recall(torch.cat([left, right, elsewhere]), torch.cat([left, right]))
    assert precision == pytest.approx(2 / 3, abs=0.05)
    assert recall > 0.95


PAINTS = {
    "red": (200, 20, 30), "orange": (250, 140, 20), "yellow": (250, 220, 30), "pink": (250, 150, 190),
    "purple": (130, 50, 180), "white": (240, 240, 235), "blue": (50, 80, 210),
}  # fmt: skip


@pytest.mark.parametrize("name", COLOURS)
def test_the_middle_has_its_colour_whatever_surrounds_it(name):
    image = Image.new("RGB", (64, 64), (30, 120, 40))
    image.paste(PAINTS[name], (14, 14, 50, 50))
    image.paste((20, 10, 5), (30, 30, 36, 36))  # a dark centre
    assert middle_colour(image) == name
