"""What both captioners share: the CNN whose grid they read, the words, and the hooks of transformers' `generate()`.

B captions, T tokens, N cells of the grid (7 × 7), D decoder width, V vocabulary.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

from pipelines.image_encoder import GRID_CHANNELS, ImageEncoder, ImageEncoderConfig


class CaptionerConfig(PreTrainedConfig):
    model_type = "tuwen-captioner"

    def __init__(
        self,
        decoder_type: str = "transformer",
        vocab_size: int = 8000,
        width: int = 320,
        num_layers: int = 3,
        num_heads: int = 5,
        dropout: float = 0.2,
        grid_size: int = 7,
        max_positions: int = 40,
        **kwargs,
    ):
        super().__init__(**{"is_encoder_decoder": True, "pad_token_id": 0, "eos_token_id": 1, **kwargs})
        self.decoder_type = decoder_type  # "lstm" or "transformer"
        self.vocab_size = vocab_size
        self.width = width
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.dropout = dropout
        self.grid_size = grid_size
        self.max_positions = max_positions


@dataclass
class DecodingState:
    """What a decoder remembers between steps: tensors whose first axis is the caption, and the number of steps."""

    tensors: list[Tensor] = field(default_factory=list)
    length: int = 0
    is_compileable = False

    def get_seq_length(self) -> int:
        return self.length

    def reorder_cache(self, beams: Tensor) -> None:
        """Keep, for every caption, the state of the beam that it went on from."""
        self.tensors = [x.index_select(0, beams) for x in self.tensors]


class Captioner(PreTrainedModel, GenerationMixin):
    """Pictures, ImageNet-normalised [B, 3, H, W], and the words so far [B, T] → logits of the next words [B, T, V].

    Subclasses define `decode`.
    """

    config_class = CaptionerConfig
    main_input_name = "pixel_values"

    def __init__(self, config: CaptionerConfig):
        super().__init__(config)
        self.image_encoder = ImageEncoder(ImageEncoderConfig(num_classes=0, image_size=32 * config.grid_size))
        self.read = nn.Sequential(
            nn.LayerNorm(GRID_CHANNELS), nn.Linear(GRID_CHANNELS, config.width), nn.GELU(), nn.Dropout(config.dropout)
        )
        self.cell_position = nn.Parameter(0.02 * torch.randn(config.grid_size**2, config.width))
        self.embed = nn.Embedding(config.vocab_size, config.width)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.embed.weight, std=0.04)

    def _init_weights(self, module: nn.Module) -> None:
        """Torch's own initialisation stands."""

    def decode(
        self, ids: Tensor, memory: Tensor, state: DecodingState | None, explain: bool = False
    ) -> tuple[Tensor, Tensor | None, DecodingState]:
        """ids [B, T], memory [B, N, D], what came before → hidden [B, T, D], where every token looked [B, T, N] (sure
        to be there only if `explain`), what to remember.

        Memory may have fewer rows than ids: the captions of one picture then stand next to each other and share it.
        """
        raise TypeError(f"{type(self).__name__} has no decoder: use LSTMCaptioner or TransformerCaptioner")

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        return self.encode_pictures

    def encode_pictures(self, pixel_values: Tensor, **_) -> BaseModelOutput:
        return BaseModelOutput(self.memory(self.grid(pixel_values)))

    def grid(self, pixel_values: Tensor) -> Tensor:
        """The CNN's cells, row by row: [B, N, 1280]."""
        return self.image_encoder(pixel_values).flatten(2).transpose(1, 2)

    def memory(self, grid: Tensor) -> Tensor:
        return self.read(grid.to(self.cell_position.dtype)) + self.cell_position  # (B, N, D)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        encoder_outputs: BaseModelOutput | None = None,
        past_key_values: DecodingState | None = None,
        output_attentions: bool = False,
        **_,
    ) -> Seq2SeqLMOutput:
        memory = (encoder_outputs or self.encode_pictures(pixel_values))[0]
        hidden, attention, state = self.decode(decoder_input_ids, memory, past_key_values, output_attentions)
        logits = F.linear(hidden, self.embed.weight)                           # (B, T, V): words read and written alike
        return Seq2SeqLMOutput(logits=logits, past_key_values=state, cross_attentions=(attention,))

    def prepare_inputs_for_generation(self, input_ids: Tensor, past_key_values=None, encoder_outputs=None, **_) -> dict:
        last = input_ids if past_key_values is None else input_ids[:, -1:]
        return {"decoder_input_ids": last, "past_key_values": past_key_values, "encoder_outputs": encoder_outputs}

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False  # `decode` makes its own DecodingState
