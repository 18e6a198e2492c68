"""How far a run is, on the page: a bar, a line of words, the pictures as they stand, and a button that ends it."""

from collections.abc import Callable, Iterator
from html import escape

import gradio as gr

from pipelines.text_to_image.steps import Stopped
from tabs import runs
from tabs.attention import data_uri
from tabs.i18n import label, text
from tabs.messages import messages
from tabs.runs import Progress, Run

GIGABYTE = 1e9
ONE_AT_A_TIME = {"concurrency_id": "model", "concurrency_limit": 1}  # there is one device
FREE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}  # an event that waits for nothing


def progress_html(progress: Progress | None, language: str) -> str:
    """The bar of a run; None: it has begun, and nothing is known yet."""
    if progress is None:
        line = text("run.loading", language)
        return f'<div class="run"><p>{line}</p>{bar(0, 1, line)}</div>'
    done, total = progress.done, progress.total
    if progress.unit == "bytes":
        line = text("run.download", language, done=f"{done / GIGABYTE:.2f}", total=f"{total / GIGABYTE:.2f}")
    else:
        line = text(f"run.{progress.unit}", language, done=done, total=total)
    previews = "".join(f'<img src="{data_uri(image, "webp")}" alt="">' for image in progress.previews)
    return f'<div class="run"><p>{line}</p>{bar(done, total, line)}<div class="previews">{previews}</div></div>'


def bar(done: float, total: float, name: str) -> str:
    """A bar filled to `done` of `total`; `name` says to those who can't see it what it measures."""
    return (
        f'<div class="bar" role="progressbar" aria-label="{escape(name)}" aria-valuenow="{done:.0f}" aria-valuemin="0" '
        f'aria-valuemax="{total:.0f}"><i style="width:{100 * done / total:.4g}%"></i></div>'
    )


def shown(progress: Progress | None, language: str) -> dict:
    return gr.update(value=progress_html(progress, language))


def ended() -> dict:
    return gr.update(value="")


def hidden() -> dict:
    return gr.update(visible=False)


def progress_line(elem_id: str) -> gr.HTML:
    """Where a run says how far it is; before it begins Gradio writes its place in the queue there."""
    return gr.HTML(elem_id=elem_id, elem_classes="progress-line")


def stop_button(elem_id: str) -> gr.Button:
    """A button that ends the visitor's own run; it works while one is going on. Esc presses it (assets/keys.js)."""
    button = gr.Button(
        label("run.stop"), interactive=False, scale=0, min_width=80, elem_id=elem_id, elem_classes="ends-run"
    )
    button.click(stop, None, None, **FREE)
    return button


def queued(line: gr.HTML | None = None) -> dict:
    """How an event waits for the one model at work: behind those before it, shown on `line` or on its outputs."""
    waits = {**ONE_AT_A_TIME, "trigger_mode": "once"}
    return waits if line is None else {**waits, "show_progress": "minimal", "show_progress_on": line}


def followed(work: Callable[[Run], object], language: str, request: gr.Request | None) -> Iterator[tuple]:
    """A run for four outputs: the result that `work` returns, the progress, the stop button, the empty place."""
    idle = gr.update(interactive=False)
    try:
        with messages(language):
            yield gr.skip(), shown(None, language), gr.update(interactive=True), gr.skip()
            for news in runs.follow(request.session_hash if request else "", work):
                if isinstance(news, Progress):
                    yield gr.skip(), shown(news, language), gr.skip(), gr.skip()
                else:
                    yield gr.update(value=news, visible=True), ended(), idle, hidden()
    except Stopped:
        yield gr.skip(), ended(), idle, gr.skip()
    except gr.Error:
        yield gr.skip(), ended(), idle, gr.skip()
        raise


def stop(request: gr.Request) -> None:
    """End the run of the visitor who asks."""
    runs.stop(request.session_hash)
