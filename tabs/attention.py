"""Where a captioner looked, as a smooth veil to lay over the picture: dark where it did not look, warm where it did.

Pure functions of numpy arrays and PIL pictures. G × G cells of attention, S × S pixels of the veil.
"""

import base64
import io

import numpy as np
from PIL import Image

INK = np.array([16, 20, 30], dtype=np.float32)
EMBER = np.array([255, 150, 40], dtype=np.float32)
INK_ALPHA, EMBER_ALPHA = 0.72, 0.18


def veil(attention: np.ndarray, size: int = 96) -> Image.Image:
    """RGBA picture of `size` pixels for one map [G, G] of any scale; a map without a peak veils evenly."""
    low, high = float(attention.min()), float(attention.max())
    cells = (attention - low) / (high - low) if high > low else np.zeros_like(attention)        # (G, G)
    smooth = Image.fromarray(cells.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    heat = np.asarray(smooth).clip(0, 1)[..., None] ** 0.8                                       # (S, S, 1)
    rgb = INK + (EMBER - INK) * heat                                                             # (S, S, 3)
    alpha = 255 * (INK_ALPHA + (EMBER_ALPHA - INK_ALPHA) * heat)                                 # (S, S, 1)
    return Image.fromarray(np.concatenate([rgb, alpha], axis=-1).round().astype(np.uint8))


def data_uri(image: Image.Image, format: str) -> str:
    """The picture inside an address, so that a result needs no file on the server."""
    buffer = io.BytesIO()
    image.save(buffer, format, quality=82)
    return f"data:image/{format};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def thumbnail(image: Image.Image, size: int = 640) -> Image.Image:
    """A copy of at most `size` pixels a side."""
    copy = image.copy()
    copy.thumbnail((size, size), Image.Resampling.LANCZOS)
    return copy


def enlarged(image: Image.Image, size: int = 256) -> Image.Image:
    """A picture of fewer than `size` pixels a side, larger by a whole number, so that every pixel stays sharp."""
    times = max(1, size // max(image.size))
    return image.resize((times * image.width, times * image.height), Image.Resampling.NEAREST)


def sharpest(attention: np.ndarray) -> int:
    """Which of the maps [N, G, G] is the most concentrated: the word worth showing first."""
    return int(attention.reshape(len(attention), -1).max(axis=1).argmax())
