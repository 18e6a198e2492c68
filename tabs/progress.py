"""How far a run is, on the page: a bar, a line of words, the pictures as they stand, and a button that ends it."""

from collections.abc import Callable, Iterator

import gradio as gr

from pipelines.text_to_image.steps import Stopped
from tabs import runs
from tabs.attention import data_uri
from tabs.i18n import text
from tabs.messages import messages
from tabs.runs import Progress, Run

GIGABYTE = 1e9


def progress_html(progress: Progress | None, language: str) -> str:
    """The bar of a run; None: it has begun, and nothing is known yet."""
    if progress is None:
        return f'<div class="run"><p>{text("run.loading", language)}</p>{bar(0, 1)}</div>'
    done, total = progress.done, progress.total
    if progress.unit == "bytes":
        line = text("run.download", language, done=f"{done / GIGABYTE:.2f}", total=f"{total / GIGABYTE:.2f}")
    else:
        line = text(f"run.{progress.unit}", language, done=done, total=total)
    previews = "".join(f'<img src="{data_uri(image, "webp")}" alt="">' for image in progress.previews)
    return (
        f'<div class="run"><p>{line}</p>{bar(done, total)}'
        f'<div class="previews">{previews}</div></div>'
    )


def bar(done: int, total: int) -> str:
    filled = f'<i style="width:{100 * done / total:.0f}%"></i>'
    return f'<div class="bar" role="progressbar" aria-valuenow="{done}" aria-valuemax="{total}">{filled}</div>'


def shown(progress: Progress | None, language: str) -> dict:
    return gr.update(value=progress_html(progress, language), visible=True)


def hidden() -> dict:
    return gr.update(visible=False)


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
                    yield gr.update(value=news, visible=True), hidden(), idle, hidden()
    except Stopped:
        yield gr.skip(), hidden(), idle, gr.skip()
    except gr.Error:
        yield gr.skip(), hidden(), idle, gr.skip()
        raise


def stop(request: gr.Request) -> None:
    """End the run of the visitor who asks."""
    runs.stop(request.session_hash)
