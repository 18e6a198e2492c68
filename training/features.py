"""Pictures of several data sets, and what the CNN sees in them, computed once for all epochs.

M pictures, N cells of the grid.
"""

import copy

import torch
from torch import Tensor
from tqdm.auto import tqdm

from pipelines.image_encoder import IMAGE_SIZE, ImageEncoder
from pipelines.images import normalize
from training.data import CaptionedImages, at_most, load_pixels, read, refold


def load_some(
    sources: list[str], split: str, limit: int = 0, folds: int = 0, fold: int = 0, limit_of_all: int = 0
) -> CaptionedImages:
    """The captioned pictures of one split, or of one part of `folds`, at most `limit` of each source and
    `limit_of_all` together; 0: all."""
    records = []
    for source in sources:
        found = [r for r in refold(read(source), folds, fold) if r.split == split and r.captions]
        records += at_most(found, limit)
    return load_pixels(at_most(records, limit_of_all), IMAGE_SIZE, crop=False)


@torch.inference_mode()
def grid_features(encoder: ImageEncoder, pixels: Tensor, batch_size: int = 32) -> Tensor:
    """uint8 [M, 3, H, W] → the CNN's cells, float16 [M, N, 1280]."""
    encoder = copy.deepcopy(encoder).fuse().to(memory_format=torch.channels_last)
    rows = []
    for batch in tqdm(pixels.split(batch_size), desc="features", mininterval=10):
        with torch.autocast(encoder.device.type, torch.bfloat16):
            rows.append(encoder(normalize(batch.to(encoder.device))).flatten(2).transpose(1, 2).half().cpu())
    return torch.cat(rows)
