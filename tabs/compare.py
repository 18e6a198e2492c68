"""The tab that gives one prompt to several models, or to one model under several settings, side by side."""

from collections.abc import Iterator
from html import escape

import gradio as gr
from PIL import Image

from pipelines.errors import InputError
from pipelines.outputs import TextToImageOutput
from pipelines.text_to_image.pipeline import load_text_to_image
from pipelines.text_to_image.steps import Stopped
from tabs import offers, runs
from tabs.attention import data_uri, enlarged
from tabs.create import model_name
from tabs.i18n import label, text
from tabs.inputs import Slider, whole_number
from tabs.messages import messages
from tabs.offers import PRETRAINED
from tabs.progress import FREE, ended, followed, hidden, progress_line, queued, shown, stop_button

MAX_CONTENDERS, MAX_PICTURES, MAX_CELLS = 5, 6, 30
CONTENDERS = {
    "gan": ("gan", {}),
    "diffusion-8": ("diffusion", {"num_inference_steps": 8}),
    "diffusion-20": ("diffusion", {"num_inference_steps": 20}),
    "mlp-gan": ("mlp-gan", {}),
    PRETRAINED: (PRETRAINED, {}),
}
GUIDANCES, STEPS = "1, 1.5, 3", "2, 6, 20"


def compare(
    prompt: str,
    contenders: list[str],
    num_images: int = 4,
    seed: str = "0",
    pretrained: str = "",
    language: str = "en",
    request: gr.Request | None = None,
) -> Iterator[tuple]:
    """Make pictures of one prompt from the same seeds with several models.

    Args:
        prompt: What to show, in English or Chinese.
        contenders: Any of gan, diffusion-8, diffusion-20, mlp-gan and pretrained; the numbers are steps.
        num_images: How many pictures each makes, 1 to 6.
        seed: A whole number that decides the first picture of each; the next ones take the numbers after it.
        pretrained: Hub id or the name of a folder that the server offers, for the contender pretrained.
        language: Language of messages, en or zh.
    """

    def work_of(contender: str):
        from pipelines.alignment import load_aligner  # brings torch, which the page does not wait for

        name, settings = CONTENDERS[contender]

        def work(run: runs.Run) -> tuple[TextToImageOutput, list[float]]:
            pipeline = load_text_to_image(offers.offered(pretrained) if name == PRETRAINED else name, run.on_download)
            output = pipeline(
                prompt, num_images=num_images, seed=whole_number(seed), on_step=run.on_step, **settings
            )  # fmt: skip
            if not output.follows_words:  # a match with words that it never got would only look like a figure
                return output, []
            try:
                return output, load_aligner()(output.images, [prompt])[:, 0].tolist()
            except InputError:  # a pretrained model may read a language that the aligner does not
                return output, []

        return work

    rows: list[str] = []
    idle = gr.update(interactive=False)
    try:
        with messages(language):
            if not contenders:
                raise InputError("contenders")
            yield gr.skip(), shown(None, language), gr.update(interactive=True), gr.skip()
            for contender in contenders[:MAX_CONTENDERS]:
                for news in runs.follow(request.session_hash if request else "", work_of(contender)):
                    if isinstance(news, runs.Progress):
                        yield gr.skip(), shown(news, language), gr.skip(), gr.skip()
                    else:
                        rows.append(contender_row(*news, language))
                        yield gr.update(value="".join(rows), visible=True), gr.skip(), gr.skip(), hidden()
            yield gr.skip(), ended(), idle, gr.skip()
    except Stopped:
        rows.append(f'<p class="hint">{text("run.stopped", language)}</p>')
        yield gr.update(value="".join(rows), visible=True), ended(), idle, hidden()
    except gr.Error:
        yield gr.skip(), ended(), idle, gr.skip()
        raise


def contender_row(output: TextToImageOutput, matches: list[float], language: str) -> str:
    """One model's row: its name, what it cost, its pictures, each with the probability that it matches the prompt
    where that is known."""
    each = f"{output.seconds / len(output.images):.2f}"
    steps = output.settings.get("num_inference_steps")
    title = model_name(output.model, language) + (f" · {text('compare.steps', language, steps=steps)}" if steps else "")
    cost = text("compare.cost", language, seconds=each, megabytes=f"{output.peak_bytes / 1e6:,.0f}")
    captions = [text("create.picture", language, seed=seed) for seed in output.seeds]
    if matches:
        cost += " · " + text("compare.match", language, match=f"{100 * sum(matches) / len(matches):.0f}")
        captions = [
            f"{caption} · {text('compare.match', language, match=f'{100 * match:.0f}')}"
            for caption, match in zip(captions, matches, strict=True)
        ]
    pictures = "".join(
        f'<figure><img src="{data_uri(enlarged(image), "webp")}" alt="{escape(output.settings["prompt"])}">'
        f"<figcaption>{caption}</figcaption></figure>"
        for image, caption in zip(output.images, captions, strict=True)
    )
    note = "" if output.follows_words else f'<p class="hint">{text("create.wordless", language)}</p>'
    return (
        f'<section class="contender" data-model="{escape(output.model)}"><header><h2>{escape(title)}</h2>'
        f'<small>{cost}</small></header><div class="pictures">{pictures}</div>{note}</section>'
    )


def parameter_grid(
    prompt: str,
    guidances: str = GUIDANCES,
    steps: str = STEPS,
    seed: str = "0",
    language: str = "en",
    request: gr.Request | None = None,
) -> Iterator[tuple]:
    """One picture of the small diffusion model for every guidance and number of steps, as one labelled sheet.

    Args:
        prompt: What to show, in English or Chinese.
        guidances: Guidance scales with commas between them, one a row.
        steps: Numbers of steps with commas between them, one a column.
        seed: A whole number that decides the noise that all of them start from.
        language: Language of messages, en or zh.
    """

    def work(run: runs.Run) -> Image.Image:
        from pipelines.images import labelled_grid  # brings torch, which the page does not wait for

        rows, columns = split(guidances), split(steps)
        if not rows or not columns or len(rows) * len(columns) > MAX_CELLS:
            raise InputError("grid_cells", limit=MAX_CELLS)
        pipeline = load_text_to_image("diffusion")
        pictures = [
            pipeline(
                prompt, seed=whole_number(seed), guidance_scale=g, num_inference_steps=whole_number(n),
                on_step=run.on_step,
            ).images[0]
            for g in rows
            for n in columns
        ]  # fmt: skip
        return labelled_grid(pictures, [f"w = {g}" for g in rows], [f"n = {n}" for n in columns])

    yield from followed(work, language, request)


def split(listed: str) -> list[str]:
    return [part.strip() for part in listed.replace("，", ",").split(",") if part.strip()]


def build(language: gr.Textbox) -> None:
    """Lay out the tab. `language` holds the language of the page."""
    with gr.Row(equal_height=True):
        prompt = gr.Textbox(
            label=label("create.prompt"), placeholder=label("create.prompt_hint"), scale=5, max_lines=4,
            min_width=220, elem_id="compare-prompt",
        )  # fmt: skip
        button = gr.Button(label("compare.button"), variant="primary", scale=1, min_width=110, elem_id="compare")
        stopper = stop_button("compare-stop")
    names = [name for name in CONTENDERS if name != PRETRAINED or offers.choices()]
    with gr.Row():
        contenders = gr.CheckboxGroup(
            [(label(f"compare.{name}"), name) for name in names], value=["gan", "diffusion-8", "diffusion-20"],
            label=label("compare.contenders"), elem_id="contenders", scale=3, min_width=300,
        )  # fmt: skip
        num_images = Slider(
            1, MAX_PICTURES, 4, step=1, label=label("create.num_images"), buttons=[], elem_id="compare-num-images",
            min_width=160,
        )  # fmt: skip
        seed = gr.Textbox("0", label=label("create.seed"), max_lines=1, min_width=100, elem_id="compare-seed")
        pretrained = gr.Dropdown(
            offers.choices(), label=label("compare.pretrained"), allow_custom_value=True, min_width=220, visible=False,
            value=next(iter(offers.choices()), None), elem_id="compare-pretrained",
        )  # fmt: skip
    with gr.Accordion(label("compare.grid"), open=False, elem_id="grid-settings"), gr.Row():
        guidances = gr.Textbox(
            GUIDANCES, label=label("compare.guidances"), info=label("compare.guidances_hint"), max_lines=1,
            elem_id="guidances",
        )  # fmt: skip
        steps = gr.Textbox(
            STEPS, label=label("compare.step_counts"), info=label("compare.step_counts_hint"), max_lines=1,
            elem_id="step-counts",
        )  # fmt: skip
        grid_button = gr.Button(label("compare.grid_button"), elem_id="grid", min_width=140)
    progress = progress_line("compare-progress")
    empty = gr.HTML(label("compare.empty"), elem_classes="empty", elem_id="compare-empty")
    rows = gr.HTML(visible=False, elem_id="contender-rows")
    sheet = gr.Image(
        visible=False, format="png", interactive=False, label=label("compare.sheet"), elem_id="grid-sheet",
        buttons=["download", "fullscreen"], show_label=False,
    )  # fmt: skip

    gr.on(
        [button.click, prompt.submit], compare, [prompt, contenders, num_images, seed, pretrained, language],
        [rows, progress, stopper, empty], api_name="compare", api_visibility="undocumented", **queued(progress),
    )  # fmt: skip
    grid_button.click(
        parameter_grid, [prompt, guidances, steps, seed, language], [sheet, progress, stopper, empty],
        api_name="parameter_grid", api_visibility="undocumented", **queued(progress),
    )  # fmt: skip
    contenders.change(lambda chosen: gr.update(visible=PRETRAINED in chosen), contenders, pretrained, **FREE)
