"""The HTTP API: the five calls by name, with plain values. Pictures travel as base64, so that no call names a file."""

import base64
import binascii

import gradio as gr

from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import BUILT_IN as CAPTIONERS
from pipelines.image_captioning.pipeline import load_captioner
from pipelines.numbers import whole
from pipelines.text_to_image.pipeline import BUILT_IN as GENERATORS
from pipelines.text_to_image.pipeline import FOLLOW_WORDS, load_text_to_image
from tabs import offers
from tabs.messages import messages
from tabs.progress import ONE_AT_A_TIME

MAX_PICTURES, MAX_LOOPS = 8, 5


def generate(
    prompt: str,
    model: str = "gan",
    num_images: int = 1,
    seed: int | None = None,
    num_inference_steps: int | None = None,
    guidance_scale: float | None = None,
    negative_prompt: str | None = None,
    scheduler: str | None = None,
    size: int | None = None,
    best_first: bool = False,
) -> dict:
    """Make pictures of a prompt in English or Chinese.

    Args:
        prompt: What to show.
        model: gan, diffusion, mlp-gan (a lesson, which no words reach), or a model that the server offers.
        num_images: 1 to 8.
        seed: Decides the first picture, the next ones take the numbers after it; none: a new one.
        num_inference_steps: Of diffusion models; none: the model's own.
        guidance_scale: How closely diffusion models follow the words.
        negative_prompt: What diffusion models should keep away from.
        scheduler: How the small diffusion model steps: euler or heun.
        size: Pixels a side, of pretrained models; none: the model's own.
        best_first: Return the best match with the prompt first, and how well each picture matches.
    """
    from pipelines.recipe import encoded, inscribe, recipes

    with messages("en"):
        output = load_text_to_image(offers.allowed(model, GENERATORS))(
            prompt, num_images=whole(num_images, "num_images", 1, MAX_PICTURES), seed=seed,
            num_inference_steps=num_inference_steps, guidance_scale=guidance_scale, negative_prompt=negative_prompt,
            scheduler=scheduler, size=size,
        )  # fmt: skip
        judged = []
        if best_first:
            from pipelines import ranking

            output, judged = ranking.best_first(output)
        pictures = [inscribe(*pair) for pair in zip(output.images, recipes(output), strict=True)]
        images = [base64.b64encode(encoded(picture)).decode() for picture in pictures]
    facts = {"seeds": output.seeds, "model": output.model, "seconds": round(output.seconds, 4)}
    matches = [round(one.match, 4) for one in judged]
    return {"images": images, "matches": matches, **facts, "follows_words": output.follows_words}


def caption(
    picture: str, model: str = "transformer", language: str = "en", num_beams: int = 3, num_captions: int = 1,
    top_p: float = 0, seed: int = 0,
) -> dict:  # fmt: skip
    """Put a picture into words.

    Args:
        picture: The file of the picture in base64, or as a data URI.
        model: lstm, transformer, or a captioner that the server offers.
        language: en or zh.
        num_beams: How many sentences the search follows at once.
        num_captions: How many of them are returned.
        top_p: Above 0 captions are drawn, from the most probable words that together have this probability.
        seed: A whole number that decides what is drawn.
    """
    from pipelines.answers import caption_answer

    with messages("en"):
        captioner = load_captioner(offers.allowed(model, CAPTIONERS, "describe"))
        settings = {"language": language, "num_beams": num_beams, "num_captions": num_captions}
        settings |= {"top_p": top_p, "seed": seed} if top_p else {}
        return caption_answer(captioner([opened(picture)], **settings)[0])


def recognize(picture: str, model: str = "recognizer") -> dict:
    """Say which objects, attributes and actions a picture shows, each with its probability.

    Args:
        picture: The file of the picture in base64, or as a data URI.
        model: recognizer, or another one that the server offers.
    """
    from pipelines.answers import recognition_answer
    from pipelines.recognition import BUILT_IN, load_recognizer

    with messages("en"):
        name = offers.allowed(model, (BUILT_IN,), "recognize")
        return recognition_answer(load_recognizer(name)([opened(picture)])[0])


def align(picture: str, texts: list[str]) -> dict:
    """Say how well a picture and each text match, as probabilities.

    Args:
        picture: The file of the picture in base64, or as a data URI.
        texts: In English or Chinese.
    """
    from pipelines.alignment import load_aligner
    from pipelines.answers import scores_answer

    with messages("en"):
        return {"scores": scores_answer(texts, load_aligner()([opened(picture)], texts)[0].tolist())}


def roundtrip(
    prompt: str, model: str = "gan", captioner: str = "transformer", num_images: int = 4, num_loops: int = 1,
    seed: int | None = None,
) -> dict:  # fmt: skip
    """Make pictures of words, put them into words again, and score how well each matches.

    Args:
        prompt: What to show, in English or Chinese.
        model: gan, diffusion, or a model that the server offers.
        captioner: lstm, transformer, or a captioner that the server offers.
        num_images: How many pictures each loop makes, 1 to 8.
        num_loops: How many times the words become pictures, 1 to 5.
        seed: Decides the first picture; none: a new one.
    """
    from pipelines.alignment import load_aligner
    from pipelines.answers import trip_answer
    from pipelines.recognition import load_recognizer
    from pipelines.round_trip import round_trip

    with messages("en"):
        pair = (
            load_text_to_image(offers.allowed(model, FOLLOW_WORDS)),
            load_captioner(offers.allowed(captioner, CAPTIONERS, "describe")),
        )
        trip = round_trip(
            prompt, *pair, load_aligner(), load_recognizer(), seed=seed,
            num_images=whole(num_images, "num_images", 1, MAX_PICTURES),
            num_loops=whole(num_loops, "num_loops", 1, MAX_LOOPS),
        )  # fmt: skip
        return trip_answer(trip)


def opened(picture: str):
    """The picture of a base64 text. Raises InputError."""
    from pipelines.images import open_image

    try:
        data = base64.b64decode(picture.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError, AttributeError):
        raise InputError("image_unreadable", name="picture") from None
    return open_image(data)


def register() -> None:
    """Add the calls to the page that is being laid out."""
    for call in (generate, caption, recognize, align, roundtrip):
        gr.api(call, api_name=call.__name__, **ONE_AT_A_TIME)
