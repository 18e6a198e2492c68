"""The walk through what the GAN draws: its ends are pictures of their own, its middle keeps the length of noise."""

import pytest
import torch
from PIL import Image

from pipelines.errors import InputError
from pipelines.recipe import difference
from pipelines.text_to_image.pipeline import load_text_to_image
from pipelines.text_to_image.walk import animate, slerp, walk


def test_spherical_steps_are_even_and_keep_the_length():
    first, second = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    steps = slerp(first, second, torch.linspace(0, 1, 5))
    assert torch.allclose(steps.norm(dim=1), torch.full((5,), 2.0))
    apart = (steps[1:] - steps[:-1]).norm(dim=1)
    assert torch.allclose(apart, apart[:1].expand(4), atol=1e-5)
    assert torch.allclose(steps[[0, -1]], torch.stack([first, second]), atol=1e-6)
    assert torch.allclose(slerp(first, 2 * first, torch.tensor([0.5])), 1.5 * first)


def test_the_ends_are_the_pictures_of_prompts_and_seeds(tiny_weights):
    frames = walk(("a yellow flower", "黑猫"), (3, 8), 5)
    gan = load_text_to_image("gan")
    for frame, prompt, seed in ((frames[0], "a yellow flower", 3), (frames[-1], "黑猫", 8)):
        assert difference(frame, gan(prompt, seed=seed).images[0]) < 2
    assert difference(frames[0], frames[-1]) > difference(frames[0], frames[1]) > 0


def test_an_empty_second_prompt_is_the_first_again(tiny_weights):
    frames = walk(("a red bird", " "), (1, 1), 3)
    assert difference(frames[0], frames[2]) < 1


@pytest.mark.parametrize(("prompts", "seeds", "frames", "code"), [
    ((" ", "x"), (0, 1), 4, "prompt_empty"), (("a dog", ""), ("x", 1), 4, "seed"),
    (("a dog", ""), (0, 1), 1, "num_frames"),
])  # fmt: skip
def test_bad_input(tiny_weights, prompts, seeds, frames, code):
    with pytest.raises(InputError) as caught:
        walk(prompts, seeds, frames)
    assert caught.value.code == code


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_the_animation_goes_there_and_back(tmp_path, kind):
    frames = [Image.new("RGB", (8, 8), (40 * k, 0, 0)) for k in range(4)]
    animate(frames, tmp_path / f"walk.{kind}")
    with Image.open(tmp_path / f"walk.{kind}") as image:
        assert image.n_frames == 6
    with pytest.raises(InputError):
        animate(frames, tmp_path / "walk.png")
