"""How well a picture and words match, as a calibrated probability: two small heads over the shared encoders, trained to
find each other (CLIP: Radford et al. 2021).

B pictures, N cells of the CNN's grid, M texts, T tokens, W width of the heads, E width of the common space.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from PIL import Image
from torch import Tensor, nn

from pipelines import checkpoint, device
from pipelines.errors import InputError
from pipelines.image_encoder import GRID_CHANNELS, look
from pipelines.text_encoder import clean_prompt, load_prompt_encoder

BATCH = 16


class AttentionPool(nn.Module):
    """A few learned queries look over a sequence; what each finds is put together: [B, T, W] → [B, queries · W]."""

    def __init__(self, width: int, num_queries: int = 4):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(num_queries, width) * 0.02)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        scores = self.queries @ self.key(x).transpose(1, 2) / x.shape[2] ** 0.5     # (B, queries, T)
        if mask is not None:
            scores = scores.masked_fill(~mask.bool()[:, None], -torch.inf)
        return (scores.softmax(-1) @ self.value(x)).flatten(1)                      # (B, queries · W)


class Aligner(ModelMixin, ConfigMixin):
    """Grids of pictures [B, N, 1280] and token vectors of texts [M, T, W'] → logits [B, M] of "these match"."""

    @register_to_config
    def __init__(
        self, width: int = 256, space: int = 256, token_size: int = 256, dropout: float = 0.1, text_encoder: str = "",
        image_encoder: str = "",
    ):  # fmt: skip
        super().__init__()
        self.cell = nn.Sequential(nn.Linear(GRID_CHANNELS, width), nn.LayerNorm(width), nn.Dropout(dropout))
        self.look = AttentionPool(width)
        self.picture = nn.Sequential(
            nn.Linear(5 * width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, space)
        )
        layer = nn.TransformerEncoderLayer(
            token_size, max(1, token_size // 64), 2 * token_size, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.tokens = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.read = AttentionPool(token_size)
        self.text = nn.Linear(4 * token_size, space)
        self.scale = nn.Parameter(torch.tensor(3.0))     # exp(3) = 20; CLIP starts at 14
        # logits become probabilities under even odds by a line fitted on held-out pairs (Platt 1999)
        self.register_buffer("calibration", torch.tensor([1.0, 0.0]))

    def forward(self, grid: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Both embeddings, as training needs them: [B, E] and [M, E]."""
        return self.embed_pictures(grid), self.embed_texts(tokens, mask)

    def embed_pictures(self, grid: Tensor) -> Tensor:
        """[B, N, 1280] → unit vectors [B, E]."""
        cells = self.cell(grid)                                                     # (B, N, W)
        pooled = torch.cat([self.look(cells), cells.mean(1)], 1)                    # (B, 5W)
        return F.normalize(self.picture(pooled).float(), dim=1)

    def embed_texts(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Token vectors [M, T, W'] with their mask [M, T] → unit vectors [M, E]."""
        tokens = self.tokens(tokens, src_key_padding_mask=~mask.bool())             # (M, T, W')
        return F.normalize(self.text(self.read(tokens, mask)).float(), dim=1)

    def logits(self, pictures: Tensor, texts: Tensor) -> Tensor:
        """The scaled cosines of unit vectors [B, E] and [M, E]: [B, M]."""
        return self.scale.exp() * pictures @ texts.T

    def probabilities(self, logits: Tensor) -> Tensor:
        slope, shift = self.calibration.float()
        return torch.sigmoid(slope * logits + shift)


class AlignmentPipeline:
    """The shipped aligner with the encoders that it was trained on. See `__call__`."""

    def __init__(self, folder: Path):
        checkpoint.verify(folder, folder.name)
        self.aligner = Aligner.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self.aligner.eval().to(device.device())
        for name in ("text-encoder", "image-encoder"):
            trained_beside = self.aligner.config[name.replace("-", "_")]
            if trained_beside != checkpoint.weights_hash(checkpoint.WEIGHTS / name):
                raise InputError("weights_mismatch", name=folder.name, other=name)

    @torch.inference_mode()
    def embed_pictures(self, images: list[Image.Image]) -> Tensor:
        """Unit vectors [B, E]."""
        rows = []
        for first in range(0, len(images), BATCH):
            grid = look(images[first : first + BATCH]).flatten(2).transpose(1, 2)       # (B, N, 1280)
            with device.autocast():
                rows.append(self.aligner.embed_pictures(grid))
        return torch.cat(rows)

    @torch.inference_mode()
    def embed_texts(self, texts: list[str]) -> Tensor:
        """Unit vectors [M, E]."""
        encoder = load_prompt_encoder()
        rows = []
        for first in range(0, len(texts), 8 * BATCH):
            tokens, mask, _ = encoder(texts[first : first + 8 * BATCH])
            with device.autocast():
                rows.append(self.aligner.embed_texts(tokens, mask))
        return torch.cat(rows)

    @torch.inference_mode()
    def match(self, pictures: Tensor, texts: Tensor) -> Tensor:
        """The probability of each pair of unit vectors [B, E] and [M, E]: float32 [B, M]."""
        return self.aligner.probabilities(self.aligner.logits(pictures, texts)).cpu()

    def __call__(self, images: list[Image.Image], texts: list[str]) -> Tensor:
        """The probability that each picture and each text match, float32 [B, M], were both equally likely at first.

        Texts are English or Chinese. Raises InputError for an empty list and for texts that can't be read.
        """
        if not images or any(image is None for image in images):
            raise InputError("image_missing")
        cleaned = [clean_prompt(text) for text in texts]
        if not cleaned:
            raise InputError("prompt_empty")
        with device.LOCK:
            return self.match(self.embed_pictures(images), self.embed_texts(cleaned))


def load_aligner(name: str = "alignment") -> AlignmentPipeline:
    """The shipped aligner, or one trained by the same code in the folder `name`."""
    folder = checkpoint.WEIGHTS / name if name == "alignment" else Path(name)
    return device.get(f"alignment/{name}", lambda: AlignmentPipeline(folder), device.size_on_disk(folder))
