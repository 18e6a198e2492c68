"""The two languages of prompts and captions, told apart by their characters."""

import re

HAN_RANGES = "\u3400-\u4dbf\u4e00-\u9fff"  # of a regular expression's character class
HAN = re.compile(f"[{HAN_RANGES}]")


def language_of(text: str) -> str:
    """"zh" where `text` holds a Chinese character, else "en"."""
    return "zh" if HAN.search(text) else "en"
