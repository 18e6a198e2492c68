"""Speed, memory and size of the shipped models: `make bench`. Prints a table and writes benchmarks/results.json.

Every time is the median of several calls after a warm-up; the goals are those that the project set itself.
"""

import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from PIL import Image

from benchmarks.machine import machine
from pipelines import checkpoint, device
from pipelines.alignment import load_aligner
from pipelines.image_captioning.pipeline import load_captioner
from pipelines.image_encoder import load_image_encoder
from pipelines.images import open_image, to_uint8
from pipelines.recognition import load_recognizer
from pipelines.text_encoder import load_prompt_encoder
from pipelines.text_to_image.pipeline import load_text_to_image
from pipelines.text_to_image.steps import Step
from training.caption_metrics import caption_scores
from training.evaluate_generation import NUM_PICTURES, SIZE, THINGS, pooled
from training.generation_metrics import COLOURS

RESULTS = Path(__file__).with_name("results.json")
EXAMPLES = RESULTS.parents[1] / "assets" / "examples"
NUM_TEXTS, NUM_CAPTIONS = 100, 1000
PROMPT = "a yellow flower with a dark centre"


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure() -> list[dict]:
    """Rows of {what, value, unit, goal}; a goal is an upper limit, or for a rate a lower one."""
    gan, encoder = load_text_to_image("gan"), load_prompt_encoder()
    photos = [open_image(path) for path in sorted(EXAMPLES.glob("*.webp"))]
    encode = median_seconds(lambda: encoder([PROMPT]), 50)
    one = median_seconds(lambda: gan(PROMPT, seed=0), 30)
    sixteen = median_seconds(lambda: gan(PROMPT, seed=0, num_images=16), 10)
    rows = [
        {"what": "GAN, one picture", "value": 1000 * one, "unit": "ms", "goal": "≤ 40"},
        {"what": "GAN, a batch of 16", "value": 16 / sixteen, "unit": "pictures/s", "goal": "≥ 60"},
        {"what": "prompt encoding", "value": 1000 * encode, "unit": "ms", "goal": "≤ 5"},
    ]
    for name in ("lstm", "transformer"):
        captioner = load_captioner(name)
        seconds = median_seconds(lambda captioner=captioner: captioner(photos, num_beams=3), 10) / len(photos)
        what = f"caption, {name}, 3 beams, mean of five photographs"
        rows.append({"what": what, "value": 1000 * seconds, "unit": "ms", "goal": "≤ 60"})
    rows += understanding_rows(photos[0])
    rows += diffusion_rows()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(p.stat().st_size for p in checkpoint.WEIGHTS.rglob("*.safetensors")) / 1e6
    rows.append({"what": "peak resident memory, all models loaded", "value": peak, "unit": "MB", "goal": "≤ 1200"})
    rows.append({"what": "all weights", "value": size, "unit": "MB", "goal": "≤ 150"})
    return rows


def understanding_rows(photo: Image.Image) -> list[dict]:
    """Recognition and alignment of one picture, and what measuring costs."""
    recognize, align = load_recognizer(), load_aligner()
    texts = [f"a {colour} {thing}" for colour in COLOURS for thing in THINGS]
    texts = (texts * (NUM_TEXTS // len(texts) + 1))[:NUM_TEXTS]
    said = [f"{text} beside {other}".split() for text, other in zip(texts, reversed(texts), strict=True)]
    captions = said * (NUM_CAPTIONS // NUM_TEXTS)
    references = [[c, *said[:4]] for c in captions]
    recognition = median_seconds(lambda: recognize([photo]), 20)
    alignment = median_seconds(lambda: align([photo], texts), 20)
    metrics = median_seconds(lambda: caption_scores(captions, references), 1)
    scored = median_seconds(lambda: score_generated(NUM_PICTURES // 10), 1) / 6  # minutes for ten times as many
    return [
        {"what": "recognition, one picture", "value": 1000 * recognition, "unit": "ms", "goal": "≤ 40"},
        {"what": "alignment, one picture with 100 texts", "value": 1000 * alignment, "unit": "ms", "goal": "≤ 60"},
        {"what": "caption metrics, 1,000 captions", "value": metrics, "unit": "s", "goal": "≤ 20"},
        {"what": "2,000 GAN pictures made and scored (ten times 200)", "value": scored, "unit": "min", "goal": "≤ 3"},
    ]


def score_generated(count: int) -> None:
    """Make pictures one by one and score them: their CNN features, and their match with the words."""
    gan, align = load_text_to_image("gan"), load_aligner()
    images = [gan(PROMPT, seed=seed).images[0] for seed in range(count)]
    pooled(load_image_encoder(), to_uint8(images, SIZE, crop=True))
    align(images, [PROMPT])


def diffusion_rows() -> list[dict]:
    """Our diffusion model at two numbers of steps, and what it costs to watch it."""
    diffusion = load_text_to_image("diffusion")

    def seconds(steps: int, on_step: Callable[[Step], None] | None = None) -> float:
        return median_seconds(lambda: diffusion(PROMPT, seed=0, num_inference_steps=steps, on_step=on_step), 5)

    def watch(step: Step) -> None:
        if step.number % 5 == 0:
            start = time.perf_counter()
            step.preview()
            looking.append(time.perf_counter() - start)

    looking: list[float] = []
    eight, twenty, watched = seconds(8), seconds(20), seconds(20, watch)
    previews = 20 // 5 * statistics.median(looking)
    return [
        {"what": "diffusion, 8 steps with guidance", "value": eight, "unit": "s/picture", "goal": ""},
        {"what": "diffusion, 20 steps with guidance", "value": twenty, "unit": "s/picture", "goal": "≤ 2"},
        {"what": "previews' share of 20 steps", "value": 100 * previews / watched, "unit": "%", "goal": "≤ 5"},
    ]


def stable_diffusion_rows() -> list[dict]:
    """What a network of Stable Diffusion 1.5's shape costs here: 512 pixels are latents [2, 4, 64, 64] with guidance,
    and 77 words of width 768. The weights are random, since speed does not depend on them."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(device.dtype())
    try:
        unet = UNet2DConditionModel(cross_attention_dim=768, sample_size=64).eval()
        widths = (128, 256, 512, 512)
        kinds = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
        decoder = AutoencoderKL(block_out_channels=widths, layers_per_block=2, latent_channels=4, **kinds).eval()
        tiny = AutoencoderTiny().eval()
        latents, words = torch.randn(2, 4, 64, 64), torch.randn(2, 77, 768)
        with torch.inference_mode():
            calls = {
                "SD 1.5's U-Net, one step with guidance, 512 px": lambda: unet(latents, 500, words),
                "SD 1.5's decoder, one picture of 512 px": lambda: decoder.decode(latents[:1]),
                "a tiny autoencoder's decoder, the same picture": lambda: tiny.decode(latents[:1]),
            }
            seconds = {what: median_seconds(call, 3) for what, call in calls.items()}
            return [{"what": what, "value": value, "unit": "s", "goal": ""} for what, value in seconds.items()]
    finally:
        torch.set_default_dtype(before)


def main() -> None:
    rows = measure()
    rows += stable_diffusion_rows()
    measured_on = machine(device.dtype())
    RESULTS.write_text(json.dumps({"machine": measured_on, "rows": rows}, indent=1, ensure_ascii=False) + "\n")
    print(" · ".join(f"{k} {v}" for k, v in measured_on.items()))
    for row in rows:
        goal = f"goal {row['goal']}" if row["goal"] else ""
        print(f"{row['what']:<50}{row['value']:>10.2f} {row['unit']:<12}{goal}")


if __name__ == "__main__":
    main()
