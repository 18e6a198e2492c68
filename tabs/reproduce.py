"""The tab that reads the settings inside a picture, makes it again and says what differs."""

from collections.abc import Iterator
from html import escape

import gradio as gr

from pipelines.errors import InputError
from pipelines.text_to_image.pipeline import BUILT_IN, load_text_to_image
from tabs import offers, runs
from tabs.attention import data_uri
from tabs.create import LINK
from tabs.i18n import label, text
from tabs.inputs import Picture
from tabs.progress import FREE, followed, progress_line, queued, stop_button

NAMED = (
    "prompt", "model", "seed", "dtype", "model_hash", "negative_prompt", "guidance_scale", "num_inference_steps",
    "scheduler", "size",
)  # fmt: skip
SAME = 1.0  # of 255: below it two pictures look the same


def reproduce(picture: str | None, language: str = "en", request: gr.Request | None = None) -> Iterator[tuple]:
    """Make the picture again that a PNG's own settings describe, and say what differs.

    Args:
        picture: A PNG that was made here.
        language: Language of messages, en or zh.
    """

    def work(run: runs.Run) -> str:
        from pipelines import recipe as recipes
        from pipelines.images import open_image

        if picture is None:
            raise InputError("image_missing")
        old = recipes.read(picture)
        output = load_text_to_image(offers.allowed(old.model, BUILT_IN), run.on_download)(
            old.prompt, seed=old.seed, on_step=run.on_step, **old.settings
        )
        (new,), (again,) = recipes.recipes(output), output.images
        return comparison(open_image(picture), again, old, new, language)

    yield from followed(work, language, request)


def comparison(image, again, old, new, language: str) -> str:
    """Both pictures, by how much they differ, the first setting that differs, and all settings."""
    from pipelines import recipe as recipes

    apart, change = recipes.difference(image, again), recipes.first_change(old, new)
    verdict = text("reproduce.same" if apart < SAME else "reproduce.differs", language, apart=f"{apart:.2f}")
    if change:
        name, *values = change
        before, after = ("–" if value is None else value for value in values)
        verdict += " " + text("reproduce.change", language, name=named(name, language), before=before, after=after)
    pictures = "".join(
        f'<figure><img src="{data_uri(shown, "webp")}" alt=""><figcaption>{text(f"reproduce.{kind}", language)}'
        "</figcaption></figure>"
        for kind, shown in (("before", image), ("after", again))
    )
    facts = {"prompt": old.prompt, "model": old.model, "seed": old.seed, **old.settings, "dtype": old.dtype}
    facts |= {"model_hash": old.model_hash, **old.versions}
    rows = "".join(
        f"<tr><th>{escape(named(name, language))}</th><td>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
        if value != ""
    )
    said = f'<p class="verdict">{escape(verdict)}</p>'
    return (
        f'<section class="contender">{said}<div class="pictures wide">{pictures}</div>'
        f'<table class="facts">{rows}</table></section>'
    )


def named(setting: str, language: str) -> str:
    """A setting in the page's words; the name of a package stays what it is."""
    return text(f"reproduce.{setting}", language) if setting in NAMED else setting


def form_of(picture: str | None) -> list:
    """What a picture's settings put into the form of *Create*, in the order of `create.build`'s components; nothing
    where there are none, which `reproduce` explains."""
    from pipelines import recipe as recipes

    try:
        recipe = recipes.read(picture) if picture else None
    except InputError:
        recipe = None
    if recipe is None or recipe.model not in BUILT_IN:
        return [gr.skip()] * len(LINK)
    found = recipe.settings
    steps, guidance = found.get("num_inference_steps"), found.get("guidance_scale")
    return [
        recipe.prompt, recipe.model, 1, str(recipe.seed), False, gr.skip() if steps is None else steps,
        gr.skip() if guidance is None else guidance, found.get("negative_prompt", ""),
        found.get("scheduler") or gr.skip(),
    ]  # fmt: skip


def build(language: gr.Textbox, form: list) -> None:
    """Lay out the tab. `form` are the components of *Create* that a picture's settings fill."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            picture = Picture(
                label=label("describe.picture"), placeholder=label("reproduce.hint"), type="filepath",
                sources=["upload"], height=300, elem_id="reproduce-picture", buttons=[], show_label=False,
                image_mode=None, format="png",
            )  # fmt: skip
            with gr.Row():
                button = gr.Button(label("reproduce.button"), variant="primary", elem_id="reproduce")
                stopper = stop_button("reproduce-stop")
        with gr.Column(scale=5, min_width=320):
            progress = progress_line("reproduce-progress")
            empty = gr.HTML(label("reproduce.empty"), elem_classes="empty", elem_id="reproduce-empty")
            result = gr.HTML(visible=False, elem_id="reproduced")
    button.click(
        reproduce, [picture, language], [result, progress, stopper, empty], api_visibility="private",
        **queued(progress),
    )  # fmt: skip
    button.click(form_of, picture, form, **FREE)
