"""How far a run is, as HTML: a bar, a line of words, and the pictures as they stand."""

from tabs.attention import data_uri
from tabs.i18n import text
from tabs.runs import Progress

GIGABYTE = 1e9


def progress_html(progress: Progress | None, language: str) -> str:
    """The bar of a run; None: it has begun, and nothing is known yet."""
    if progress is None:
        return f'<div class="run"><p>{text("run.loading", language)}</p>{bar(0, 1)}</div>'
    done, total = progress.done, progress.total
    if progress.unit == "bytes":
        line = text("run.download", language, done=f"{done / GIGABYTE:.2f}", total=f"{total / GIGABYTE:.2f}")
    else:
        line = text("run.step", language, done=done, total=total)
    previews = "".join(f'<img src="{data_uri(image, "webp")}" alt="">' for image in progress.previews)
    return (
        f'<div class="run"><p>{line}</p>{bar(done, total)}'
        f'<div class="previews">{previews}</div></div>'
    )


def bar(done: int, total: int) -> str:
    filled = f'<i style="width:{100 * done / total:.0f}%"></i>'
    return f'<div class="bar" role="progressbar" aria-valuenow="{done}" aria-valuemax="{total}">{filled}</div>'
