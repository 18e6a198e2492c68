"""The tab that describes many pictures at once, to be corrected by hand and taken away."""

from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr

from pipelines.batch import CORRECTED, EXISTING, FORMATS, Row, collect, describe_all, export
from pipelines.image_captioning.pipeline import BUILT_IN, LANGUAGES, CaptioningPipeline, load_captioner
from pipelines.languages import language_of
from pipelines.text_to_image.steps import Stopped
from tabs import runs
from tabs.captioners import choice, named, title
from tabs.files import fresh_folder
from tabs.i18n import label, sentence, text
from tabs.messages import messages
from tabs.progress import ended, hidden, progress_line, queued, shown, stop_button


def describe_many(
    files: list[str] | None,
    captioner: str = "transformer",
    caption_language: str = "en",
    existing: str = "skip",
    pretrained: str = "",
    language: str = "en",
    request: gr.Request | None = None,
) -> Iterator[tuple]:
    """Put many pictures into words.

    Args:
        files: Pictures, zips of pictures, and text files of existing captions.
        captioner: lstm, transformer, both, or pretrained for the one that `pretrained` names.
        caption_language: en or zh.
        existing: What becomes of existing captions: skip, overwrite or append.
        pretrained: Hub id (id@revision pins a version) or the name of a folder that the server offers.
        language: Language of messages, en or zh.
    """

    def work(run: runs.Run) -> tuple[list[Row], list[CaptioningPipeline]]:
        from pipelines.recognition import load_recognizer

        with TemporaryDirectory() as unpacked:
            rows = collect(files or [], Path(unpacked))
            captioners = [load_captioner(name, run.on_download) for name in named(captioner, pretrained)]
            described = describe_all(
                rows, captioners, language=caption_language, existing=existing, recognize=load_recognizer(),
                on_picture=lambda done: run.on_picture(done, len(rows)),
                say=lambda error: unescape(sentence(error, language)),  # a table's cells are plain text
            )  # fmt: skip
            return described, captioners

    idle = gr.update(interactive=False)
    quiet = gr.skip(), gr.skip(), gr.skip()
    try:
        with messages(language):
            yield *quiet, shown(None, language), gr.update(interactive=True), gr.skip()
            for news in runs.follow(request.session_hash if request else "", work):
                if isinstance(news, runs.Progress):
                    yield *quiet, shown(news, language), gr.skip(), gr.skip()
                else:
                    rows, captioners = news
                    written = caption_language if captioners[0].languages else language_said(rows)
                    shown_table = table(rows, [each.name for each in captioners], language)
                    yield shown_table, gr.update(visible=True), (rows, written), ended(), idle, hidden()
    except Stopped:
        yield *quiet, ended(), idle, gr.skip()
    except gr.Error:
        yield *quiet, ended(), idle, gr.skip()
        raise


def language_said(rows: list[Row]) -> str:
    """The language of captions whose captioner has only one."""
    return language_of("".join(caption for row in rows for caption in row.captions))


def table(rows: list[Row], captioners: list[str], language: str) -> dict:
    """One line a picture: its name, a caption by each captioner, the doubted words and what went wrong."""
    head = [text("batch.file", language), *(title(name, language) for name in captioners)]
    head += [text("batch.doubted", language), text("batch.problem", language)]
    lines = []
    for row in rows:
        captions = list(row.captions) + [""] * (len(captioners) - len(row.captions))
        lines.append([row.name, *captions, ", ".join(row.doubted), row.error])
    widths = ["16%", *[f"{54 // len(captioners)}%"] * len(captioners), "15%", "15%"]
    return gr.update(value={"headers": head, "data": lines}, column_widths=widths, visible=True)


def take_away(corrected: list[list], described: tuple[list[Row], str], kind: str, language: str = "en") -> dict:
    """The file of all captions as they stand in the table; those that were changed there are marked as corrected.
    `described` are the rows and the language that they were described in."""
    rows, caption_language = described
    with messages(language):
        said = {str(line[0]): tuple(str(c).strip() for c in line[1:-2]) for line in corrected}
        kept = [corrected_row(row, said.get(row.name, ())) for row in rows]
        path = export(kept, kind, fresh_folder(), caption_language)
        return gr.update(value=str(path), visible=True)


def corrected_row(row: Row, captions: tuple[str, ...]) -> Row:
    """`row` with the captions of its line in the table, where spaces and empty cells are no correction."""
    before, after = ([c.split() for c in some if c.strip()] for some in (row.captions, captions))
    return replace(row, captions=captions, source=row.source if after == before else CORRECTED)


def build(language: gr.Textbox) -> None:
    """Lay out the tab. `language` holds the language of the page."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            files = gr.File(
                label=label("batch.files"), file_count="multiple", height=220, elem_id="batch-files",
            )  # fmt: skip
            with gr.Row():
                button = gr.Button(label("batch.button"), variant="primary", elem_id="batch")
                stopper = stop_button("batch-stop")
            captioner, pretrained, spoken = choice(
                BUILT_IN[-1], LANGUAGES, language, "batch-captioner", "batch-language"
            )
            existing = gr.Radio(
                [(label(f"batch.{way}"), way) for way in EXISTING], value=EXISTING[0],
                label=label("batch.existing"), info=label("batch.existing_hint"), elem_id="batch-existing",
            )  # fmt: skip
        with gr.Column(scale=5, min_width=320):
            empty = gr.HTML(label("batch.empty"), elem_classes="empty", elem_id="batch-empty")
            progress = progress_line("batch-progress")
            captions = gr.Dataframe(
                visible=False, type="array", wrap=True, interactive=True, elem_id="batch-table", show_label=False,
                max_height=520,
            )  # fmt: skip
            with gr.Row(visible=False) as taking:
                kind = gr.Radio(
                    [(label(f"batch.{name}"), name) for name in FORMATS], value="jsonl", label=label("batch.format"),
                    elem_id="batch-format", scale=3,
                )  # fmt: skip
                export_button = gr.Button(label("batch.export"), min_width=120, scale=1, elem_id="batch-export")
            download = gr.File(visible=False, label=label("batch.download"), elem_id="batch-download")
    described = gr.State(([], "en"))
    button.click(
        describe_many, [files, captioner, spoken, existing, pretrained, language],
        [captions, taking, described, progress, stopper, empty], api_visibility="private", **queued(progress),
    )  # fmt: skip
    export_button.click(
        take_away, [captions, described, kind, language], download, show_progress="hidden", api_visibility="private"
    )
