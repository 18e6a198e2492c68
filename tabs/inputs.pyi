"""Gradio's inputs without their own checks: what a visitor gave arrives as it is.

The pipelines check it, so that a wrong value or a broken file gets their sentence, in the language of the page.
"""

import gradio as gr
from gradio.data_classes import ImageData

from gradio.events import Dependency

class Slider(gr.Slider):
    """A slider whose value may be typed out of its range."""

    def get_block_name(self) -> str:
        return "slider"

    def preprocess(self, payload: float) -> float:
        return int(payload) if isinstance(payload, float) and payload.is_integer() else payload
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


class Picture(gr.Image):
    """A picture as the path of the uploaded file, not opened by Gradio."""

    def get_block_name(self) -> str:
        return "image"

    def preprocess(self, payload: ImageData | None) -> str | None:
        return payload.path if payload else None
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


def whole_number(typed: str) -> int | str:
    """The number that was typed into a text box, or the text itself where it is none."""
    try:
        return int(typed)
    except ValueError:
        return typed