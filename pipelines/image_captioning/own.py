"""Our own captioners at work: pictures in, the most probable captions out, with each word's probability and place.

B captions, T tokens, N cells of the grid.
"""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerFast
from transformers.modeling_outputs import BaseModelOutput

from pipelines import checkpoint, device
from pipelines.image_captioning import tokenizer as vocabulary
from pipelines.image_captioning.lstm import LSTMCaptioner
from pipelines.image_captioning.model import Captioner, CaptionerConfig
from pipelines.image_captioning.transformer import TransformerCaptioner
from pipelines.images import normalize, to_uint8

DECODERS: dict[str, type[Captioner]] = {"lstm": LSTMCaptioner, "transformer": TransformerCaptioner}
MAX_WORDS = {"en": 22, "zh": 30}


class OwnCaptioner:
    """A captioner of ours with its tokenizer, from its checkpoint folder."""

    languages = tuple(vocabulary.LANGUAGES)

    def __init__(self, folder: Path):
        checkpoint.verify(folder, folder.name)
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        decoder = DECODERS[CaptionerConfig.from_pretrained(folder, local_files_only=True).decoder_type]
        self.model = decoder.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self.model.image_encoder.fuse().to(memory_format=torch.channels_last)
        self.model.eval().to(device.device(), device.dtype())  # cast once: autocast would cast again at every word

    @torch.inference_mode()
    def describe(
        self, images: list[Image.Image], num_beams: int, num_captions: int, language: str, top_p: float = 0.0
    ) -> list[dict]:
        """For each picture its captions, tokens, probabilities and attention, as `CaptionOutput` names them."""
        size = 32 * self.model.config.grid_size
        pixels = normalize(to_uint8(images, size, crop=False).to(device.device())).to(self.model.dtype)
        memory = self.model.memory(self.model.grid(pixels))                                    # (B, N, D)
        ids = generate(
            self.model, self.tokenizer, memory, num_beams, num_captions, language, top_p=top_p
        )                                                                                      # (B, T)
        return self.explain(memory, ids, num_captions, language)

    def explain(self, memory: Tensor, ids: Tensor, num_captions: int, language: str) -> list[dict]:
        """Read the finished captions once more, for the probability of every word and where it was found."""
        output = self.model(decoder_input_ids=ids[:, :-1], encoder_outputs=(memory,), output_attentions=True)
        words = ids[:, 1:]                                                                     # (B, T - 1)
        probability = output.logits.float().softmax(-1).gather(2, words[..., None])[..., 0]    # (B, T - 1)
        side = self.model.config.grid_size
        attention = output.cross_attentions[0].float().unflatten(2, (side, side)).cpu().numpy()
        rows = []
        for b, row in enumerate(words.tolist()):
            length = row.index(self.tokenizer.eos_token_id) if self.tokenizer.eos_token_id in row else len(row)
            tokens = self.tokenizer.convert_ids_to_tokens(row[:length])
            rows.append((
                vocabulary.join(tokens, language), tokens, probability[b, :length].tolist(), attention[b, :length]
            ))  # fmt: skip
        pictures = [rows[k : k + num_captions] for k in range(0, len(rows), num_captions)]
        names = ("captions", "tokens", "probabilities", "attention")
        return [dict(zip(names, map(list, zip(*captions, strict=True)), strict=True)) for captions in pictures]


def generate(
    model: Captioner,
    tokenizer: PreTrainedTokenizerFast,
    memory: Tensor,
    num_beams: int,
    num_captions: int,
    language: str,
    top_k: int = 0,
    top_p: float = 0.0,
) -> Tensor:
    """`num_captions` captions of each row of memory [B, N, D]: ids [B · num_captions, T], the language's token first.

    Beam search, or draws from the `top_k` most probable words at each place, or from the most probable ones that
    together reach `top_p` (nucleus sampling, Holtzman et al. 2020); all are transformers'.
    """
    sampling = {"do_sample": True, "top_k": top_k, "top_p": top_p or 1.0} if top_k or top_p else {"do_sample": False}
    languages = tokenizer.convert_tokens_to_ids(list(vocabulary.LANGUAGES.values()))
    return model.generate(
        encoder_outputs=BaseModelOutput(memory),
        decoder_start_token_id=tokenizer.convert_tokens_to_ids(vocabulary.LANGUAGES[language]),
        num_beams=num_beams,
        num_return_sequences=num_captions,
        max_new_tokens=MAX_WORDS[language] + 1,
        no_repeat_ngram_size=0 if top_k else 3,  # captions must not loop
        suppress_tokens=[tokenizer.unk_token_id, tokenizer.pad_token_id, *languages],
        early_stopping=num_beams > 1,
        **sampling,
    )
