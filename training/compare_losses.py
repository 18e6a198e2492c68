"""What the loss and batch norm do to the first lesson: the same training under minimax, non-saturating and hinge loss,
with and without batch norm in the generator, measured and drawn. `python -m training.compare_losses` writes losses.json
and losses.webp beside the weights.
"""

import argparse
import json
from itertools import product
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import torch
from PIL import Image, ImageDraw, ImageFont

from pipelines import checkpoint
from pipelines.images import grid, to_uint8
from pipelines.text_to_image.mlp_gan import IMAGE_SIZE, MLPGANModel
from training import train_mlp_gan
from training.config import run_command
from training.data import DIGITS
from training.evaluate_digits import Digits, Reader, digit_figures, read_digits, train_reader
from training.loop import PROGRESS
from training.train_mlp_gan import grey

LOSSES = ("minimax", "non_saturating", "hinge")
NUM_PICTURES, SHOWN = 1000, 40
WIDTH, HEIGHT, MARGIN = 320, 130, 14
INK, REAL, FAKE, FAINT = "#2b2622", "#2f7d4f", "#b83f2b", "#d9d2c5"


def train_one(
    loss: str, batch_norm: bool, seed: int, max_steps: int, folder: Path
) -> tuple[list[dict], list[Image.Image]]:
    """The log of one training, and pictures of the seeds from 0 on by what came out of it."""
    train_mlp_gan.main([
        "--loss", loss, "--batch_norm", str(batch_norm), "--seed", str(seed), "--max_steps", str(max_steps),
        "--log_every", str(max(1, max_steps // 100)), "--save_every", str(max_steps), "--sample_every", str(max_steps),
        "--output_dir", str(folder / "run"), "--weights_dir", str(folder / "weights"),
    ])  # fmt: skip
    log = [json.loads(line) for line in (folder / "run" / PROGRESS).read_text().splitlines()]
    return log, MLPGANModel(folder / "weights").generate("", list(range(NUM_PICTURES)))


def measure(made: list[Image.Image], reader: Reader, train: Digits, held_out: Digits) -> dict[str, float]:
    found = digit_figures(grey(to_uint8(made, IMAGE_SIZE, crop=True)), reader, train, held_out)
    return {name: round(figure["model"], 4) for name, figure in found.items()}


def panel(title: str, log: list[dict], made: list[Image.Image]) -> Image.Image:
    """D(x) in green and D(G(z)) in red over the steps, above the first pictures."""
    image = Image.new("RGB", (WIDTH, HEIGHT + WIDTH * 5 // 8), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    draw.text((MARGIN, 4), title, INK, font)
    draw.text((WIDTH - MARGIN, 4), "D(G(z))", FAKE, font, anchor="ra")
    draw.text((WIDTH - MARGIN - 60, 4), "D(x)", REAL, font, anchor="ra")
    low, high = HEIGHT - MARGIN, 26
    for level in (0, 0.5, 1):
        y = low - (low - high) * level
        draw.line((MARGIN, y, WIDTH - MARGIN, y), FAINT)
    for name, colour in (("d_real", REAL), ("d_fake", FAKE)):
        across = (WIDTH - 2 * MARGIN) / max(1, len(log) - 1)
        draw.line([(MARGIN + across * k, low - (low - high) * row[name]) for k, row in enumerate(log)], colour, 2)
    sheet, width = grid(made[:SHOWN], 8), WIDTH - 2 * MARGIN
    image.paste(sheet.resize((width, width * sheet.height // sheet.width)), (MARGIN, HEIGHT))
    return image


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.compare_losses", description=__doc__)
    parser.add_argument("--max_steps", type=int, default=2000, help="of each training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one training of each kind a seed")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--out", type=Path, help="default: beside the weights")
    args = parser.parse_args(arguments)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    train, held_out = read_digits([DIGITS], "train"), read_digits([DIGITS], args.split)
    reader = train_reader(train, 0)

    runs, panels = [], []
    for seed, batch_norm, loss in product(args.seeds, (True, False), LOSSES):
        with TemporaryDirectory() as folder:
            log, made = train_one(loss, batch_norm, seed, args.max_steps, Path(folder))
        last = {name: round(mean(row[name] for row in log[-10:]), 4) for name in ("d_real", "d_fake")}
        figures = measure(made, reader, train, held_out)
        runs.append({"loss": loss, "batch_norm": batch_norm, "seed": seed, **figures, **last})
        panels.append(panel(f"{loss.replace('_', '-')}{'' if batch_norm else ', no batch norm'}", log, made))

    folder = args.out or checkpoint.WEIGHTS / "mlp-gan"
    facts = {
        "split": args.split, "steps": args.max_steps, "generated": NUM_PICTURES, "held_out": len(held_out.images),
        "runs": runs, "versions": {"torch": torch.__version__},
    }  # fmt: skip
    (folder / "losses.json").write_text(json.dumps(facts, indent=1) + "\n")
    grid(panels[: 2 * len(LOSSES)], len(LOSSES), gap=0).save(folder / "losses.webp", quality=85)
    if not args.out:
        checkpoint.write_checksums(folder)


if __name__ == "__main__":
    run_command(main)
