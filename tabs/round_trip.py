"""The tab that sends words through pictures back to words, and a picture through words back to pictures."""

from collections.abc import Iterator
from html import escape

import gradio as gr

from pipelines.image_captioning.pipeline import BUILT_IN as CAPTIONERS
from pipelines.image_captioning.pipeline import load_captioner
from pipelines.numbers import whole
from pipelines.text_to_image.pipeline import FOLLOW_WORDS as GENERATORS
from pipelines.text_to_image.pipeline import load_text_to_image
from tabs import runs
from tabs.attention import data_uri, thumbnail
from tabs.charts import curve
from tabs.describe import read_picture
from tabs.i18n import label, text
from tabs.inputs import Picture, Slider, whole_number
from tabs.progress import followed, progress_line, queued, stop_button

MAX_PICTURES, MAX_LOOPS = 6, 5


def round_trip(
    prompt: str,
    generator: str = "gan",
    captioner: str = "transformer",
    num_images: int = 4,
    num_loops: int = 1,
    seed: str = "0",
    language: str = "en",
    request: gr.Request | None = None,
) -> Iterator[tuple]:
    """Make pictures of words, put them into words again, and score how well each matches.

    Args:
        prompt: What to show, in English or Chinese.
        generator: gan or diffusion.
        captioner: lstm or transformer.
        num_images: How many pictures each loop makes, 1 to 6; the best match goes on.
        num_loops: How many times the words become pictures, 1 to 5.
        seed: A whole number that decides the first picture; the next ones take the numbers after it.
        language: Language of messages, en or zh.
    """

    def work(run: runs.Run) -> str:
        from pipelines import round_trip as trip
        from pipelines.alignment import load_aligner
        from pipelines.recognition import load_recognizer

        result = trip.round_trip(
            prompt, load_text_to_image(generator), load_captioner(captioner), load_aligner(), load_recognizer(),
            num_images=whole(num_images, "num_images", 1, MAX_PICTURES),
            num_loops=whole(num_loops, "num_loops", 1, MAX_LOOPS), seed=whole_number(seed), on_step=run.on_step,
        )  # fmt: skip
        return trip_html(result, language)

    yield from followed(work, language, request)


def retell(
    picture: str | None,
    generator: str = "gan",
    captioner: str = "transformer",
    num_images: int = 4,
    seed: str = "0",
    language: str = "en",
    request: gr.Request | None = None,
) -> Iterator[tuple]:
    """Put a picture into words and make pictures of them.

    Args:
        picture: The file of the picture.
        generator: gan or diffusion.
        captioner: lstm or transformer.
        num_images: How many pictures are made, 1 to 6.
        seed: A whole number that decides the first picture; the next ones take the numbers after it.
        language: Language of messages and of the caption, en or zh.
    """

    def work(run: runs.Run) -> str:
        from pipelines import round_trip as trip
        from pipelines.alignment import load_aligner

        image = read_picture(picture)
        told = trip.retell(
            image, load_text_to_image(generator), load_captioner(captioner), load_aligner(), language=language,
            num_images=whole(num_images, "num_images", 1, MAX_PICTURES), seed=whole_number(seed), on_step=run.on_step,
        )  # fmt: skip
        return retold_html(image, told, language)

    yield from followed(work, language, request)


def percent(share: float) -> str:
    return f"{100 * share:.0f}"


def trip_html(result, language: str) -> str:
    """Every loop as a row of pictures, the best first, and the drift of several loops as a curve."""
    rows = []
    for k, legs in enumerate(result.loops):
        asked = f'<header><h2>{text("trip.loop", language, number=k + 1)} <q>{escape(legs[0].prompt)}</q></h2></header>'
        figures = "".join(leg_html(leg, best=k == 0, language=language) for k, leg in enumerate(legs))
        rows.append(f'<section class="contender trip">{asked}<div class="pictures wide">{figures}</div></section>')
    chart = drift_chart(result.drift, language) if len(result.loops) > 1 else ""
    return "".join(rows) + chart + f'<p class="hint">{text("trip.how", language)}</p>'


def leg_html(leg, best: bool, language: str) -> str:
    words = marked({"kept": leg.kept, "lost": leg.lost, "invented": leg.invented})
    names = {"kept": leg.found, "lost": leg.missed, "invented": leg.unasked}
    concepts = marked({k: [c.zh if language == "zh" else c.en for c in found] for k, found in names.items()})
    recognised = {name: percent(share) for name, share in leg.recognition.items()}
    scores = text(
        "trip.scores", language, prompt=percent(leg.matches_prompt), caption=percent(leg.matches_caption),
        f1=percent(leg.f1),
    )  # fmt: skip
    return (
        f'<figure{" class=best" if best else ""}><img src="{data_uri(leg.image, "webp")}" alt="{escape(leg.caption)}">'
        f"<figcaption><b>{escape(leg.caption)}</b>{words}{scores}<br>"
        f"{text('trip.recognised', language, **recognised)}{concepts}"
        f"{text('create.picture', language, seed=leg.seed)}</figcaption></figure>"
    )


def marked(words: dict[str, list[str]]) -> str:
    """Words in the colour of what became of them: kept, lost or invented."""
    spans = (f'<span class="{kind}">{escape(word)}</span>' for kind, some in words.items() for word in some)
    return f'<span class="words">{"".join(spans)}</span>'


def drift_chart(drift: list[float], language: str) -> str:
    """How well each loop's best picture matches the words that all began with, as a curve."""
    points = [(k / (len(drift) - 1), match) for k, match in enumerate(drift)]
    return curve(text("trip.drift", language), points, above=[f"{percent(match)} %" for match in drift])


def retold_html(image, told: tuple, language: str) -> str:
    """The picture with its caption, and beside it the pictures that were made of the caption."""
    caption, made, match = told
    photo = (
        f'<figure class="best"><img src="{data_uri(thumbnail(image), "jpeg")}" alt="{escape(caption)}">'
        f"<figcaption><b>{escape(caption)}</b>{text('trip.match', language, match=percent(match))}"
        "</figcaption></figure>"
    )
    pictures = "".join(
        f'<figure><img src="{data_uri(picture, "webp")}" alt=""><figcaption>'
        f"{text('trip.likeness', language, likeness=f'{likeness:.2f}', match=percent(fit))}<br>"
        f"{text('create.picture', language, seed=seed)}</figcaption></figure>"
        for picture, seed, likeness, fit in made
    )
    hint = f'<p class="hint">{text("trip.retell_how", language)}</p>'
    return f'<section class="contender"><div class="pictures wide">{photo}{pictures}</div></section>{hint}'


def build(language: gr.Textbox, examples: list[str]) -> None:
    """Lay out the tab. `language` holds the language of the page."""
    with gr.Row(equal_height=True):
        prompt = gr.Textbox(
            label=label("create.prompt"), placeholder=label("create.prompt_hint"), scale=5, max_lines=4,
            min_width=220, elem_id="trip-prompt",
        )  # fmt: skip
        button = gr.Button(label("trip.button"), variant="primary", scale=1, min_width=130, elem_id="trip")
        stopper = stop_button("trip-stop")
    with gr.Row():
        generator = gr.Radio(
            [(label(f"create.model_{name}"), name) for name in GENERATORS], value=GENERATORS[0],
            label=label("trip.generator"), min_width=340, elem_id="trip-generator",
        )  # fmt: skip
        captioner = gr.Radio(
            [(label(f"describe.{name}"), name) for name in CAPTIONERS], value=CAPTIONERS[-1],
            label=label("describe.captioner"), min_width=220, elem_id="trip-captioner",
        )  # fmt: skip
        num_images, num_loops = (
            Slider(1, most, start, step=1, label=label(name), buttons=[], min_width=150, elem_id=element)
            for most, start, name, element in (
                (MAX_PICTURES, 4, "create.num_images", "trip-num-images"), (MAX_LOOPS, 1, "trip.loops", "trip-loops"),
            )
        )  # fmt: skip
        seed = gr.Textbox("0", label=label("create.seed"), max_lines=1, min_width=90, elem_id="trip-seed")
    with gr.Accordion(label("trip.from_picture"), open=False, elem_id="retell-settings"), gr.Row():
        picture = Picture(
            label=label("describe.picture"), placeholder=label("describe.picture_hint"), type="filepath",
            sources=["upload", "clipboard"], height=220, elem_id="retell-picture", buttons=[], show_label=False,
        )  # fmt: skip
        with gr.Column():
            gr.Examples([[path] for path in examples], [picture], label=label("describe.examples"))
            retell_button = gr.Button(label("trip.retell_button"), elem_id="retell")
    progress = progress_line("trip-progress")
    empty = gr.HTML(label("trip.empty"), elem_classes="empty", elem_id="trip-empty")
    result = gr.HTML(visible=False, elem_id="trip-result")

    run = {
        "outputs": [result, progress, stopper, empty], "api_visibility": "undocumented", **queued(progress),
    }
    gr.on(
        [button.click, prompt.submit], round_trip,
        [prompt, generator, captioner, num_images, num_loops, seed, language], api_name="round_trip", **run,
    )  # fmt: skip
    retell_button.click(
        retell, [picture, generator, captioner, num_images, seed, language], api_name="retell", **run
    )
