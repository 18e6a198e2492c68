"""Gradio's inputs without their own checks: what a visitor gave arrives as it is.

The pipelines check it, so that a wrong value or a broken file gets their sentence, in the language of the page.
"""

import gradio as gr
from gradio.data_classes import ImageData
from gradio.processing_utils import check_all_files_in_cache


class Slider(gr.Slider):
    """A slider whose value may be typed out of its range."""

    def get_block_name(self) -> str:
        return "slider"

    def preprocess(self, payload: float) -> float:
        return int(payload) if isinstance(payload, float) and payload.is_integer() else payload


class Picture(gr.Image):
    """A picture as the path of the uploaded file, not opened by Gradio."""

    def get_block_name(self) -> str:
        return "image"

    def preprocess(self, payload: ImageData | None) -> str | None:
        """Raises gr.Error for a file that nobody uploaded: Gradio's own check passes over a picture whose path does not
        say of itself that it is a file's."""
        if payload is None:
            return None
        check_all_files_in_cache(payload.model_dump())
        return payload.path


def whole_number(typed: str) -> int | str:
    """The number that was typed into a text box, or the text itself where it is none."""
    try:
        return int(typed)
    except ValueError:
        return typed
