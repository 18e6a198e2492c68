"""What every augmentation preset makes of one picture, a row each: `python -m training.augment_sheet PICTURE --out
sheet.webp`. Column k is drawn with seed k."""

import argparse
import io
import sys
from pathlib import Path

import torch
from PIL import Image

from pipelines.errors import InputError
from pipelines.images import labelled_grid, open_image, to_uint8
from pipelines.numbers import whole
from training.augment import PRESETS, preset
from training.metadata import write_whole

MAX_SIZE = 512


def sheet(image: Image.Image, names: list[str], size: int = 128, columns: int = 6) -> Image.Image:
    """One row a preset of `names`, one column a seed. Raises InputError."""
    size = whole(size, "size", 16, MAX_SIZE)
    pixels = to_uint8([image], size, crop=True)                                                # (1, 3, size, size)
    cells = []
    with torch.random.fork_rng(devices=[]):
        for name in names:
            for seed in range(columns):
                torch.manual_seed(seed)
                cells.append(Image.fromarray(preset(name)(pixels)[0].permute(1, 2, 0).contiguous().numpy()))
    return labelled_grid(cells, names, [str(seed) for seed in range(columns)])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.augment_sheet", description=__doc__)
    parser.add_argument("picture", metavar="PICTURE")
    parser.add_argument("--out", type=Path, default=Path("sheet.webp"), metavar="FILE")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), metavar="NAME", help=", ".join(PRESETS))
    parser.add_argument("--size", type=int, default=128, metavar="PIXELS")
    args = parser.parse_args(arguments)
    try:
        buffer = io.BytesIO()
        sheet(open_image(args.picture), args.presets, args.size).save(buffer, "WEBP", quality=85)
        write_whole(args.out, buffer.getvalue())
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    for name in args.presets:
        print(f"{name}: {PRESETS[name][1]}")
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
