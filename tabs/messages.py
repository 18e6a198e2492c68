"""Errors as messages of the page, in its language. The one place where an exception becomes a `gr.Error`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from pipelines.errors import InputError
from pipelines.text_to_image.steps import Stopped
from tabs.i18n import sentence, text

logger = logging.getLogger(__name__)


@contextmanager
def messages(language: str) -> Iterator[None]:
    """Show what goes wrong inside: an InputError's own sentence, or a general one while the log keeps the cause."""
    try:
        yield
    except (Stopped, gr.Error):  # a sentence already: ZeroGPU's own, where a GPU is lent
        raise
    except InputError as error:
        raise gr.Error(sentence(error, language), print_exception=False) from None
    except Exception as error:
        logger.exception("unexpected error")
        raise gr.Error(text("error.unexpected", language), print_exception=False) from error
