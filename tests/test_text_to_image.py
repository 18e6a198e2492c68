"""The one call for pictures: seeds decide, words matter, bad input is a sentence and the next call works."""

import numpy as np
import pytest

from pipelines.errors import InputError
from pipelines.numbers import MAX_SEED
from pipelines.text_to_image.pipeline import MAX_IMAGES, load_text_to_image


@pytest.fixture
def generate(tiny_weights):
    return load_text_to_image("gan")


def pixels(output) -> list[np.ndarray]:
    return [np.asarray(image).astype(int) for image in output.images]


def test_a_picture_of_a_batch_equals_the_same_seed_alone(generate):
    batch = generate("a yellow flower", num_images=3, seed=7)
    assert batch.seeds == [7, 8, 9]
    (alone,) = pixels(generate("a yellow flower", seed=8))
    assert np.abs(pixels(batch)[1] - alone).max() <= 2  # of 255: half precision rounds differently by batch
    assert np.abs(pixels(batch)[0] - alone).mean() > 2


def test_words_change_the_picture(generate):
    (flower,), (bird,) = (pixels(generate(p, seed=3)) for p in ("a yellow flower", "a red bird on a branch"))
    assert np.abs(flower - bird).mean() > 0.5


def test_without_a_seed_each_call_draws_one_that_can_be_used_again(generate):
    first, second = generate("黑猫"), generate("黑猫")
    assert first.seeds != second.seeds
    assert np.array_equal(*(pixels(o)[0] for o in (first, generate("黑猫", seed=first.seeds[0]))))


def test_seeds_wrap_at_the_limit(generate):
    assert generate("a flower", num_images=2, seed=MAX_SEED).seeds == [MAX_SEED, 0]


def test_control_characters_and_emoji_are_dropped(generate):
    output = generate("a\x00 yellow\n\t flower 🌼\u200b", seed=1)
    assert output.settings["prompt"] == "a yellow flower"
    assert np.array_equal(*(pixels(o)[0] for o in (output, generate("a yellow flower", seed=1))))


def test_words_without_meaning_for_the_model_are_named(generate):
    assert generate("a yellow zqxv 黹", seed=1).settings["unknown_words"] == ["zqxv", "黹"]


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("", "prompt_empty"),
        ("  \n\t ", "prompt_empty"),
        ("🌼🌸!!", "prompt_empty"),
        ("\x00\x01", "prompt_empty"),
        ("flower " * 1500, "prompt_long"),
        ("жёлтый цветок", "prompt_language"),
        ("黄色い花をください", "prompt_language"),
        ("زهرة صفراء", "prompt_language"),
        ("eine gelbe Blüte", "prompt_language"),
    ],
)
def test_prompts_that_cannot_be_read(generate, prompt, code):
    with pytest.raises(InputError) as caught:
        generate(prompt)
    assert caught.value.code == code
    assert generate("a flower", seed=1).images  # the model goes on


@pytest.mark.parametrize("value", [0, -1, MAX_IMAGES + 1, 2.5, "four", None, float("nan")])
def test_numbers_of_pictures_out_of_range(generate, value):
    with pytest.raises(InputError) as caught:
        generate("a flower", num_images=value)
    assert caught.value.code == "num_images"


@pytest.mark.parametrize("value", [-1, MAX_SEED + 1, 10**30, "seven", 1.5, float("inf")])
def test_seeds_out_of_range(generate, value):
    with pytest.raises(InputError) as caught:
        generate("a flower", seed=value)
    assert caught.value.code == "seed"


def test_a_setting_that_the_model_lacks_is_named(generate):
    with pytest.raises(InputError, match="guidance_scale"):
        generate("a flower", guidance_scale=3.0)


def test_an_unknown_model_names_the_known_ones(tiny_weights):
    with pytest.raises(InputError, match="gan"):
        load_text_to_image("no-such-model")


def test_a_folder_of_the_same_kind_loads(tiny_weights):
    output = load_text_to_image(str(tiny_weights / "gan"))("a flower", seed=5)
    assert np.array_equal(*(pixels(o)[0] for o in (output, load_text_to_image("gan")("a flower", seed=5))))
