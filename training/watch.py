"""How good a generator's pictures are while it is trained: their distance from real ones in the CNN's features, which
falls where the losses of a GAN only swing.

N pictures, S sentence width, H × W pixels.
"""

import random
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines import device
from pipelines.image_encoder import ImageEncoder
from pipelines.images import normalize_signed, to_signed
from pipelines.text_encoder import PromptEncoder
from training.data import CaptionedImages, Record
from training.generation_metrics import LEAST_FOR_FID, frechet_distance, kernel_distance

SIZE = 128  # of the pictures that the CNN sees, whatever the generator's
MAX_REAL = 2000
BATCH = 32


class Watch:
    """Pictures of held-out captions, always the same seeds, beside pictures that are trained on."""

    def __init__(
        self, data: CaptionedImages, held_out: list[Record], num_pictures: int, encoder: PromptEncoder,
        cnn: ImageEncoder, image_size: int,
    ):  # fmt: skip
        """Captions are those of `held_out`, or of `data` where that is empty; real pictures are those of `data`."""
        self.cnn = cnn
        rng = random.Random(0)
        captions = [rng.choice(rng.choice(held_out or data.records).captions) for _ in range(num_pictures)]
        self.sentences = encoder(captions)[2] if captions else torch.empty(0)               # (N, S)
        step = -(-len(data) // MAX_REAL)
        margin = (data.pixels.shape[-1] - image_size) // 2
        window = slice(margin, margin + image_size)
        real = data.pixels[::step, :, window, window].split(BATCH) if captions else ()
        self.real = self.features(map(to_signed, real))                                     # (N, 1280)

    @torch.no_grad()
    def features(self, batches: Iterable[Tensor]) -> Tensor:
        """Batches of pictures in −1…1, [N, 3, H, W] each → pooled features [N, 1280]."""
        rows = []
        for images in batches:
            images = F.interpolate(images.float().to(self.cnn.device), (SIZE, SIZE), mode="bilinear", antialias=True)
            with device.autocast():
                rows.append(self.cnn.pooled(normalize_signed(images)).float())
        return torch.cat(rows) if rows else torch.empty(0)

    def look(self, make: Callable[[list[int], Tensor], Tensor]) -> dict[str, float]:
        """The kernel distance of pictures by `make(seeds, sentences [N, S])`, [N, 3, H, W] in −1…1, which is without
        bias for any number of them; and the Fréchet distance where there are enough. Empty where there are none."""
        if min(len(self.sentences), len(self.real)) < 2:
            return {}
        seeds = torch.arange(len(self.sentences)).split(BATCH)
        batches = zip(seeds, self.sentences.split(BATCH), strict=True)
        made = self.features(make(some.tolist(), sentences.to(self.cnn.device)) for some, sentences in batches)
        figures = {"kid": kernel_distance(made, self.real)}
        if min(len(made), len(self.real)) >= LEAST_FOR_FID:
            figures["fid"] = frechet_distance(made, self.real)
        return figures
