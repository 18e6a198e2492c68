"""The bilingual caption encoder: a small BERT (Devlin et al. 2019) whose English and Chinese sentence vectors follow
those of all-MiniLM-L6-v2 (distillation across languages: Reimers and Gurevych 2020).

B prompts, T tokens, W hidden width (256), S sentence width (384).
"""

import json
import re
import unicodedata
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertModel, PreTrainedModel, PreTrainedTokenizerFast

from pipelines import checkpoint, device
from pipelines.errors import InputError
from pipelines.languages import HAN

MAX_CHARACTERS = 1000
MAX_TOKENS = 64
LATIN_WORD = re.compile(r"[^\W\d_\u3000-\uffff]{2,}")
KANA_OR_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")


class TextEncoderConfig(BertConfig):
    model_type = "tuwen-text-encoder"

    def __init__(self, sentence_size: int = 384, **kwargs):
        super().__init__(**kwargs)
        self.sentence_size = sentence_size


class TextEncoder(PreTrainedModel):
    """input_ids, attention_mask [B, T] → (token vectors [B, T, W], sentence vector of length 1 [B, S])."""

    config_class = TextEncoderConfig

    def __init__(self, config: TextEncoderConfig):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.projection = nn.Linear(config.hidden_size, config.sentence_size)
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.bert(input_ids, attention_mask).last_hidden_state  # (B, T, W)
        mask = attention_mask[..., None].to(tokens)                      # (B, T, 1)
        mean = (tokens * mask).sum(1) / mask.sum(1)                      # (B, W)
        return tokens, F.normalize(self.projection(mean).float(), dim=1) # (B, T, W), (B, S)


class PromptEncoder:
    """The encoder with its tokenizer: prompts in, vectors out."""

    def __init__(self, folder: Path | None = None):
        folder = folder or checkpoint.WEIGHTS / "text-encoder"
        checkpoint.verify(folder, "text-encoder")
        self.hash = checkpoint.weights_hash(folder)
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        self.words = frozenset(json.loads((folder / "words.json").read_text(encoding="utf-8")))
        self.model = TextEncoder.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self.model.eval().to(device.device())

    @torch.inference_mode()
    def __call__(self, prompts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Prompts → token vectors [B, T, W], attention mask [B, T], sentence vectors [B, S]; float32."""
        batch = self.tokenizer(prompts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        batch = batch.to(device.device())
        tokens, sentence = self.model(batch["input_ids"], batch["attention_mask"])
        return tokens, batch["attention_mask"], sentence

    def unknown_words(self, prompt: str) -> list[str]:
        """The English words that no training sentence held, and the Chinese characters that have no token.

        Raises InputError where they are most of the prompt: it is then in another language.
        """
        words = LATIN_WORD.findall(prompt)
        strange = [w for w in words if w.lower() not in self.words]
        characters = HAN.findall(prompt)
        vocabulary = self.tokenizer.get_vocab()
        strange_characters = [c for c in characters if c not in vocabulary]
        if 2 * len(strange) > len(words) and len(words) > 1 and not characters:
            raise InputError("prompt_language")
        return list(dict.fromkeys(strange + strange_characters))


def load_prompt_encoder() -> PromptEncoder:
    return device.get("text-encoder", PromptEncoder)


def tidy(prompt: str) -> str:
    """`prompt` without control characters, symbols and doubled spaces. Raises InputError where it is too long."""
    if len(prompt) > MAX_CHARACTERS:
        raise InputError("prompt_long", length=len(prompt), limit=MAX_CHARACTERS)
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn", "Cs", "So", "Sk") else c for c in prompt)
    return " ".join(unicodedata.normalize("NFKC", kept).split())


def clean_prompt(prompt: str) -> str:
    """The tidied prompt. Raises InputError where nothing is left, where it is too long, or where it is in neither
    English nor Chinese."""
    kept = tidy(prompt)
    letters = [c for c in kept if c.isalpha()]
    if not letters:
        raise InputError("prompt_empty")
    readable = sum(bool(HAN.match(c)) or "LATIN" in unicodedata.name(c, "") for c in letters)
    if KANA_OR_HANGUL.search(kept) or readable < len(letters) / 2:
        raise InputError("prompt_language")
    return kept
