"""The tab to play with the GAN: a slider that walks from one prompt and seed to another as fast as the hand moves."""

from html import escape

import gradio as gr

from tabs.attention import data_uri
from tabs.files import fresh_folder
from tabs.i18n import label, text
from tabs.inputs import whole_number
from tabs.messages import messages
from tabs.progress import queued

NUM_FRAMES = 33
# all frames are on the page, so that the slider needs no server
SHOW_FRAME = """(part) => {
  const frames = document.querySelectorAll("#walk img");
  const shown = Math.round(part / 100 * (frames.length - 1));
  frames.forEach((frame, k) => frame.classList.toggle("shown", k === shown));
}"""


def walk(first: str, second: str, first_seed: str, second_seed: str, kind: str = "webp", language: str = "en") -> tuple:
    """Walk from one prompt and seed to another.

    Args:
        first: What the first picture shows, in English or Chinese.
        second: What the last picture shows; empty for the same.
        first_seed: A whole number that decides the first picture.
        second_seed: A whole number that decides the last one.
        kind: Format of the animation: webp or gif.
        language: Language of messages, en or zh.
    """
    with messages(language):
        from pipelines.text_to_image.walk import animate
        from pipelines.text_to_image.walk import walk as frames_of

        frames = frames_of((first, second), (whole_number(first_seed), whole_number(second_seed)), NUM_FRAMES)
        path = fresh_folder() / f"walk.{kind}"
        animate(frames, path)
        said = " → ".join(filter(None, (first, second)))
        pictures = "".join(
            f'<img src="{data_uri(frame, "webp")}" alt="{escape(said)}"{" class=shown" if k == 0 else ""}>'
            for k, frame in enumerate(frames)
        )
        html = f'<div class="walk">{pictures}</div><p class="hint">{text("play.how", language)}</p>'
        return *(gr.update(value=value, visible=True) for value in (html, 0, str(path))), gr.update(visible=False)


def build(language: gr.Textbox) -> None:
    """Lay out the tab. `language` holds the language of the page."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            ends = []
            for end, prompt, seed in (("first", "a yellow flower", "3"), ("second", "a purple flower", "8")):
                name = f"play-{end}"
                with gr.Row():
                    words = gr.Textbox(prompt, label=label(f"play.{end}"), max_lines=2, scale=3, elem_id=name)
                    number = gr.Textbox(
                        seed, label=label("create.seed"), max_lines=1, min_width=90, elem_id=f"{name}-seed"
                    )
                    ends.append((words, number))
            kinds = [("WebP", "webp"), ("GIF", "gif")]
            kind = gr.Radio(kinds, value="webp", label=label("play.kind"), elem_id="play-kind")
            button = gr.Button(label("play.button"), variant="primary", elem_id="play")
        with gr.Column(scale=5, min_width=320):
            empty = gr.HTML(label("play.empty"), elem_classes="empty", elem_id="play-empty")
            frames = gr.HTML(visible=False, elem_id="walk")
            slider = gr.Slider(
                0, 100, 0, step=1, label=label("play.slider"), visible=False, buttons=[], elem_id="play-slider"
            )
            download = gr.File(visible=False, label=label("play.download"), elem_id="play-download")
    (first, first_seed), (second, second_seed) = ends
    gr.on(
        [button.click, first.submit, second.submit], walk, [first, second, first_seed, second_seed, kind, language],
        [frames, slider, download, empty], api_name="walk",
        api_visibility="undocumented", **queued(),
    )  # fmt: skip
    slider.input(None, slider, None, js=SHOW_FRAME)
