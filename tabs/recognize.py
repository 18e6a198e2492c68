"""The tab that says what is in a picture: objects, attributes, actions, and the map of the chosen one."""

from html import escape

import gradio as gr
from PIL import Image

from pipelines.outputs import Concept, Recognition
from tabs import offers
from tabs.attention import data_uri, veil
from tabs.cards import stage
from tabs.describe import read_picture
from tabs.i18n import label, text
from tabs.inputs import Picture
from tabs.messages import messages
from tabs.progress import FREE, queued

GROUPS = ("objects", "attributes", "actions", "imagenet")
BUILT_IN = "recognizer"
LEAST, MOST = 5, 10  # rows of a group: the first are shown even where they are not sure enough


def recognize(picture: str | None, recognizer: str = BUILT_IN, language: str = "en") -> tuple:
    """Say which objects, attributes and actions a picture shows, and where.

    Args:
        picture: The file of the picture.
        recognizer: recognizer for the built-in one, or another one that the server offers.
        language: Language of names and messages, en or zh.
    """
    with messages(language):
        from pipelines.recognition import load_recognizer

        image = read_picture(picture)
        (found,) = load_recognizer(offers.allowed(recognizer, (BUILT_IN,), "recognize"))([image])
        return gr.update(value=recognition_card(image, found, language), visible=True), gr.update(visible=False)


def recognition_card(image: Image.Image, found: Recognition, language: str) -> str:
    """The picture beside four lists with bars; the chosen row lays its map over the picture."""
    first = max(found.objects or found.concepts, key=lambda c: c.probability / max(c.threshold, 1e-6))
    groups = "".join(group(name, shown, first, language) for name in GROUPS if (shown := getattr(found, name)))
    return (
        f'<section class="card recognition">{stage(image, text("recognize.alt", language))}'
        f'<div class="groups">{groups}</div></div></section>'
        f'<p class="hint">{text("recognize.how", language, seconds=f"{found.seconds:.2f}")}</p>'
    )


def group(name: str, concepts: list[Concept], first: Concept, language: str) -> str:
    """One list, the recognised ones above the rest."""
    ranked = sorted(concepts, key=lambda c: not c.recognised)  # stable: each part stays ranked by probability
    shown = ranked[: max(LEAST, min(MOST, sum(c.recognised for c in ranked)))]
    rows = "".join(row(c, c is first, language) for c in shown)
    return f'<fieldset data-group="{name}"><legend>{text(f"recognize.{name}", language)}</legend>{rows}</fieldset>'


def row(concept: Concept, chosen: bool, language: str) -> str:
    name = concept.zh if language == "zh" else concept.en
    percent = round(100 * concept.probability)
    kind = "concept" if concept.recognised else "concept unsure"
    return (
        f'<label class="{kind}" data-concept="{escape(concept.en)}">'
        f'<input type="radio" name="concept"{" checked" if chosen else ""}><span>{escape(name)}</span>'
        f'<i style="--part:{concept.probability:.3f}"></i><b>{percent} %</b>'
        f'<img class="veil" src="{data_uri(veil(concept.heat), "webp")}" alt=""></label>'
    )


def choices(language: str) -> dict:
    """The recognizers to choose from as they stand now; there is nothing to choose where only one is built in."""
    others = offers.choices("recognize")
    built_in = (text("recognize.built_in", language), BUILT_IN)
    return gr.update(choices=[built_in, *((name, name) for name in others)], visible=bool(others))


def build(language: gr.Textbox, examples: list[str]) -> gr.Radio:
    """Lay out the tab. `language` holds the language of the page. Returns the choice of a recognizer."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300, elem_id="recognize-input"):
            picture = Picture(
                label=label("describe.picture"), placeholder=label("describe.picture_hint"), type="filepath",
                sources=["upload", "clipboard", "webcam"], height=300, elem_id="recognize-picture",
                buttons=["fullscreen"], show_label=False,
            )  # fmt: skip
            recognizer = gr.Radio(
                [(label("recognize.built_in"), BUILT_IN)], value=BUILT_IN, visible=False,
                label=label("recognize.model"), elem_id="recognizer",
            )  # fmt: skip
            button = gr.Button(label("recognize.button"), variant="primary", elem_id="recognize")
            samples = gr.Examples(
                [[path] for path in examples], [picture], label=label("describe.examples"),
                elem_id="recognize-examples",
            )  # fmt: skip
        with gr.Column(scale=5, min_width=320):
            empty = gr.HTML(label("recognize.empty"), elem_classes="empty", elem_id="recognize-empty")
            card = gr.HTML(visible=False, elem_id="recognition")
    run = {
        "fn": recognize, "inputs": [picture, recognizer, language], "outputs": [card, empty], **queued(),
    }  # fmt: skip
    button.click(api_name="recognize_picture", api_visibility="undocumented", **run)
    samples.load_input_event.then(api_visibility="private", **run)
    language.change(choices, language, recognizer, **FREE)  # it is empty until the page has opened
    return recognizer
