"""The weights that ship: whole, within their limits, with a card, and giving what they gave when measured."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import checkpoint
from pipelines.alignment import load_aligner
from pipelines.image_captioning.pipeline import BUILT_IN as CAPTIONERS
from pipelines.image_captioning.pipeline import load_captioner
from pipelines.images import open_image
from pipelines.recognition import load_recognizer
from pipelines.text_encoder import PromptEncoder
from pipelines.text_to_image.pipeline import BUILT_IN as GENERATORS
from pipelines.text_to_image.pipeline import load_text_to_image
from tests.conftest import forget_models

SHIPPED = Path(__file__).resolve().parent.parent / "weights"
EXAMPLES = SHIPPED.parent / "assets" / "examples"
PINNED = Path(__file__).with_name("pinned")
MODELS = sorted(p.name for p in SHIPPED.iterdir() if p.is_dir())


@pytest.fixture(autouse=True, scope="module")
def only_shipped_models():
    forget_models()
    yield
    forget_models()


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_whole_and_has_its_card(name):
    folder = SHIPPED / name
    assert any(file.endswith(".safetensors") for file in checkpoint.verify(folder, name))
    assert f"# {name}" in (folder / "README.md").read_text()
    if name != "image-encoder":  # published weights, which nothing here trained or measured
        card = json.loads((folder / "metrics.json").read_text())
        assert {"figures", "seed", "split", "hardware"} <= card.keys()
    assert all(p.stat().st_size < 40e6 for p in folder.rglob("*"))


def test_all_models_that_the_page_offers_are_there():
    assert {"text-encoder", "image-encoder", "alignment", "recognizer", *GENERATORS, *CAPTIONERS} <= set(MODELS)


def test_together_they_stay_small():
    assert sum(p.stat().st_size for p in SHIPPED.rglob("*.safetensors")) < 150e6


@pytest.mark.parametrize("name", CAPTIONERS)
def test_captions_are_those_of_the_card(name):
    """Among the three that the search ends with: processors round differently, which can swap two of like chance."""
    pinned = json.loads((PINNED / "captions.json").read_text())[name]
    captioner = load_captioner(name)
    assert pinned
    for file, captions in pinned.items():
        for language, caption in captions.items():
            (output,) = captioner([open_image(EXAMPLES / file)], language=language, num_captions=3)
            assert caption in output.captions


def test_a_pinned_seed_gives_the_pinned_picture():
    """Shrunk to 16 × 16, so that what other processors round differently does not count and another picture does."""

    def shrunk(image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((16, 16), Image.Resampling.BOX)).astype(float)

    prompts = json.loads((PINNED / "pictures.json").read_text())
    gan = load_text_to_image("gan")
    expected = {file: shrunk(Image.open(PINNED / file)) for file in prompts}
    for file, prompt in prompts.items():
        made = shrunk(gan(prompt, seed=0).images[0])
        assert np.abs(made - expected[file]).mean() < 6
        others = [np.abs(made - x).mean() for other, x in expected.items() if other != file]
        assert min(others) > 12


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("yellow_flower.webp", "a yellow flower", "a blue flower"),
        ("yellow_flower.webp", "一朵黄色的花", "一朵紫色的花"),
        ("purple_flower.webp", "a purple flower", "a yellow flower"),
        ("red_rose.webp", "a red flower", "a white flower"),
        ("red_rose.webp", "a red flower", "a red bird"),
    ],
)
def test_another_colour_or_thing_matches_less(file, right, wrong):
    (scores,) = load_aligner()([open_image(PINNED / file)], [right, wrong])
    assert scores[0] > scores[1]


@pytest.mark.parametrize(
    ("folder", "file", "shown", "absent", "imagenet"),
    [
        (EXAMPLES, "cat.webp", {"cat", "brown"}, {"dog", "bird", "flower", "car"}, "Egyptian Mau"),
        (EXAMPLES, "flower.webp", {"flower", "orange"}, {"dog", "cat", "person", "running"}, None),
        (PINNED, "yellow_flower.webp", {"flower", "yellow"}, {"dog", "bird", "blue"}, None),
        (PINNED, "purple_flower.webp", {"flower", "purple"}, {"cat", "red", "riding"}, None),
    ],
)
def test_recognition_sees_what_is_there(folder, file, shown, absent, imagenet):
    (found,) = load_recognizer()([open_image(folder / file)])
    recognised = {c.en for c in found.concepts if c.recognised}
    assert shown <= recognised
    assert not absent & recognised
    assert imagenet in (None, found.imagenet[0].en)


def test_chinese_and_english_prompts_lie_together_and_colours_apart():
    encoder = PromptEncoder(SHIPPED / "text-encoder")
    chinese, english, other = encoder(["一朵黄色的花", "a yellow flower", "a red flower"])[2]
    assert chinese @ english > 0.9
    assert chinese @ other < 0.8
    crimson, red, blue = encoder(["a crimson rose", "a red rose", "a blue rose"])[2]
    assert crimson @ red > crimson @ blue


@pytest.mark.parametrize("prompt", ["a yellow flower with a dark centre", "a chrysanthemum", "一只橘猫在沙发上"])
def test_plain_prompts_hold_no_unknown_words(prompt):
    assert PromptEncoder(SHIPPED / "text-encoder").unknown_words(prompt) == []
