"""A training on the page: what it is doing in a sentence, its curves as SVG, its newest samples, the end of its log."""

import base64
import time
from html import escape
from pathlib import Path

from tabs import training_progress as progress
from tabs.i18n import text
from tabs.progress import bar
from tabs.training_plans import MODELS
from tabs.training_runs import Run, folders_allowed

POINTS = 240  # of a curve
WIDTH, HEIGHT = 600, 200
MARGIN = 0.06  # of the height, above and below
LOG_LINES = 14


def title(run: Run, language: str) -> str:
    """Model, preset and when it began, as words."""
    names = text(f"train.model_{run.plan.model}", language), text(f"train.preset_{run.plan.preset}", language)
    return " · ".join([*names, time.strftime("%m-%d %H:%M", time.localtime(run.started))])


def run_html(run: Run, phase: str, language: str) -> str:
    """The run as it stands."""
    lines, minutes, model = progress.read(run.folder), run.plan.minutes, MODELS[run.plan.model]
    done = 1.0 if phase == "finished" else progress.done(lines, minutes)
    said = escape(sentence(run, phase, lines, language))
    return (
        f'<section class="training" data-phase="{phase}"><p role="status">{said}</p>'
        f"{bar(100 * done, 100, text('train.run', language))}"
        f"{curves(lines, model.curves, 'curves', language)}{curves(lines, model.measures, 'measures', language)}"
        f"{samples(run.folder, language)}</section>"
    )


def sentence(run: Run, phase: str, lines: list[dict], language: str) -> str:
    """What the run is doing, or how it ended."""
    if phase == "failed":
        if said := progress.failure(progress.log_lines(run.folder)):
            named = folders_allowed()  # a line of the log names folders of this computer
            return text("train.failed", language, line=said) if named else text("train.failed_here", language)
        return text("train.broken" if progress.newest_state(run.folder) else "train.broken_early", language)
    last = lines[-1] if lines else {"step": 0, "seconds": 0}
    left = duration(progress.seconds_left(lines, run.plan.minutes)) if lines else "–"
    values = {"step": f"{last['step']:,}", "spent": duration(last["seconds"]), "left": left}
    return text(f"train.{phase}", language, **values)


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: 1:02:05, 2:05."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def curves(lines: list[dict], names: tuple[str, ...], title: str, language: str) -> str:
    """The scalars over the steps under their `title`, with the ends of both axes in figures."""
    drawn = {name: points for name in names if len(points := progress.curve(lines, name, POINTS)) > 1}
    if not drawn:
        return ""
    values = [value for points in drawn.values() for _, value in points]
    steps = [step for points in drawn.values() for step, _ in points]
    low, high, first, last = min(values), max(values), min(steps), max(steps)

    def place(step: float, value: float) -> str:
        height = 0.5 if high == low else (high - value) / (high - low)
        across = WIDTH * (step - first) / (last - first)
        return f"{across:.1f},{HEIGHT * (MARGIN + (1 - 2 * MARGIN) * height):.1f}"

    polylines = "".join(
        f'<polyline class="line-{k}" points="{" ".join(place(*point) for point in points)}"/>'
        for k, points in enumerate(drawn.values())
    )
    legend = "".join(
        f'<span class="line-{k}">{escape(text(f"train.{name}", language))} <b>{points[-1][1]:.3g}</b></span>'
        for k, (name, points) in enumerate(drawn.items())
    )
    said = escape(text(f"train.{title}", language, last=f"{last:,.0f}"))
    return (
        f'<figure class="curves"><figcaption>{legend}</figcaption>'
        f'<div class="axis"><span>{high:.3g}</span><span>{low:.3g}</span></div>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{said}">'
        f'{polylines}</svg><small>{said}</small></figure>'
    )


def samples(folder: Path, language: str) -> str:
    """The newest sheet of samples."""
    newest = progress.newest_sample(folder)
    if newest is None:
        return ""
    step = int(newest.stem.rsplit("_", 1)[-1])
    said = escape(text("train.samples", language, step=f"{step:,}"))
    address = f"data:image/webp;base64,{base64.b64encode(newest.read_bytes()).decode()}"
    return f'<figure class="sheet"><img src="{address}" alt="{said}"><figcaption>{said}</figcaption></figure>'


def log_html(run: Run) -> str:
    return f'<pre class="log">{escape(chr(10).join(progress.log_lines(run.folder)[-LOG_LINES:]))}</pre>'
