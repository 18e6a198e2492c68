"""The tab that says which models there are: those in memory, and pretrained ones that may be fetched."""

from html import escape

import gradio as gr

from pipelines.errors import InputError
from pipelines.outputs import public_name
from tabs import offers
from tabs.i18n import label, sentence, text
from tabs.progress import FREE

KEYS = ("name", "kind", "size", "licence", "steps", "words", "about")


def facts(name: str, language: str, tab: str = "create") -> str:
    """Of a pretrained model of a tab: on this computer, or how much a download would take; licence, and what is usual.
    """
    from pipelines import hub  # brings the Hub's library, which the page does not wait for

    try:
        resolved = offers.offered(name, tab)
    except InputError as error:
        return f"<p>{sentence(error, language)}</p>"
    if resolved != name:
        return f"<p>{text('models.folder', language, name=escape(name))}</p>"
    if hub.cached(name):
        state = text("models.here", language)
    elif size := hub.download_size(name):
        state = text("models.download", language, gigabytes=f"{size / 1e9:.1f}")
    else:
        state = text("models.offline", language)
    known = ""
    if suggestion := offers.SUGGESTIONS[tab].get(name):
        usual = text(f"models.usual_{tab}", language, **vars(suggestion))
        known = f" {escape(suggestion.licence)} · {usual}"
    return f"<p>{state}{known}</p>"


def ledger_table(language: str) -> str:
    """The models in memory, the most recently used first."""
    from pipelines import device  # brings torch, which the page does not wait for

    entries = device.ledger()[::-1]
    if not entries:
        return f'<p class="hint">{text("models.none_loaded", language)}</p>'
    names = [public_name(e["name"].split("/", 1)[-1]) for e in entries]
    rows = [(n, f"{e['megabytes']:,} MB", f"{e['seconds_idle']} s") for n, e in zip(names, entries, strict=True)]
    budget = text("models.budget", language, megabytes=f"{device.megabytes(device.budget()):,}")
    head = [text(f"models.{key}", language) for key in ("name", "memory", "idle")]
    return table(head, rows) + f'<p class="hint">{device.device()} · {budget}</p>'


def suggestion_table(language: str) -> str:
    head = [text(f"models.{key}", language) for key in KEYS]
    rows = []
    for tab, suggestions in offers.SUGGESTIONS.items():
        for name, s in suggestions.items():
            about = text(f"models.about_{s.note}", language)
            kind, steps = text(f"{tab}.tab", language), vars(s).get("num_inference_steps", "–")
            rows.append((name, kind, f"{s.gigabytes:g} GB", s.licence, steps, s.languages, about))
    return table(head, rows)


def table(head: list[str], rows: list[tuple]) -> str:
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    body = f"<thead><tr>{titles}</tr></thead><tbody>{lines}</tbody>"
    return f'<div class="scroll"><table class="facts">{body}</table></div>'


def both_tables(language: str) -> tuple[str, str]:
    return ledger_table(language), suggestion_table(language)


def build(language: gr.Textbox, tab: gr.Tab) -> None:
    """Lay out the tab; its tables are made anew whenever it is opened."""
    gr.HTML(label("models.loaded_title"), elem_classes="title")
    ledger = gr.HTML(elem_id="ledger")
    gr.HTML(label("models.suggestions_title"), elem_classes="title")
    suggestions = gr.HTML(elem_id="suggestions")
    tab.select(
        both_tables, language, [ledger, suggestions], **FREE
    )
