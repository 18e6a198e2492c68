"""The captioners' shared vocabulary: English words, Chinese characters, and for each language a token to start with."""

import re
from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pipelines.languages import HAN_RANGES

LANGUAGES = {"en": "<en>", "zh": "<zh>"}
SPECIAL = ["<pad>", "</s>", "<unk>", *LANGUAGES.values()]
WORD = re.compile(f"[a-z0-9']+|[{HAN_RANGES}]")


def words(caption: str) -> list[str]:
    """Lower-case English words and single Chinese characters, without punctuation."""
    return WORD.findall(caption.lower().replace("’", "'"))


def build_tokenizer(captions: Iterable[str], min_count: int) -> PreTrainedTokenizerFast:
    """A vocabulary of what occurs at least `min_count` times."""
    counts = Counter(word for caption in captions for word in words(caption))
    vocabulary = SPECIAL + sorted(word for word, count in counts.items() if count >= min_count)
    tokenizer = Tokenizer(models.WordLevel({word: k for k, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(handle_chinese_chars=True, lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        additional_special_tokens=list(LANGUAGES.values()),
    )  # fmt: skip


def encode(tokenizer: PreTrainedTokenizerFast, caption: str, language: str, max_length: int) -> list[int]:
    """Token ids from the language's token to the end token, at most `max_length`."""
    ids = tokenizer.convert_tokens_to_ids([LANGUAGES[language], *words(caption)[: max_length - 2]])
    return [*ids, tokenizer.eos_token_id]


def join(tokens: list[str], language: str) -> str:
    """Words to a sentence: English is spaced, Chinese is not."""
    return (" " if language == "en" else "").join(tokens)
