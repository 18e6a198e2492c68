"""The tab that puts pictures into words, and shows where the models looked at each word."""

import gradio as gr
from PIL import Image

from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import BUILT_IN, MAX_BEAMS, load_captioner
from tabs import offers, training_runs
from tabs.cards import caption_cards
from tabs.i18n import label, text
from tabs.inputs import Picture, Slider
from tabs.messages import messages
from tabs.progress import queued

LANGUAGES = {"en": ("en",), "zh": ("zh",), "both": ("en", "zh")}


def read_picture(path: str | None) -> Image.Image:
    from pipelines.images import open_image  # brings torch, which the page does not wait for

    if path is None:
        raise InputError("image_missing")
    return open_image(path)


def describe(
    picture: str | None,
    captioner: str = "both",
    caption_language: str = "both",
    num_beams: int = 3,
    num_captions: int = 1,
    language: str = "en",
) -> tuple:
    """Put a picture into words.

    Args:
        picture: The file of the picture.
        captioner: lstm, transformer, or both side by side.
        caption_language: en, zh or both.
        num_beams: How many sentences the search follows at once.
        num_captions: How many of them are returned, at most as many as beams.
        language: Language of messages, en or zh.
    """
    with messages(language):
        captioners = BUILT_IN if captioner == "both" else (offers.allowed(captioner, BUILT_IN, "describe"),)
        from pipelines.recognition import load_recognizer

        image = read_picture(picture)
        outputs = [
            load_captioner(name)([image], num_beams=num_beams, num_captions=num_captions, language=spoken)[0]
            for name in captioners
            for spoken in LANGUAGES.get(caption_language, (caption_language,))
        ]
        recognize = load_recognizer()
        (found,) = recognize([image])
        cards = caption_cards(image, outputs, lambda tokens: recognize.doubts(found, tokens), language)
        return gr.update(value=cards, visible=True), gr.update(visible=False)


def choices(language: str) -> dict:
    """The captioners to choose from as they stand now, with those that were trained on the page."""
    built_in = [(text(f"describe.{name}", language), name) for name in ("both", *BUILT_IN)]
    return gr.update(choices=[*built_in, *((name, name) for name in training_runs.usable("describe"))])


def build(language: gr.Textbox, captioner: str, examples: list[str]) -> gr.Radio:
    """Lay out the tab. `language` holds the language of the page, `captioner` is chosen at first.

    Returns the choice of a captioner.
    """
    with gr.Row():
        with gr.Column(scale=2, min_width=300, elem_id="describe-input"):
            picture = Picture(
                label=label("describe.picture"), placeholder=label("describe.picture_hint"), type="filepath",
                sources=["upload", "clipboard", "webcam"], height=300, elem_id="picture", buttons=["fullscreen"],
                show_label=False,
            )  # fmt: skip
            button = gr.Button(label("describe.button"), variant="primary", elem_id="describe")
            samples = gr.Examples(
                [[path] for path in examples], [picture], label=label("describe.examples"), elem_id="picture-examples"
            )
            captioners = gr.Radio(
                [(label(f"describe.{name}"), name) for name in ("both", *BUILT_IN)],
                value=captioner, label=label("describe.captioner"), elem_id="captioner",
            )  # fmt: skip
            spoken = gr.Radio(
                [
                    (label("describe.two_languages"), "both"),
                    (label("describe.english"), "en"),
                    (label("describe.chinese"), "zh"),
                ],
                value="both", label=label("describe.language"), elem_id="caption-language",
            )  # fmt: skip
            with gr.Accordion(label("describe.more"), open=False, elem_id="describe-settings"):
                num_beams, num_captions = (
                    Slider(
                        1, MAX_BEAMS, start, step=1, label=label(f"describe.{name}"), buttons=[],
                        info=label(f"describe.{name}_hint"), elem_id=name.replace("_", "-"),
                    )
                    for name, start in (("num_beams", 3), ("num_captions", 1))
                )
        with gr.Column(scale=5, min_width=320):
            empty = gr.HTML(label("describe.empty"), elem_classes="empty", elem_id="describe-empty")
            cards = gr.HTML(visible=False, elem_id="captions")

    run = {
        "fn": describe,
        "inputs": [picture, captioners, spoken, num_beams, num_captions, language],
        "outputs": [cards, empty],
        **queued(),
    }
    button.click(api_name="describe", api_visibility="undocumented", **run)
    samples.load_input_event.then(api_visibility="private", **run)
    return captioners
