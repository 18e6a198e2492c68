"""What a model that works in steps says after each of them, and how a run is ended between two."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

MAX_STEPS = 200


@dataclass(frozen=True)
class Step:
    """Step `number` of `total` is done; `preview()` makes the pictures as they stand, [] where the model can't."""

    number: int
    total: int
    preview: Callable[[], list[Image.Image]]


OnStep = Callable[[Step], None]


class Stopped(Exception):  # noqa: N818
    """Raised by an `on_step` to end its run: the user no longer wants it."""
