"""What a picture's file says of how it was made: kept, read again, and not believed where it lies."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipelines import recipe
from pipelines.__main__ import main
from pipelines.errors import InputError
from pipelines.recipe import Recipe, difference, encoded, first_change, inscribe, parse, read, recipes
from pipelines.text_to_image.pipeline import load_text_to_image
from tabs.create import LINK
from tabs.reproduce import comparison, form_of

PICTURE = Image.new("RGB", (8, 8), "red")


def write(path, **texts: str):
    info = PngInfo()
    for key, value in texts.items():
        info.add_itxt(key, value)
    PICTURE.save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(("model", "settings"), [
    ("gan", {}),
    ("diffusion", {"num_inference_steps": 2, "guidance_scale": 2.5, "negative_prompt": "绿色", "scheduler": "heun"}),
])  # fmt: skip
def test_a_file_makes_its_picture_again(tiny_weights, tmp_path, model, settings):
    output = load_text_to_image(model)("一朵黄色的花", seed=5, num_images=2, **settings)
    old = recipes(output)[1]
    (tmp_path / "p.png").write_bytes(encoded(inscribe(output.images[1], old)))
    found = read(tmp_path / "p.png")
    assert found == old
    assert (found.seed, found.model, len(found.model_hash)) == (6, model, 12)
    again = load_text_to_image(model)(found.prompt, seed=found.seed, **found.settings)
    assert first_change(found, *recipes(again)) is None
    with Image.open(tmp_path / "p.png") as stored:
        assert difference(stored, again.images[0]) < 1


def test_the_text_is_the_one_that_other_programs_read():
    settings = {"num_inference_steps": 20, "guidance_scale": 7.0, "scheduler": "euler", "negative_prompt": "blur"}
    old = Recipe("a cat, sitting", 3, "diffusion", settings, "0123456789ab")
    line = "Steps: 20, Sampler: euler, CFG scale: 7.0, Seed: 3, Model: diffusion, Model hash: 0123456789ab"
    assert str(old) == f"a cat, sitting\nNegative prompt: blur\n{line}"
    facts = parse(str(old))
    assert (facts["prompt"], facts["seed"], facts["model"]) == ("a cat, sitting", 3, "diffusion")
    assert facts["settings"] == {k: str(v) for k, v in settings.items()}


@pytest.mark.parametrize("texts", [
    {"tuwen": "{"}, {"tuwen": "[1]"}, {"tuwen": json.dumps({"prompt": "x", "model": "gan", "seed": "seven"})},
    {"tuwen": json.dumps({"prompt": ["x"], "model": "gan", "seed": 1})}, {"tuwen": "[" * 100_000},
    {"tuwen": json.dumps({"prompt": "x", "model": "gan", "seed": 1, "settings": {"size": {"a": 1}}})},
    {"parameters": "a cat"}, {"parameters": "a cat\nSteps: 3, Seed: many, Model: gan"},
])  # fmt: skip
def test_a_file_that_lies_is_one_sentence(tmp_path, texts):
    with pytest.raises(InputError) as caught:
        read(write(tmp_path / "p.png", **texts))
    assert caught.value.code == "recipe_broken"


def test_a_picture_without_settings_says_so(tmp_path):
    with pytest.raises(InputError) as caught:
        read(write(tmp_path / "p.png"))
    assert caught.value.code == "recipe_missing"
    (tmp_path / "q.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        read(tmp_path / "q.png")
    assert caught.value.code == "image_unreadable"


def test_the_first_change_is_named():
    old = Recipe("x", 1, "gan", {"size": 128}, "aa", "float32", {"torch": "2"})
    assert first_change(old, old) is None
    assert first_change(old, Recipe("x", 1, "gan", {"size": 128}, "bb")) == ("model_hash", "aa", "bb")
    assert first_change(Recipe("x", 1, "gan"), old) is None
    assert first_change(old, Recipe("x", 1, "gan", {"size": 64}, "aa", "float32")) == ("size", 128, 64)


def test_the_card_tells_both_pictures_apart():
    old, new = Recipe("<b>x</b>", 1, "gan", {}, "aa"), Recipe("<b>x</b>", 1, "gan", {}, "bb")
    shown = comparison(PICTURE, Image.new("RGB", (8, 8), "blue"), old, new, "en")
    assert "Another picture" in shown
    assert "Hash of the weights: aa then, bb now" in shown
    assert "<b>" not in shown
    assert "同一张图片" in comparison(PICTURE, PICTURE, old, old, "zh")


def test_the_form_is_filled_from_a_file(tmp_path):
    path = tmp_path / "p.png"
    path.write_bytes(encoded(inscribe(PICTURE, Recipe("a cat", 9, "diffusion", {"num_inference_steps": 4}))))
    assert form_of(str(path))[:6] == ["a cat", "diffusion", 1, "9", False, 4]
    assert "a cat" not in form_of(str(write(tmp_path / "q.png", tuwen="{")))
    assert len(form_of(None)) == len(LINK)


def test_the_command_line_writes_recipes_unless_told_not_to(tiny_weights, tmp_path, capsys):
    for flags, inside in (([], True), (["--no-recipe"], False)):
        assert main(["generate", "a red bird", "--seed", "4", "--out", str(tmp_path), "--json", *flags]) == 0
        (path,) = json.loads(capsys.readouterr().out)["images"]
        with Image.open(path) as image:
            assert {recipe.PARAMETERS, recipe.EXACT} <= image.info.keys() if inside else not image.info
