"""Write the CNN with its published ImageNet weights and the names of its classes as a checkpoint: `python -m
training.export_image_encoder`. Nothing is trained here: recognition and alignment look through this very network.
"""

import argparse
import json
from pathlib import Path

from pipelines import checkpoint
from pipelines.image_encoder import from_imagenet
from pipelines.recognition import LABELS

CLASSES = Path(__file__).with_name("imagenet_classes.tsv")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.export_image_encoder", description=__doc__)
    parser.add_argument("--weights_dir", type=Path, default=checkpoint.WEIGHTS / "image-encoder")
    args = parser.parse_args(arguments)
    from_imagenet().half().save_pretrained(args.weights_dir)
    names = [line.split("\t") for line in CLASSES.read_text(encoding="utf-8").splitlines()]  # English, Chinese
    (args.weights_dir / LABELS).write_text(json.dumps(names, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    checkpoint.write_checksums(args.weights_dir)


if __name__ == "__main__":
    main()
