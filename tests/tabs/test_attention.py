"""The veil is clear where the model looked, dark elsewhere, and smooth between."""

import numpy as np

from tabs.attention import data_uri, sharpest, thumbnail, veil


def spot(row: int, column: int, grid: int = 7) -> np.ndarray:
    cells = np.full((grid, grid), 0.2 / (grid * grid - 1), dtype=np.float32)
    cells[row, column] = 0.8
    return cells


def alpha(attention: np.ndarray) -> np.ndarray:
    return np.asarray(veil(attention, 70))[..., 3].astype(int)


def test_the_veil_is_clearest_at_the_peak():
    values = alpha(spot(1, 5))
    row, column = np.unravel_index(values.argmin(), values.shape)
    assert (row // 10, column // 10) == (1, 5)
    assert values[60, 5] > 2 * values.min()


def test_neighbouring_pixels_differ_little():
    values = alpha(spot(3, 3))
    assert max(abs(np.diff(values, axis=0)).max(), abs(np.diff(values, axis=1)).max()) < 32


def test_only_the_shape_of_the_map_counts():
    assert (alpha(spot(2, 2)) == alpha(spot(2, 2) * 40)).all()


def test_an_even_map_veils_evenly():
    values = alpha(np.full((7, 7), 1 / 49, dtype=np.float32))
    assert values.min() == values.max() > 0


def test_sharpest_finds_the_concentrated_map():
    even = np.full((7, 7), 1 / 49, dtype=np.float32)
    assert sharpest(np.stack([even, spot(0, 0), even])) == 1


def test_a_thumbnail_keeps_shape_and_original():
    large = veil(spot(3, 3), 1000)
    assert thumbnail(large, 100).size == (100, 100)
    assert large.size == (1000, 1000)


def test_a_data_uri_holds_the_picture():
    assert data_uri(veil(spot(3, 3)), "webp").startswith("data:image/webp;base64,UklGR")
