"""The tab that makes pictures from words."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import gradio as gr

from pipelines.errors import InputError
from pipelines.numbers import MAX_SEED, real, whole
from pipelines.outputs import Judgement, TextToImageOutput, short_name
from pipelines.text_to_image.pipeline import BUILT_IN, SCHEDULERS, known_scheduler, load_text_to_image
from pipelines.text_to_image.steps import Stopped
from tabs import offers, runs, training_runs
from tabs.i18n import label, sentence, text
from tabs.inputs import Slider, whole_number
from tabs.language import spoken
from tabs.messages import messages
from tabs.models import facts
from tabs.offers import PRETRAINED
from tabs.progress import FREE, ended, hidden, progress_line, queued, shown, stop_button

MAX_PICTURES = 8
STEPS, GUIDANCE = 6, 1.5  # where the sliders stand at first
MAX_STEPS, MAX_GUIDANCE = 60, 12
CRISP_BELOW = 64  # pixels; smaller pictures are shown pixel by pixel, since smoothing would only blur them
EXAMPLES = (
    "a yellow flower with a dark centre",
    "一朵黄色的花",
    "a red bird on a branch",
    "a black dog running on the grass",
    "一只橘猫",
    "a white flower with purple stripes",
)


def generate(
    prompt: str,
    model: str = "gan",
    num_images: int = 4,
    seed: str = "0",
    randomise: bool = False,
    num_inference_steps: int = STEPS,
    guidance_scale: float = GUIDANCE,
    negative_prompt: str = "",
    scheduler: str = "euler",
    pretrained: str = "",
    own_settings: bool = True,
    keep_recipe: bool = True,
    best: bool = False,
    language: str = "en",
    request: gr.Request | None = None,
) -> Iterator[tuple]:
    """Make pictures of a prompt.

    Args:
        prompt: What to show, in English or Chinese.
        model: gan, diffusion, mlp-gan, or pretrained for the one that `pretrained` names.
        num_images: How many pictures, 1 to 8.
        seed: A whole number that decides the first picture; the next ones take the numbers after it.
        randomise: Take a new seed instead.
        num_inference_steps: How many steps the diffusion models take.
        guidance_scale: How closely the diffusion models follow the words; 1 is no guidance.
        negative_prompt: What the diffusion models should keep away from.
        scheduler: How the small diffusion model steps: euler or heun.
        pretrained: Hub id (id@revision pins a version) or the name of a folder that the server offers.
        own_settings: Let the pretrained model decide steps and guidance.
        keep_recipe: Write prompt, seed and settings into the pictures' files.
        best: Show the picture that matches the words best first, and say how well each does.
        language: Language of messages, en or zh.
    """
    settings = {
        "num_inference_steps": num_inference_steps,
        "guidance_scale": guidance_scale,
        "negative_prompt": negative_prompt or None,
        "scheduler": scheduler,
    }
    known = {"diffusion": settings, PRETRAINED: () if own_settings else settings.keys() - {"scheduler"}}

    def work(run: runs.Run) -> tuple[int, TextToImageOutput, list[Judgement]]:
        name = offers.offered(pretrained) if model == PRETRAINED else model
        output = load_text_to_image(name, run.on_download)(
            prompt, num_images=num_images, seed=None if randomise else whole_number(seed), on_step=run.on_step,
            **{key: settings[key] for key in known.get(model, ())},
        )  # fmt: skip
        first, judged = output.seeds[0], []
        if best:
            from pipelines.ranking import best_first  # brings torch, which the page does not wait for

            output, judged = best_first(output)
        return first, output, judged

    idle = gr.update(interactive=False)
    try:
        with messages(language):
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), shown(None, language), gr.update(interactive=True)
            for news in runs.follow(request.session_hash if request else "", work):
                if isinstance(news, runs.Progress):
                    yield *(gr.skip() for _ in range(4)), shown(news, language), gr.skip()
                else:
                    first, output, judged = news
                    made = gallery(output, judged, keep_recipe, language), summary(output, first, language)
                    yield *made, str(first), hidden(), ended(), idle
    except Stopped:
        stopped = gr.update(value=text("run.stopped", language), visible=True)
        yield gr.skip(), stopped, gr.skip(), gr.skip(), ended(), idle
    except gr.Error:
        yield *(gr.skip() for _ in range(4)), ended(), idle
        raise


def gallery(output: TextToImageOutput, judged: list[Judgement], keep_recipe: bool, language: str) -> dict:
    """The pictures, each with its seed under it and what it was judged, and its recipe inside where that is wished."""
    from pipelines.recipe import inscribe, recipes

    images = output.images
    if keep_recipe:
        images = [inscribe(image, recipe) for image, recipe in zip(images, recipes(output), strict=True)]
    captions = [text("create.picture", language, seed=seed) for seed in output.seeds]
    if judged:
        captions = [f"{c} · {judgement(one, language)}" for c, one in zip(captions, judged, strict=True)]
    return gr.update(
        value=list(zip(images, captions, strict=True)), visible=True, selected_index=None,
        elem_classes=["crisp"] if images[0].width < CRISP_BELOW else [],
    )  # fmt: skip


def judgement(judged: Judgement, language: str) -> str:
    """How well a picture matches its prompt, and what of it is recognised."""
    said = [text("compare.match", language, match=f"{100 * judged.match:.0f}")]
    for mark, concepts in (("✓", judged.found), ("✗", judged.missed)):
        if concepts:
            said.append(f"{mark} {', '.join(c.zh if language == 'zh' else c.en for c in concepts)}")
    return " · ".join(said)


def model_name(name: str, language: str) -> str:
    return text(f"create.model_{name}", language) if name in BUILT_IN else short_name(name)


def summary(output: TextToImageOutput, first_seed: int, language: str) -> dict:
    """What was made, how, in what time and memory, and which words of the prompt the model does not know."""
    used = output.settings
    model, seconds = model_name(output.model, language), f"{output.seconds:.2f}"
    lines = [text("create.made", language, count=len(output.images), model=model, seconds=seconds)]
    if steps := used.get("num_inference_steps"):
        guidance = f"{used.get('guidance_scale', 0):g}"
        lines[0] += " · " + text("create.how", language, steps=steps, guidance=guidance)
    lines[0] += " · " + text("create.memory", language, megabytes=round(output.peak_bytes / 1e6))
    if unknown := used.get("unknown_words"):
        lines.append(text("create.unknown", language, words=", ".join(unknown)))
    if not output.follows_words:
        lines.append(text("create.wordless", language))
    if withheld := used.get("withheld"):
        lines.append(text("create.withheld", language, seeds=", ".join(map(str, withheld))))
    if output.model in BUILT_IN:
        lines[0] += f" · [{text('create.link', language)}]({link(output, first_seed)})"
    return gr.update(value="  \n".join(lines), visible=True)


def rows_for(model: str, own_settings: bool) -> tuple[dict, dict, dict]:
    """Which settings are shown: steps and guidance, the scheduler, the choice of a pretrained model."""
    stepped = model == "diffusion" or (model == PRETRAINED and not own_settings)
    return gr.update(visible=stepped), gr.update(visible=model == "diffusion"), gr.update(visible=model == PRETRAINED)


# A recipe link: the name of each component of the form in the address, in the form's order.
LINK = ("prompt", "model", "num_images", "seed", "random", "steps", "guidance", "negative", "scheduler")
TEXTS = ("prompt", "negative")


def link(output: TextToImageOutput, first_seed: int) -> str:
    """The address that opens the page with the form filled in as it was for these pictures, in whatever order they
    stand."""
    used = output.settings
    named = {
        "prompt": used["prompt"], "model": output.model, "num_images": len(output.images), "seed": first_seed,
        "random": 0, "steps": used.get("num_inference_steps"), "guidance": used.get("guidance_scale"),
        "negative": used.get("negative_prompt"), "scheduler": used.get("scheduler"),
    }  # fmt: skip
    return "?" + urlencode({name: value for name, value in named.items() if value not in (None, "")})


def from_link(request: gr.Request) -> list:
    """The form as the address of the page fills it in, and a line for what makes no sense there, which changes nothing.
    It stands on the page, since Gradio shows no message of what happens while a page opens."""
    given = {name: value if name in TEXTS else plain(value) for name, value in request.query_params.items()}
    checks = {
        "prompt": str, "model": built_in, "num_images": lambda n: whole(n, "num_images", 1, MAX_PICTURES),
        "seed": lambda n: str(whole(n, "seed", 0, MAX_SEED)), "random": lambda n: n not in ("0", "false"),
        "steps": lambda n: whole(n, "num_inference_steps", 1, MAX_STEPS),
        "guidance": lambda w: real(w, "guidance_scale", 0, MAX_GUIDANCE), "negative": str,
        "scheduler": known_scheduler,
    }  # fmt: skip
    try:
        return [*(checks[name](given[name]) if name in given else gr.skip() for name in LINK), gr.skip()]
    except InputError as error:
        said = sentence(error, given.get("lang") or spoken(request.headers))
        return [gr.skip()] * len(LINK) + [gr.update(value=said, visible=True)]


def plain(value: str) -> str:
    """A number or a word. Anything else would be repeated on the page, where a stranger's link could plant another."""
    return value if re.fullmatch(r"-?[0-9.]{1,20}|[\w-]{1,40}", value) else "?"


def built_in(name: str) -> str:
    if name not in BUILT_IN:
        raise InputError("model_unknown", name=name, known=", ".join(BUILT_IN))
    return name


def seed_of(choice: gr.SelectData) -> tuple[dict, str]:
    """The button that takes the seed of the chosen picture, and that seed."""
    seed = re.search(r"\d+", str(choice.value["caption"]))[0]
    return gr.update(visible=True), seed


def build(language: gr.Textbox, model: str) -> tuple[list, gr.Dropdown]:
    """Lay out the tab. `language` holds the language of the page, `model` is chosen at first.

    Returns the form: prompt, model, number of pictures, seed, randomise, steps, guidance, negative prompt, scheduler;
    and the choice of a pretrained model.
    """
    with gr.Column(elem_id="prompt-bar"):
        with gr.Row(equal_height=True):
            prompt = gr.Textbox(
                label=label("create.prompt"), placeholder=label("create.prompt_hint"), scale=5, autofocus=True,
                elem_id="prompt", max_lines=4, min_width=220,
            )  # fmt: skip
            button = gr.Button(label("create.button"), variant="primary", scale=1, min_width=110, elem_id="create")
            stopper = stop_button("stop")
        examples = gr.Examples(
            [[example] for example in EXAMPLES], [prompt], label=label("create.examples"), elem_id="prompt-examples"
        )
        with gr.Row(elem_id="create-settings"):
            names = (*BUILT_IN, *([PRETRAINED] if offers.choices() or training_runs.allowed() else []))
            models = gr.Radio(
                [(label(f"create.model_{name}"), name) for name in names], value=model, label=label("create.model"),
                min_width=440, elem_id="model", scale=4,
            )  # fmt: skip
            num_images = Slider(
                1, MAX_PICTURES, 4, step=1, label=label("create.num_images"), buttons=[], min_width=160,
                elem_id="num-images",
            )  # fmt: skip
            seed = gr.Textbox("0", label=label("create.seed"), elem_id="seed", max_lines=1, min_width=110)
            with gr.Column(min_width=150):
                randomise = gr.Checkbox(True, label=label("create.random"), elem_id="random")
                keep_recipe = gr.Checkbox(True, label=label("create.keep_recipe"), elem_id="keep-recipe")
                best = gr.Checkbox(False, label=label("create.best"), elem_id="best-first")
        with gr.Row(visible=model == PRETRAINED, elem_id="pretrained-settings") as pretrained_row:
            pretrained = gr.Dropdown(
                offers.choices(), label=label("create.pretrained"), info=label("create.pretrained_hint"),
                allow_custom_value=True, value=next(iter(offers.choices()), None), elem_id="pretrained", scale=2,
            )  # fmt: skip
            with gr.Column(min_width=240):
                about = gr.HTML(elem_id="pretrained-about")
                own_settings = gr.Checkbox(True, label=label("create.own_settings"), elem_id="own-settings")
        with gr.Row(visible=model == "diffusion", elem_id="step-settings") as step_row:
            steps = Slider(
                1, MAX_STEPS, STEPS, step=1, label=label("create.steps"), info=label("create.steps_hint"), buttons=[],
                elem_id="steps", min_width=180,
            )  # fmt: skip
            guidance = Slider(
                0, MAX_GUIDANCE, GUIDANCE, step=0.5, label=label("create.guidance"), info=label("create.guidance_hint"),
                buttons=[], elem_id="guidance", min_width=180,
            )  # fmt: skip
            negative = gr.Textbox(
                label=label("create.negative"), info=label("create.negative_hint"), elem_id="negative", max_lines=2,
                min_width=180,
            )  # fmt: skip
            scheduler = gr.Radio(
                [(name.title(), name) for name in SCHEDULERS], value=SCHEDULERS[0], label=label("create.scheduler"),
                info=label("create.scheduler_hint"), elem_id="scheduler", min_width=150,
            )  # fmt: skip
    progress = progress_line("progress")
    empty = gr.HTML(label("create.empty"), elem_classes="empty", elem_id="create-empty")
    pictures = gr.Gallery(
        label=label("create.gallery"), visible=False, format="png", columns=4, interactive=False, object_fit="cover",
        buttons=["download", "fullscreen"], elem_id="pictures", show_label=False, height="auto", fit_columns=False,
    )  # fmt: skip
    with gr.Row():
        made = gr.Markdown(visible=False, elem_id="made")
        reuse = gr.Button(label("create.reuse"), visible=False, size="sm", scale=0, min_width=160, elem_id="reuse")
    chosen_seed = gr.State("")

    run = {
        "fn": generate,
        "inputs": [
            prompt, models, num_images, seed, randomise, steps, guidance, negative, scheduler, pretrained, own_settings,
            keep_recipe, best, language,
        ],
        "outputs": [pictures, made, seed, empty, progress, stopper],
        **queued(progress),
    }  # fmt: skip
    gr.on([button.click, prompt.submit], api_name="create", api_visibility="undocumented", **run)
    examples.load_input_event.then(api_visibility="private", **run)
    pictures.select(seed_of, None, [reuse, chosen_seed], **FREE)
    pictures.change(hidden, None, reuse, **FREE)  # the picture whose seed it would take is gone
    reuse.click(lambda seed: (seed, False), chosen_seed, [seed, randomise], **FREE)
    shown_rows = [step_row, scheduler, pretrained_row]
    gr.on([models.change, own_settings.change], rows_for, [models, own_settings], shown_rows, **FREE)
    gr.on([models.change, pretrained.change], about_choice, [models, pretrained, language], about, **FREE)
    form = [prompt, models, num_images, seed, randomise, steps, guidance, negative, scheduler]
    gr.on(None, from_link, None, [*form, made], **FREE)  # when the page opens
    return form, pretrained


def about_choice(model: str, pretrained: str, language: str) -> str:
    """What is known of the chosen pretrained model before it is loaded."""
    return facts(pretrained, language) if model == PRETRAINED else ""
