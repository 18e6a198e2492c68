"""The diffusion model: the sampler follows the theory, guidance and seeds mean what they say, a run can be stopped."""

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler

from pipelines.errors import InputError
from pipelines.text_to_image.diffusion import PatchDiffusionPipeline, sample
from pipelines.text_to_image.pipeline import load_text_to_image
from pipelines.text_to_image.steps import Stopped
from pipelines.text_to_image.unet import PatchUNet
from training.train_diffusion import velocity_loss


@pytest.fixture
def generate(tiny_weights):
    return load_text_to_image("diffusion")


def pixels(output) -> list[np.ndarray]:
    return [np.asarray(image).astype(int) for image in output.images]


SPREAD = 0.5  # standard deviation of the toy pictures, one number each


def posterior_mean(z, sigma):
    """E[x | z] for x ~ N(0, s²) and z = (1 − σ) x + σ ε."""
    return z * (1 - sigma) * SPREAD**2 / ((1 - sigma) ** 2 * SPREAD**2 + sigma**2)


@pytest.mark.parametrize("num_steps", [1, 2, 5, 20])
def test_euler_agrees_with_the_closed_form_on_a_gaussian(num_steps):
    noise = torch.tensor([[-1.5], [0.3], [2.0]])
    made = sample(FlowMatchEulerDiscreteScheduler(), posterior_mean, noise, num_steps)
    factor = 1.0  # each step multiplies z by one number
    for k in range(num_steps):
        sigma, least = 1 - k / num_steps, 1 - (k + 1) / num_steps
        guess = (1 - sigma) * SPREAD**2 / ((1 - sigma) ** 2 * SPREAD**2 + sigma**2)
        factor *= 1 + (least - sigma) * (1 - guess) / sigma
    assert torch.allclose(made, noise * factor, atol=1e-5)


def test_more_steps_come_nearer_to_the_true_spread_and_heun_nearer_still():
    noise = torch.ones(1, 1)  # the exact flow takes it to the spread itself
    errors = [
        abs(sample(kind(), posterior_mean, noise, n).item() - SPREAD)
        for kind, n in (
            (FlowMatchEulerDiscreteScheduler, 5), (FlowMatchEulerDiscreteScheduler, 50),
            (FlowMatchHeunDiscreteScheduler, 50),
        )
    ]  # fmt: skip
    assert errors[0] > errors[1] > errors[2]


def test_a_shift_spends_more_steps_in_noise():
    seen = []

    def predict(z, sigma):
        seen.append(float(sigma))
        return posterior_mean(z, sigma)

    made = [sample(FlowMatchEulerDiscreteScheduler(shift=shift), predict, torch.ones(1, 1), 4) for shift in (1, 3)]
    assert seen == pytest.approx([1, 0.75, 0.5, 0.25, 1, 0.9, 0.75, 0.5])
    assert made[0] != made[1]


def test_a_picture_of_a_batch_equals_the_same_seed_alone(generate):
    batch = pixels(generate("a yellow flower", num_images=4, seed=7, num_inference_steps=4))
    (alone,) = pixels(generate("a yellow flower", seed=9, num_inference_steps=4))
    assert np.abs(batch[2] - alone).max() <= 3
    assert np.abs(batch[0] - alone).mean() > 3


def test_words_negative_words_and_guidance_change_the_picture(generate):
    def make(prompt="a yellow flower", **settings):
        return pixels(generate(prompt, seed=1, num_inference_steps=4, **settings))[0]

    plain = make()
    for other in (make("黑猫"), make(negative_prompt="a red bird"), make(guidance_scale=7), make(scheduler="heun")):
        assert np.abs(plain - other).max() > 0


def test_guidance_of_one_is_no_guidance(generate):
    """And takes half of the work: nothing but the prompt is looked at."""
    seen = []
    unet = generate.model.pipeline.unet
    hook = unet.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    one = generate("a yellow flower", seed=1, num_inference_steps=3, guidance_scale=1)
    ignored = generate("a yellow flower", seed=1, num_inference_steps=3, guidance_scale=1, negative_prompt="a red bird")
    hook.remove()
    assert np.array_equal(pixels(one)[0], pixels(ignored)[0])
    assert set(seen) == {1}


def test_guidance_of_zero_leaves_the_words_out(generate):
    made = [pixels(generate(p, seed=1, num_inference_steps=3, guidance_scale=0))[0] for p in ("a cat", "a red bird")]
    assert np.abs(made[0] - made[1]).max() <= 1


def test_steps_are_told_with_previews_and_a_run_stops_at_one(generate):
    steps = []

    def stop_at_three(step):
        steps.append((step.number, step.total, len(step.preview())))
        if step.number == 3:
            raise Stopped

    with pytest.raises(Stopped):
        generate("a cat", num_images=2, num_inference_steps=6, on_step=stop_at_three)
    assert steps == [(1, 6, 2), (2, 6, 2), (3, 6, 2)]
    assert generate("a cat", num_inference_steps=2).images


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"num_inference_steps": 0}, "num_inference_steps"),
        ({"num_inference_steps": 10_000}, "num_inference_steps"),
        ({"num_inference_steps": 2.5}, "num_inference_steps"),
        ({"guidance_scale": float("nan")}, "guidance_scale"),
        ({"guidance_scale": "much"}, "guidance_scale"),
        ({"guidance_scale": 31}, "guidance_scale"),
        ({"scheduler": "ddim"}, "scheduler"),
        ({"negative_prompt": "жёлтый цветок"}, "prompt_language"),
        ({"size": 512}, "setting_unknown"),
    ],
)
def test_settings_out_of_range(generate, settings, code):
    with pytest.raises(InputError) as caught:
        generate("a flower", **settings)
    assert caught.value.code == code
    assert generate("a flower", num_inference_steps=1).images


def test_the_gan_has_one_step(tiny_weights):
    steps = []
    load_text_to_image("gan")("a flower", on_step=lambda step: steps.append((step.number, step.total)))
    assert steps == [(1, 1)]


def test_the_pipeline_is_a_diffusers_folder(tiny_weights):
    pipeline = PatchDiffusionPipeline.from_pretrained(tiny_weights / "diffusion", local_files_only=True)
    assert isinstance(pipeline.unet, PatchUNet)
    assert isinstance(pipeline.scheduler, FlowMatchEulerDiscreteScheduler)


def test_a_folder_of_the_same_kind_loads(tiny_weights):
    made = [load_text_to_image(n)("a cat", seed=5) for n in ("diffusion", str(tiny_weights / "diffusion"))]
    assert np.array_equal(*(pixels(o)[0] for o in made))


def test_a_new_network_predicts_grey_and_every_weight_learns():
    torch.manual_seed(0)
    unet = PatchUNet(16, 2, (16, 32), condition_size=16, sentence_size=12)
    z, sigma, words = torch.randn(2, 3, 16, 16), torch.tensor([0.3, 0.9]), torch.randn(2, 12)
    assert unet(z, sigma, words).abs().max() == 0
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    velocity_loss(unet(z, sigma, words), torch.randn_like(z), sigma, 0.05).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in unet.parameters())


def test_the_loss_is_that_of_the_velocity():
    x, noise, predicted = torch.randn(3, 2, 3, 4, 4)
    sigma = torch.tensor([0.2, 0.7])
    s = sigma[:, None, None, None]
    z = (1 - s) * x + s * noise
    expected = ((((z - predicted) / s) - (noise - x)) ** 2).mean()
    assert torch.allclose(velocity_loss(predicted, x, sigma, 0.05), expected, rtol=1e-4)
