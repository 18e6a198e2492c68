"""The choice of a captioner: the built-in ones, those that were trained here, and any pretrained one by its name."""

import gradio as gr

from pipelines.image_captioning.pipeline import BUILT_IN
from tabs import offers, training_runs
from tabs.i18n import label, text
from tabs.models import facts
from tabs.offers import PRETRAINED
from tabs.progress import FREE

LANGUAGES = {"both": "describe.two_languages", "en": "describe.english", "zh": "describe.chinese"}


def named(captioner: str, pretrained: str) -> tuple[str, ...]:
    """The captioners that a choice stands for. Raises InputError where a visitor may not name one."""
    if captioner == PRETRAINED:
        return (offers.offered(pretrained, "describe"),)
    return BUILT_IN if captioner == "both" else (offers.allowed(captioner, BUILT_IN, "describe"),)


def title(name: str, language: str) -> str:
    """What a captioner is called on the page."""
    return text(f"describe.{name}", language) if name in BUILT_IN else name


def standing() -> tuple[str, ...]:
    """The choices that are always there."""
    return ("both", *BUILT_IN, *([PRETRAINED] if offers.pretrained("describe") else []))


def choices(language: str) -> dict:
    """The captioners to choose from as they stand now, with those that were trained on the page."""
    built_in = [(text(f"describe.{name}", language), name) for name in standing()]
    return gr.update(choices=[*built_in, *((name, name) for name in training_runs.usable("describe"))])


def choice(
    captioner: str, languages: tuple[str, ...], language: gr.Textbox, elem_id: str, spoken_id: str
) -> tuple[gr.Radio, gr.Dropdown, gr.Radio]:
    """Lay out the choice, `captioner` at first: its radio buttons; the name of a pretrained one where that is chosen,
    or else the language of the captions, the first of `languages` at first."""
    captioners = gr.Radio(
        [(label(f"describe.{name}"), name) for name in standing()], value=captioner, label=label("describe.captioner"),
        elem_id=elem_id,
    )  # fmt: skip
    with gr.Column(visible=False) as part:
        offered = offers.pretrained("describe")
        pretrained = gr.Dropdown(
            offered, value=next(iter(offered), None), label=label("describe.pretrained_label"),
            info=label("describe.pretrained_hint"), allow_custom_value=True, elem_id=f"{elem_id}-pretrained",
        )  # fmt: skip
        about = gr.HTML(elem_id=f"{elem_id}-about")
    spoken = gr.Radio(
        [(label(LANGUAGES[name]), name) for name in languages], value=languages[0], label=label("describe.language"),
        elem_id=spoken_id,
    )  # fmt: skip
    shown = [part, about, spoken]
    gr.on([captioners.change, pretrained.change], told, [captioners, pretrained, language], shown, **FREE)
    return captioners, pretrained, spoken


def told(captioner: str, pretrained: str, language: str) -> tuple[dict, str, dict]:
    """The choice of a pretrained captioner, what is known of it before it is loaded, and the languages, of which it has
    none to choose from."""
    chosen = captioner == PRETRAINED
    about = facts(pretrained, language, "describe") if chosen else ""
    return gr.update(visible=chosen), about, gr.update(visible=not chosen)
