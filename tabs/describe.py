"""The tab that puts pictures into words, and shows where the models looked at each word."""

from collections.abc import Iterator

import gradio as gr
from PIL import Image

from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import LEAST_TOP_P, MAX_BEAMS, load_captioner
from tabs.captioners import choice, named
from tabs.cards import caption_cards
from tabs.i18n import label
from tabs.inputs import Picture, Slider, whole_number
from tabs.progress import FREE, followed, progress_line, queued, stop_button
from tabs.runs import Run

LANGUAGES = {"both": ("en", "zh"), "en": ("en",), "zh": ("zh",)}
SEARCHES = ("beams", "sampling")


def read_picture(path: str | None) -> Image.Image:
    from pipelines.images import open_image  # brings torch, which the page does not wait for

    if path is None:
        raise InputError("image_missing")
    return open_image(path)


def describe(
    picture: str | None,
    captioner: str = "both",
    caption_language: str = "both",
    num_captions: int = 1,
    search: str = "beams",
    num_beams: int = 3,
    top_p: float = 0.9,
    seed: str = "0",
    pretrained: str = "",
    language: str = "en",
    request: gr.Request | None = None,
) -> Iterator[tuple]:
    """Put a picture into words.

    Args:
        picture: The file of the picture.
        captioner: lstm, transformer, both side by side, or pretrained for the one that `pretrained` names.
        caption_language: en, zh or both.
        num_captions: How many captions are returned, by beams at most as many as beams.
        search: beams for the most probable sentences, sampling to draw them word by word.
        num_beams: How many sentences the search follows at once.
        top_p: Sampling draws from the most probable words that together have this probability.
        seed: A whole number that decides what is drawn.
        pretrained: Hub id (id@revision pins a version) or the name of a folder that the server offers.
        language: Language of messages, en or zh.
    """
    decoding = {"num_beams": num_beams} if search == "beams" else {"top_p": top_p, "seed": whole_number(seed)}

    def work(run: Run) -> str:
        from pipelines.recognition import load_recognizer

        image, outputs = read_picture(picture), []
        for name in named(captioner, pretrained):
            caption = load_captioner(name, run.on_download)
            spoken = LANGUAGES.get(caption_language, (caption_language,))
            for one in spoken if caption.languages else spoken[:1]:
                run.check()
                outputs += caption([image], num_captions=num_captions, language=one, **decoding)
        recognize = load_recognizer()
        (found,) = recognize([image])
        return caption_cards(image, outputs, lambda tokens: recognize.doubts(found, tokens), language)

    yield from followed(work, language, request)


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
            with gr.Row():
                button = gr.Button(label("describe.button"), variant="primary", elem_id="describe")
                stopper = stop_button("describe-stop")
            samples = gr.Examples(
                [[path] for path in examples], [picture], label=label("describe.examples"), elem_id="picture-examples"
            )
            captioners, pretrained, spoken = choice(
                captioner, tuple(LANGUAGES), language, "captioner", "caption-language"
            )
            with gr.Accordion(label("describe.more"), open=False, elem_id="describe-settings"):
                num_captions = Slider(
                    1, MAX_BEAMS, 1, step=1, label=label("describe.num_captions"), buttons=[],
                    info=label("describe.num_captions_hint"), elem_id="num-captions",
                )  # fmt: skip
                search = gr.Radio(
                    [(label(f"describe.{name}"), name) for name in SEARCHES], value=SEARCHES[0],
                    label=label("describe.search"), info=label("describe.search_hint"), elem_id="search",
                )  # fmt: skip
                num_beams = Slider(
                    1, MAX_BEAMS, 3, step=1, label=label("describe.num_beams"), buttons=[],
                    info=label("describe.num_beams_hint"), elem_id="num-beams",
                )  # fmt: skip
                with gr.Column(visible=False) as sampling:
                    top_p = Slider(
                        LEAST_TOP_P, 1, 0.9, step=0.01, label=label("describe.top_p"), buttons=[],
                        info=label("describe.top_p_hint"), elem_id="top-p",
                    )  # fmt: skip
                    seed = gr.Textbox(
                        "0", label=label("describe.seed"), info=label("describe.seed_hint"), max_lines=1,
                        elem_id="caption-seed",
                    )  # fmt: skip
        with gr.Column(scale=5, min_width=320):
            empty = gr.HTML(label("describe.empty"), elem_classes="empty", elem_id="describe-empty")
            progress = progress_line("describe-progress")
            cards = gr.HTML(visible=False, elem_id="captions")

    run = {
        "fn": describe,
        "inputs": [
            picture, captioners, spoken, num_captions, search, num_beams, top_p, seed, pretrained, language
        ],
        "outputs": [cards, progress, stopper, empty],
        **queued(progress),
    }  # fmt: skip
    button.click(api_name="describe", api_visibility="undocumented", **run)
    samples.load_input_event.then(api_visibility="private", **run)
    search.change(
        lambda chosen: (gr.update(visible=chosen == "beams"), gr.update(visible=chosen == "sampling")), search,
        [num_beams, sampling], **FREE,
    )  # fmt: skip
    return captioners
