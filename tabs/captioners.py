"""The choice of a captioner: the built-in ones, those that were trained here, and any pretrained one by its name."""

import gradio as gr

from pipelines.image_captioning.pipeline import BUILT_IN
from tabs import offers, training_runs
from tabs.i18n import label, text
from tabs.models import facts
from tabs.offers import PRETRAINED
from tabs.progress import FREE


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


def choice(captioner: str, language: gr.Textbox, elem_id: str) -> tuple[gr.Radio, gr.Dropdown]:
    """Lay out the choice, `captioner` at first: its radio buttons, and the name of a pretrained one where that is
    chosen."""
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
    gr.on([captioners.change, pretrained.change], told, [captioners, pretrained, language], [part, about], **FREE)
    return captioners, pretrained


def told(captioner: str, pretrained: str, language: str) -> tuple[dict, str]:
    """The choice of a pretrained captioner, and what is known of it before it is loaded."""
    chosen = captioner == PRETRAINED
    return gr.update(visible=chosen), facts(pretrained, language, "describe") if chosen else ""
