"""What the captioners say, as HTML: every word with its own map, one of them shown, nothing unescaped."""

import re

import numpy as np
import pytest
from PIL import Image

from pipelines.outputs import CaptionOutput
from tabs.cards import caption_cards

PICTURE = Image.new("RGB", (60, 40), "gray")


def output(model: str, language: str, *captions: list[str]) -> CaptionOutput:
    maps = [np.random.default_rng(len(words)).random((len(words), 7, 7)).astype("float32") for words in captions]
    joined = [(" " if language == "en" else "").join(words) for words in captions]
    chances = [[0.25] * len(words) for words in captions]
    return CaptionOutput(joined, list(captions), chances, maps, model, language, 0.25)


OUTPUTS = [
    output("lstm", "en", ["a", "cat"], ["one", "small", "cat"]),
    output("lstm", "zh", ["一", "只", "猫"]),
    output("transformer", "en", ["a", "<b>dog</b>"]),
]


def doubts(words: list[str]) -> list[bool]:
    return [word == "small" for word in words]


@pytest.fixture(params=["en", "zh"])
def cards(request):
    return caption_cards(PICTURE, OUTPUTS, doubts, request.param)


def test_each_captioner_has_one_card(cards):
    assert re.findall(r'data-model="(\w+)"', cards) == ["lstm", "transformer"]


def test_each_word_has_a_map_and_a_choice(cards):
    assert cards.count('class="veil"') == cards.count('type="radio"') == 2 + 3 + 3 + 2


def test_a_word_that_recognition_doubts_is_marked_and_says_so(cards):
    (label,) = re.findall(r'<label class="word doubted".*?</label>', cards)
    assert "<span>small</span>" in label
    assert "recognition" in label or "识别" in label


def test_each_card_shows_one_map_at_first(cards):
    first, second = cards.split("</section>")[:2]
    assert first.count(" checked") == second.count(" checked") == 1


def test_captions_name_their_language(cards):
    assert re.findall(r'lang="(\w+)"', cards) == ["en", "en", "zh", "en"]


def test_words_are_escaped(cards):
    assert "<b>" not in cards
    assert "&lt;b&gt;dog" in cards


def test_the_shape_of_the_picture_is_kept(cards):
    assert "--ratio:1.5000" in cards


def test_times_of_a_captioner_are_added():
    assert "0.50 s" in caption_cards(PICTURE, OUTPUTS, doubts, "en")


def test_a_caption_without_words_is_shown_without_a_map():
    assert 'type="radio"' not in caption_cards(PICTURE, [output("lstm", "en", [])], doubts, "en")
