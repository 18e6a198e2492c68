"""Generated pictures measured on held-out captions: Fréchet distance in EfficientNet features, spread between seeds,
and whether the colour and the kind of thing that the words name are the ones that are seen.

N pictures.
"""

import random

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from pipelines.image_encoder import ImageEncoder, from_imagenet
from pipelines.images import normalize, to_uint8
from pipelines.text_to_image.pipeline import load_text_to_image
from training.conditioning import short_captions
from training.data import load
from training.generation_metrics import COLOURS, frechet_distance, mean_pairwise_distance, middle_colour

NUM_PICTURES = 2000
SEEDS_A_PROMPT = 32
THINGS = ("flower", "bird", "cat", "dog")
SIZE = 128


def evaluate_generation(model: str, sources: list[str], split: str, seed: int) -> dict:
    """FID (N = 2,000), colour and category obedience, and spread, each beside what real pictures give."""
    rng = random.Random(seed)
    encoder = from_imagenet().fuse().to(memory_format=torch.channels_last)
    train, held_out = load(sources, "train", SIZE, crop=True), load(sources, split, SIZE, crop=True)
    pipeline = load_text_to_image(model)

    def make(prompt: str, num: int, first_seed: int) -> list[Image.Image]:
        return pipeline(prompt, num_images=num, seed=first_seed).images

    records = [rng.choice(held_out.records) for _ in range(NUM_PICTURES)]
    prompts = [rng.choice(r.captions) for r in records]
    made = [make(p, 1, seed + k)[0] for k, p in enumerate(tqdm(prompts, desc="pictures", mininterval=10))]
    train_features, held_out_features = pooled(encoder, train.pixels), pooled(encoder, held_out.pixels)
    figures = {
        "fid_efficientnet": {
            "model": frechet_distance(pooled(encoder, to_uint8(made, SIZE, crop=True)), train_features),
            "real held-out pictures": frechet_distance(held_out_features, train_features),
            "num_generated": NUM_PICTURES,
            "num_reference": len(train),
            "num_held_out": len(held_out),
        }
    }

    labels = [thing_of(r) for r in train.records]
    known = [k for k, label in enumerate(labels) if label is not None]
    judge = linear_probe(train_features[known], torch.tensor([labels[k] for k in known]))
    real = [(k, thing_of(r)) for k, r in enumerate(held_out.records) if thing_of(r) is not None]
    predicted = judge(held_out_features[[k for k, _ in real]])
    category = {"real held-out pictures": (predicted == torch.tensor([t for _, t in real])).float().mean().item()}
    for index, thing in enumerate(THINGS):
        seen = judge(pooled(encoder, to_uint8(make(f"a {thing}", SEEDS_A_PROMPT, seed), SIZE, crop=True)))
        category[f"a {thing}"] = (seen == index).float().mean().item()
    category["model"] = sum(category[f"a {thing}"] for thing in THINGS) / len(THINGS)
    figures["category_obeyed"] = category | {"seeds_a_prompt": SEEDS_A_PROMPT}

    colour = {}
    for name in COLOURS:
        seen = [middle_colour(image) for image in make(f"a {name} flower", SEEDS_A_PROMPT, seed)]
        colour[f"a {name} flower"] = seen.count(name) / len(seen)
    colour["model"] = sum(colour.values()) / len(colour)
    named = [
        (image, caption.split()[1])
        for image, r in zip(held_out.pixels, held_out.records, strict=True)
        for caption, _ in short_captions(r)[1:]
        if caption.endswith(" flower") and caption.split()[1] in COLOURS
    ]
    agreed = [middle_colour(Image.fromarray(image.permute(1, 2, 0).numpy())) == name for image, name in named]
    colour |= {"real held-out pictures": sum(agreed) / max(1, len(agreed)), "num_real": len(agreed)}
    figures["colour_obeyed"] = colour | {"seeds_a_prompt": SEEDS_A_PROMPT}

    spread = {}
    for index, thing in enumerate(THINGS):
        rows = [k for k, t in real if t == index][:SEEDS_A_PROMPT]
        spread[f"a {thing}"] = mean_pairwise_distance(
            feature_maps(encoder, to_uint8(make(f"a {thing}", SEEDS_A_PROMPT, seed), SIZE, crop=True))
        )
        spread[f"real: {thing}"] = mean_pairwise_distance(feature_maps(encoder, held_out.pixels[rows]))
    ratios = [spread[f"a {thing}"] / spread[f"real: {thing}"] for thing in THINGS]
    figures["spread_between_seeds"] = spread | {"ratio_to_real": sum(ratios) / len(ratios)}
    return rounded(figures)


def thing_of(record) -> int | None:
    """Which of THINGS a record's short caption names."""
    named = [caption.split()[-1] for caption, _ in short_captions(record)]
    return THINGS.index(named[0]) if named and named[0] in THINGS else None


@torch.inference_mode()
def pooled(encoder: ImageEncoder, pixels: Tensor) -> Tensor:
    """uint8 [N, 3, H, W] → pooled features [N, 1280]."""
    with torch.autocast("cpu", torch.bfloat16):
        return torch.cat([encoder.pooled(normalize(batch)).float() for batch in pixels.split(64)])


@torch.inference_mode()
def feature_maps(encoder: ImageEncoder, pixels: Tensor) -> list[Tensor]:
    return encoder.features(normalize(pixels))


def linear_probe(features: Tensor, labels: Tensor, steps: int = 300):
    """Logistic regression on standardised features; returns the function features → predicted labels."""
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    weight = torch.zeros(features.shape[1], len(THINGS), requires_grad=True)
    bias = torch.zeros(len(THINGS), requires_grad=True)
    optimizer = torch.optim.AdamW([weight, bias], 3e-3, weight_decay=0.1)
    standard = (features - mean) / deviation
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(standard @ weight + bias, labels).backward()
        optimizer.step()
    return lambda x: (((x - mean) / deviation) @ weight.detach() + bias.detach()).argmax(1)


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value
