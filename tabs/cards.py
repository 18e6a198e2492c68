"""What the captioners say, as HTML: a card for each, its words to choose from, and the map of the chosen word.

The maps are shown by style rules alone (a checked radio button), so that a result works without a script.
"""

from collections.abc import Callable
from html import escape

import numpy as np
from PIL import Image

from pipelines.image_captioning.pipeline import BUILT_IN
from pipelines.outputs import CaptionOutput
from tabs.attention import data_uri, sharpest, thumbnail, veil
from tabs.captioners import title
from tabs.i18n import text

Doubts = Callable[[list[str]], list[bool]]


def stage(image: Image.Image, said: str) -> str:
    """The picture as the ground that veils are laid over; an opened element, which what follows has to close."""
    width, height = image.size
    photo = f'<img class="photo" src="{data_uri(thumbnail(image), "jpeg")}" alt="{said}">'
    return f'<div class="stage" style="--ratio:{width / height:.4f}">{photo}'


def caption_cards(image: Image.Image, outputs: list[CaptionOutput], doubts: Doubts, language: str) -> str:
    """One card for each captioner, which holds its captions in every language. `doubts` says of a caption's words which
    ones recognition finds no trace of."""
    models = list(dict.fromkeys(output.model for output in outputs))
    opened = stage(image, text("describe.alt", language))
    cards = [card(opened, [o for o in outputs if o.model == model], doubts, language) for model in models]
    return f'<div class="cards">{"".join(cards)}</div><p class="hint">{text("describe.how", language)}</p>'


def card(opened: str, outputs: list[CaptionOutput], doubts: Doubts, language: str) -> str:
    """The card of one captioner: its name, the opened stage with the picture, its captions, the likeliest first."""
    model, seconds = outputs[0].model, sum(output.seconds for output in outputs)
    other = "trained" if any(output.attention for output in outputs) else "pretrained"
    name, kind = escape(model), model if model in BUILT_IN else other
    group = f"word-{name}"
    captions = [
        caption(output, c, group, doubts, chosen=output is outputs[0] and c == 0, language=language)
        for output in outputs
        for c in range(len(output.captions))
    ]
    return (
        f'<section class="card" data-model="{name}">'
        f"<header><h2>{escape(title(model, language))}</h2>"
        f"<small>{text(f'describe.{kind}_about', language)}</small>"
        f"<time>{text('describe.time', language, seconds=f'{seconds:.2f}')}</time></header>"
        f'{opened}<div class="captions">{"".join(captions)}</div></div></section>'
    )


def caption(
    output: CaptionOutput, index: int, group: str, doubts: Doubts, chosen: bool, language: str
) -> str:
    """One caption as a line of words, each a radio button with its map; `chosen`: one of the maps is shown at first."""
    tokens = output.tokens[index]
    attention = output.attention[index] if output.attention else [None] * len(tokens)
    first = sharpest(attention) if chosen and output.attention and tokens else None
    words = [
        word(token, sure, where, group, k == first, doubted, language)
        for k, (token, sure, where, doubted) in enumerate(
            zip(tokens, output.probabilities[index], attention, doubts(tokens), strict=True)
        )
    ]
    whole = escape(output.captions[index])
    return f'<p class="sentence" lang="{output.language}" data-caption="{whole}">{"".join(words)}</p>'


def word(
    token: str, probability: float, attention: np.ndarray | None, group: str, checked: bool, doubted: bool,
    language: str,
) -> str:  # fmt: skip
    """One word, tinted as the model was sure of it, marked where recognition finds no trace of it, and with its map."""
    said = text("describe.word", language, word=escape(token), percent=round(100 * probability))
    overlay = "" if attention is None else f'<img class="veil" src="{data_uri(veil(attention), "webp")}" alt="">'
    if doubted:
        said += " · " + text("describe.doubted", language)
    return (
        f'<label class="word{" doubted" if doubted else ""}" style="--sure:{probability:.2f}" title="{said}">'
        f'<input type="radio" name="{group}"{" checked" if checked else ""}><span>{escape(token)}</span>'
        f"{overlay}</label>"
    )
