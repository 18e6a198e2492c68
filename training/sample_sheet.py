"""A sheet of a generator's pictures for its card: one row a prompt, one column a seed from 0 on, none left out; where
no words reach it, seeds alone. `python -m training.sample_sheet --model gan`
"""

import argparse
from pathlib import Path

from PIL import Image

from pipelines import checkpoint
from pipelines.images import grid
from pipelines.text_to_image.pipeline import MAX_IMAGES, load_text_to_image
from training.config import run_command

SAMPLE_PROMPTS = (
    "a yellow flower with a dark centre",
    "一朵黄色的花",
    "a red rose with many petals",
    "a purple flower",
    "white petals with a yellow center",
    "a blue bird",
    "a red bird on a branch",
    "一只黄色的小鸟",
    "a black cat",
    "一只橘猫",
    "a white dog",
    "a black dog running on the grass",
)
SAMPLES_A_PROMPT = 8


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.sample_sheet", description=__doc__)
    parser.add_argument("--model", default="gan", help="a folder under weights/")
    parser.add_argument("--out", type=Path, help="default: samples.webp beside the weights")
    args = parser.parse_args()
    pipeline = load_text_to_image(args.model)
    if pipeline.model.follows_words:
        images = [image for p in SAMPLE_PROMPTS for image in pipeline(p, num_images=SAMPLES_A_PROMPT, seed=0).images]
        sheet = grid(images, SAMPLES_A_PROMPT)
    else:
        small = grid(pipeline("", num_images=MAX_IMAGES, seed=0).images, 2 * SAMPLES_A_PROMPT)
        sheet = small.resize((2 * small.width, 2 * small.height), Image.Resampling.NEAREST)
    out = args.out or checkpoint.WEIGHTS / args.model / "samples.webp"
    sheet.save(out, quality=75)


if __name__ == "__main__":
    run_command(main)
