"""What guidance and the number of steps buy: the diffusion model over a range of both, as figures and one plot.
`python -m training.sweep --data DIR...` writes sweep.json and sweep.webp beside the weights.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from tqdm.auto import tqdm

from pipelines import checkpoint
from pipelines.alignment import load_aligner
from pipelines.image_encoder import from_imagenet
from pipelines.images import to_uint8
from pipelines.text_to_image.pipeline import load_text_to_image
from training.config import run_command
from training.evaluate_generation import SIZE, pooled, read_real
from training.generation_metrics import kernel_distance

NUM_PICTURES = 100
GUIDANCES, STEPS = (1.0, 1.5, 3.0, 6.0), (2, 4, 8, 20)
WIDTH, HEIGHT, MARGIN = 420, 260, 50
INK, ACCENT, FAINT = "#2b2622", "#b83f2b", "#d9d2c5"


def measure(model: str, sources: list[str], split: str, seed: int) -> dict:
    """KID to the training pictures and alignment with the prompts, over guidance at the model's own number of steps and
    over steps at its own guidance."""
    encoder = from_imagenet().fuse().to(memory_format=torch.channels_last)
    real, held_out = (read_real(encoder, sources, s) for s in ("train", split))
    rng = random.Random(seed)
    prompts = [rng.choice(rng.choice(held_out.data.records).captions) for _ in range(NUM_PICTURES)]
    pipeline, aligner = load_text_to_image(model), load_aligner()
    texts = aligner.embed_texts(prompts)

    def point(**settings) -> dict:
        made = [pipeline(p, seed=seed + k, **settings).images[0] for k, p in enumerate(tqdm(prompts, mininterval=10))]
        kid = kernel_distance(pooled(encoder, to_uint8(made, SIZE, crop=True)), real.features)
        match = aligner.match(aligner.embed_pictures(made), texts).diagonal().mean().item()
        return {**settings, "kid_efficientnet": round(kid, 4), "alignment": round(match, 4)}

    return {
        "model": model, "num_pictures": NUM_PICTURES, "seed": seed, "defaults": pipeline.defaults,
        "guidance": [point(guidance_scale=w) for w in GUIDANCES],
        "steps": [point(num_inference_steps=n) for n in STEPS],
    }  # fmt: skip


def plot(figures: dict) -> Image.Image:
    """Two rows of panels: KID and alignment, over guidance and over steps."""
    panels = [
        panel([(p[setting], p[measured]) for p in figures[axis]], f"{name} is better, over {axis}")
        for measured, name in (("kid_efficientnet", "KID: less"), ("alignment", "alignment: more"))
        for axis, setting in (("guidance", "guidance_scale"), ("steps", "num_inference_steps"))
    ]
    sheet = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), "white")
    for k, drawn in enumerate(panels):
        sheet.paste(drawn, (k % 2 * WIDTH, k // 2 * HEIGHT))
    return sheet


def panel(points: list[tuple[float, float]], title: str) -> Image.Image:
    """One curve with its points and their values; the settings stand at even distances."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    low, high = min(y for _, y in points), max(y for _, y in points)
    span = (high - low) or 1.0
    places = [
        (
            MARGIN + (WIDTH - 2 * MARGIN) * k / max(1, len(points) - 1),
            HEIGHT - MARGIN - (HEIGHT - 2.2 * MARGIN) * (y - low) / span,
        )
        for k, (_, y) in enumerate(points)
    ]
    draw.text((MARGIN / 2, 12), title, INK, font)
    draw.line((MARGIN / 2, HEIGHT - 32, WIDTH - MARGIN / 2, HEIGHT - 32), FAINT)
    draw.line(places, ACCENT, 2)
    for (x, y), (setting, value) in zip(places, points, strict=True):
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), ACCENT)
        draw.text((x, y - 8), f"{value:.3g}", INK, font, anchor="mb")
        draw.text((x, HEIGHT - 26), f"{setting:g}", INK, font, anchor="mt")
    return image


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.sweep", description=__doc__)
    parser.add_argument("--model", default="diffusion", help="a folder under weights/")
    parser.add_argument("--data", nargs="+", required=True, help="captioned folders or Hub dataset ids")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="default: beside the weights")
    args = parser.parse_args(arguments)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    figures = measure(args.model, args.data, args.split, args.seed)
    folder = args.out or checkpoint.WEIGHTS / args.model
    (folder / "sweep.json").write_text(json.dumps(figures, indent=1) + "\n")
    plot(figures).save(folder / "sweep.webp", quality=90)
    if not args.out:
        checkpoint.write_checksums(folder)


if __name__ == "__main__":
    run_command(main)
