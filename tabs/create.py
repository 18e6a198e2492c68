"""The tab that makes pictures from words."""

import gradio as gr

from pipelines.outputs import TextToImageOutput
from pipelines.text_to_image.pipeline import BUILT_IN, load_text_to_image
from tabs.i18n import label, text
from tabs.inputs import Slider, whole_number
from tabs.messages import messages

MAX_PICTURES = 8
EXAMPLES = (
    "a yellow flower with a dark centre",
    "一朵黄色的花",
    "a red bird on a branch",
    "a black dog running on the grass",
    "一只橘猫",
    "a white flower with purple stripes",
)


def generate(
    prompt: str, model: str = "gan", num_images: int = 4, seed: str = "0", randomise: bool = False, language: str = "en"
) -> tuple:
    """Make pictures of a prompt.

    Args:
        prompt: What to show, in English or Chinese.
        model: The name of the model.
        num_images: How many pictures, 1 to 8.
        seed: A whole number that decides the first picture; the next ones take the numbers after it.
        randomise: Take a new seed instead.
        language: Language of messages, en or zh.
    """
    with messages(language):
        output = load_text_to_image(model)(
            prompt, num_images=num_images, seed=None if randomise else whole_number(seed)
        )
    return gallery(output, language), summary(output, language), str(output.seeds[0]), gr.update(visible=False)


def gallery(output: TextToImageOutput, language: str) -> dict:
    """The pictures, each with its seed under it."""
    captions = [text("create.picture", language, seed=seed) for seed in output.seeds]
    return gr.update(value=list(zip(output.images, captions, strict=True)), visible=True, selected_index=None)


def summary(output: TextToImageOutput, language: str) -> dict:
    """One line on what was made and how long it took, and which words of the prompt the model does not know."""
    count, model = len(output.images), text(f"create.model_{output.model}", language)
    lines = [text("create.made", language, count=count, model=model, seconds=f"{output.seconds:.2f}")]
    if unknown := output.settings.get("unknown_words"):
        lines.append(text("create.unknown", language, words=", ".join(unknown)))
    return gr.update(value="  \n".join(lines), visible=True)


def build(language: gr.Textbox, model: str) -> None:
    """Lay out the tab. `language` holds the language of the page, `model` is chosen at first."""
    with gr.Column(elem_id="prompt-bar"):
        with gr.Row(equal_height=True):
            prompt = gr.Textbox(
                label=label("create.prompt"), placeholder=label("create.prompt_hint"), scale=5, autofocus=True,
                elem_id="prompt", max_lines=4, min_width=220,
            )  # fmt: skip
            button = gr.Button(label("create.button"), variant="primary", scale=1, min_width=120, elem_id="create")
        examples = gr.Examples(
            [[example] for example in EXAMPLES], [prompt], label=label("create.examples"), elem_id="prompt-examples"
        )
        with gr.Row(elem_id="create-settings"):
            choices = [(label(f"create.model_{name}"), name) for name in BUILT_IN]
            models = gr.Radio(choices, value=model, label=label("create.model"), min_width=150)
            num_images = Slider(
                1, MAX_PICTURES, 4, step=1, label=label("create.num_images"), buttons=[], min_width=200,
                elem_id="num-images",
            )  # fmt: skip
            seed = gr.Textbox("0", label=label("create.seed"), elem_id="seed", max_lines=1, min_width=120)
            randomise = gr.Checkbox(True, label=label("create.random"), elem_id="random", min_width=160)
    empty = gr.HTML(label("create.empty"), elem_classes="empty", elem_id="create-empty")
    pictures = gr.Gallery(
        label=label("create.gallery"), visible=False, format="png", columns=4, interactive=False, object_fit="cover",
        buttons=["download", "fullscreen"], elem_id="pictures", show_label=False, height="auto", fit_columns=False,
    )  # fmt: skip
    made = gr.Markdown(visible=False, elem_id="made")

    run = {
        "fn": generate,
        "inputs": [prompt, models, num_images, seed, randomise, language],
        "outputs": [pictures, made, seed, empty],
        "show_progress_on": [pictures, empty],
        "concurrency_id": "model",
        "concurrency_limit": 1,
        "trigger_mode": "once",
    }
    gr.on([button.click, prompt.submit], api_name="generate", **run)
    examples.load_input_event.then(api_visibility="private", **run)
