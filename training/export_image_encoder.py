"""Write the CNN with its published ImageNet weights as a checkpoint: `python -m training.export_image_encoder`. Nothing
is trained here: recognition and alignment look through this very network.
"""

import argparse
from pathlib import Path

from pipelines import checkpoint
from pipelines.image_encoder import from_imagenet


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.export_image_encoder", description=__doc__)
    parser.add_argument("--weights_dir", type=Path, default=checkpoint.WEIGHTS / "image-encoder")
    args = parser.parse_args(arguments)
    from_imagenet().half().save_pretrained(args.weights_dir)
    checkpoint.write_checksums(args.weights_dir)


if __name__ == "__main__":
    main()
