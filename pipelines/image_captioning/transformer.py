"""CNN + transformer decoder (Vaswani et al. 2017), normalised before each sublayer, with cached keys and values.

B captions, T tokens, P tokens that came before, N cells, D width, H heads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.image_captioning.model import Captioner, CaptionerConfig, DecodingState


class Attention(nn.Module):
    """Multi-head attention whose keys and values are handed in, so that they can be cached."""

    def __init__(self, width: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)               # (B, H, T, D/H)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.key_value(x).chunk(2, -1)
        return self.heads(keys), self.heads(values)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        y = F.scaled_dot_product_attention(self.heads(self.query(x)), keys, values, attn_mask=mask)
        return self.output(y.transpose(1, 2).flatten(2))                           # (B, T, D)

    def weights(self, x: Tensor, keys: Tensor) -> Tensor:
        """Where each token looks, the mean over the heads: [B, T, N]."""
        query = self.heads(self.query(x)) * keys.shape[-1] ** -0.5
        return (query @ keys.transpose(2, 3)).float().softmax(-1).mean(1)


class DecoderLayer(nn.Module):
    def __init__(self, config: CaptionerConfig):
        super().__init__()
        width = config.width
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.words = Attention(width, config.num_heads)
        self.picture = Attention(width, config.num_heads)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 3 * width), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(3 * width, width)
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, mask: Tensor | None, past: list[Tensor], explain: bool
    ) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        """x [B, T, D]; past: keys and values of the words before, and of the picture. `explain`: where each looks."""
        keys, values, picture_keys, picture_values = past
        y = self.norms[0](x)
        new_keys, new_values = self.words.keys_values(y)
        keys, values = torch.cat([keys, new_keys], 2), torch.cat([values, new_values], 2)  # (B, H, P + T, D/H)
        x = x + self.dropout(self.words(y, keys, values, mask))
        y = self.norms[1](x)
        attention = self.picture.weights(y, picture_keys) if explain else None             # (B, T, N)
        x = x + self.dropout(self.picture(y, picture_keys, picture_values))
        x = x + self.dropout(self.feed_forward(self.norms[2](x)))
        return x, attention, [keys, values, picture_keys, picture_values]


class TransformerCaptioner(Captioner):
    def __init__(self, config: CaptionerConfig):
        super().__init__(config)
        self.word_position = nn.Embedding(config.max_positions, config.width)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.width)
        nn.init.normal_(self.word_position.weight, std=0.02)
        self.post_init()

    def decode(
        self, ids: Tensor, memory: Tensor, state: DecodingState | None, explain: bool = False
    ) -> tuple[Tensor, Tensor | None, DecodingState]:
        if state is None:
            captions = len(ids) // len(memory)
            state = DecodingState([x for layer in self.layers for x in self.before_words(layer, memory, captions)])
        past, num_tokens = state.length, ids.shape[1]
        positions = torch.arange(past, past + num_tokens, device=ids.device)
        x = self.dropout(self.embed(ids) + self.word_position(positions))                  # (B, T, D)
        mask = None
        if num_tokens > 1:
            mask = torch.ones(num_tokens, past + num_tokens, dtype=torch.bool, device=ids.device).tril(past)
        tensors = []
        for k, layer in enumerate(self.layers):
            last = layer is self.layers[-1]
            x, attention, kept = layer(x, mask, state.tensors[4 * k : 4 * k + 4], explain and last)
            tensors += kept
        return self.norm(x), attention, DecodingState(tensors, past + num_tokens)

    @staticmethod
    def before_words(layer: DecoderLayer, memory: Tensor, captions: int) -> list[Tensor]:
        """Keys and values before the first word: none of words, all of the picture."""
        picture = [x.repeat_interleave(captions, 0) for x in layer.picture.keys_values(memory)]
        return [x[:, :, :0] for x in picture] + picture
