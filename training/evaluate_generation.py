"""Generated pictures measured on held-out captions: Fréchet and kernel distance, precision and recall in EfficientNet
features, spread between seeds, and whether the colour and the kind of thing that the words name are the ones seen.

N pictures.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from pipelines.alignment import load_aligner
from pipelines.distributed import dealt_out
from pipelines.image_encoder import ImageEncoder, from_imagenet
from pipelines.images import normalize, to_uint8
from pipelines.outputs import TextToImageOutput
from pipelines.text_to_image.pipeline import TextToImagePipeline, load_text_to_image
from training.conditioning import short_captions
from training.data import CaptionedImages, load
from training.generation_metrics import (
    COLOURS,
    LEAST_FOR_FID,
    frechet_distance,
    kernel_distance,
    mean_pairwise_distance,
    middle_colour,
    precision_and_recall,
)
from training.intervals import mean_interval

NUM_PICTURES = 2000
REFUSED = "A Fréchet distance of fewer than 2,000 pictures is no headline: its bias is larger than most differences."
SEEDS_A_PROMPT = 32
THINGS = ("flower", "bird", "cat", "dog")
SIZE = 128


@dataclass(frozen=True)
class Real:
    """Real pictures, their features [N, 1280], and which of THINGS each shows (-1: none of them)."""

    data: CaptionedImages
    features: Tensor
    things: Tensor


def evaluate_generation(model: str, sources: list[str], split: str, seed: int, num_pictures: int = 0) -> dict:
    """All figures of a generator, each beside what real held-out pictures give. An empty split is an InputError."""
    encoder = from_imagenet().fuse().to(memory_format=torch.channels_last)
    train, held_out = (read_real(encoder, sources, s) for s in ("train", split))
    pipeline = load_text_to_image(model)
    return {
        **distances(pipeline, encoder, train, held_out, seed, num_pictures or NUM_PICTURES),
        "category_obeyed": category_obeyed(pipeline, encoder, train, held_out, seed),
        "colour_obeyed": colour_obeyed(pipeline, held_out, seed),
        "spread_between_seeds": spread_between_seeds(pipeline, encoder, held_out, seed),
    }


def distances(
    pipeline: TextToImagePipeline, encoder: ImageEncoder, train: Real, held_out: Real, seed: int, num_pictures: int
) -> dict:
    """Pictures of random held-out captions against all training pictures: FID, where there are enough of them, KID,
    precision and recall."""
    rng = random.Random(seed)
    prompts = [rng.choice(rng.choice(held_out.data.records).captions) for _ in range(num_pictures)]

    def make_all(rows: list[int]) -> list[TextToImageOutput]:
        return [pipeline(prompts[k], seed=seed + k) for k in tqdm(rows, desc="pictures", mininterval=10)]

    outputs = dealt_out(make_all, list(range(num_pictures)))
    made, seconds = [output.images[0] for output in outputs], sum(output.seconds for output in outputs)
    figures = {"alignment": alignment(made, prompts, held_out, seed)}
    features = pooled(encoder, to_uint8(made, SIZE, crop=True))
    # as many real pictures as there are made ones, since both shares grow with the number
    some = train.features[torch.randperm(len(train.data), generator=torch.Generator().manual_seed(seed))[:num_pictures]]
    numbers = {"num_generated": len(made), "num_reference": len(train.data), "num_held_out": len(held_out.data)}

    def compared(distance: Callable[[Tensor, Tensor], float], beside_real: bool) -> dict:
        real = {"real held-out pictures": distance(held_out.features, train.features)} if beside_real else {}
        return {"model": distance(features, train.features), **real, **numbers}

    figures["fid_efficientnet"] = {"refused": REFUSED}
    if len(made) >= LEAST_FOR_FID:
        figures["fid_efficientnet"] = compared(frechet_distance, min(numbers.values()) >= LEAST_FOR_FID)
    figures["kid_efficientnet"] = compared(kernel_distance, True)
    precision, recall = precision_and_recall(features, some)
    real_precision, real_recall = precision_and_recall(held_out.features, some)
    return figures | {
        "precision": {"model": precision, "real held-out pictures": real_precision, "num_reference": len(some)},
        "recall": {"model": recall, "real held-out pictures": real_recall, "num_reference": len(some)},
        "seconds_a_picture": {"model": seconds / len(made)},
        "settings": {name: value for name, value in pipeline.defaults.items() if value != ""},
    }


@torch.inference_mode()
def alignment(made: list[Image.Image], prompts: list[str], held_out: Real, seed: int) -> dict:
    """How far pictures match their prompts: the aligner's mean probability, and R-precision: how often the own prompt
    scores highest among it and 99 others (Xu et al. 2018). Beside real pictures, and pictures under foreign prompts."""
    aligner = load_aligner()
    rng = random.Random(seed)
    photos = [Image.fromarray(x.permute(1, 2, 0).numpy()) for x in held_out.data.pixels]
    said = [rng.choice(record.captions) for record in held_out.data.records]
    texts = aligner.embed_texts(prompts)
    seen = aligner.embed_pictures(made)
    photos_seen, said_of_photos = aligner.embed_pictures(photos), aligner.embed_texts(said)
    foreign = texts[torch.tensor(rng.sample(range(len(texts)), len(texts)))]

    def r_precision(pictures: Tensor, words: Tensor, own: list[str]) -> float:
        hits = 0
        for k, picture in enumerate(pictures):
            others = [j for j in rng.sample(range(len(own)), min(150, len(own))) if own[j] != own[k]][:99]
            scores = words[[k, *others]] @ picture
            hits += int(scores.argmax() == 0)
        return hits / len(pictures)

    matches = aligner.match(seen, texts).diagonal()
    return {
        "model": matches.mean().item(),
        "interval": mean_interval(matches.tolist(), seed),
        "real held-out pictures": aligner.match(photos_seen, said_of_photos).diagonal().mean().item(),
        "foreign prompts": aligner.match(seen, foreign).diagonal().mean().item(),
        "r_precision": r_precision(seen, texts, prompts),
        "r_precision of real pictures": r_precision(photos_seen, said_of_photos, said),
        "num_generated": len(made),
        "num_held_out": len(photos),
    }


def category_obeyed(
    pipeline: TextToImagePipeline, encoder: ImageEncoder, train: Real, held_out: Real, seed: int
) -> dict:
    """How often a linear probe on real pictures sees in "a bird" a bird, and in real birds birds."""
    known, held = train.things >= 0, held_out.things >= 0
    probe = linear_probe(train.features[known], train.things[known])
    real = (probe(held_out.features[held]) == held_out.things[held]).float().mean().item()
    obeyed = {}
    for k, thing in present(train):
        seen = probe(pooled(encoder, to_uint8(make(pipeline, f"a {thing}", seed), SIZE, crop=True)))
        obeyed[f"a {thing}"] = (seen == k).tolist()
    return summary(obeyed) | {"real held-out pictures": real, "num_held_out": int(held.sum())}


def colour_obeyed(pipeline: TextToImagePipeline, held_out: Real, seed: int) -> dict:
    """How often the middle of "a red flower" is red, and that of real flowers whose captions call them red."""
    obeyed = {}
    for colour in COLOURS:
        prompt = f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} flower"
        obeyed[prompt] = [middle_colour(image) == colour for image in make(pipeline, prompt, seed)]
    real = []
    for pixels, record in zip(held_out.data.pixels, held_out.data.records, strict=True):
        for caption, _ in short_captions(record)[1:]:
            _, colour, thing = caption.split()
            if thing == "flower" and colour in COLOURS:
                real.append(middle_colour(Image.fromarray(pixels.permute(1, 2, 0).numpy())) == colour)
    figures = {"real held-out pictures": sum(real) / len(real)} if real else {}
    return summary(obeyed) | figures | {"num_held_out": len(real)}


def spread_between_seeds(pipeline: TextToImagePipeline, encoder: ImageEncoder, held_out: Real, seed: int) -> dict:
    """The mean distance of pictures of one prompt, as a share of that of real pictures of its kind."""
    ratios = {}
    for k, thing in present(held_out):
        real = held_out.data.pixels[held_out.things == k][:SEEDS_A_PROMPT]
        if len(real) > 1:
            made = to_uint8(make(pipeline, f"a {thing}", seed), SIZE, crop=True)
            distances = (mean_pairwise_distance(feature_maps(encoder, x)) for x in (made, real))
            ratios[f"a {thing}"] = [next(distances) / next(distances)]
    return summary(ratios)


def make(pipeline: TextToImagePipeline, prompt: str, seed: int) -> list[Image.Image]:
    return pipeline(prompt, num_images=SEEDS_A_PROMPT, seed=seed).images


def summary(by_prompt: dict[str, list[float]]) -> dict:
    """The mean of each prompt's values, and the mean over all with its interval."""
    values = [value for found in by_prompt.values() for value in found]
    counts = {"num_prompts": len(by_prompt), "seeds_a_prompt": SEEDS_A_PROMPT}
    if not values:
        return counts
    means = {prompt: mean(found) for prompt, found in by_prompt.items()}
    return {"model": mean(values), "interval": mean_interval(values), **means, **counts}


def present(real: Real) -> list[tuple[int, str]]:
    return [(k, thing) for k, thing in enumerate(THINGS) if (real.things == k).any()]


def read_real(encoder: ImageEncoder, sources: list[str], split: str) -> Real:
    data = load(sources, split, SIZE, crop=True)
    named = [[caption.split()[-1] for caption, _ in short_captions(r)][:1] for r in data.records]
    things = torch.tensor([THINGS.index(n[0]) if n and n[0] in THINGS else -1 for n in named])
    return Real(data, pooled(encoder, data.pixels), things)


@torch.no_grad()  # not inference mode: the probe is trained on these
def pooled(encoder: ImageEncoder, pixels: Tensor) -> Tensor:
    """uint8 [N, 3, H, W] → pooled features [N, 1280]."""
    with torch.autocast("cpu", torch.bfloat16):
        return torch.cat([encoder.pooled(normalize(batch)).float() for batch in pixels.split(64)])


@torch.no_grad()
def feature_maps(encoder: ImageEncoder, pixels: Tensor) -> list[Tensor]:
    return encoder.features(normalize(pixels))


def linear_probe(features: Tensor, labels: Tensor, steps: int = 300):
    """Logistic regression on standardised features; returns the function features → predicted labels."""
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    model = torch.nn.Linear(features.shape[1], len(THINGS))
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.1)
    standard = (features - mean) / deviation
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(standard), labels).backward()
        optimizer.step()
    return lambda x: model((x - mean) / deviation).argmax(1)
