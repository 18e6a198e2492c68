"""What the project's own generators share: the prompt encoder that they were trained beside."""

from pathlib import Path

from pipelines.errors import InputError
from pipelines.text_encoder import PromptEncoder, clean_prompt, load_prompt_encoder


class OwnGenerator:
    """Prompts are English or Chinese, and read by the shipped encoder, which must be the one of the training."""

    follows_words = True

    def __init__(self, folder: Path, text_encoder: str):
        if text_encoder != self.encoder.hash:
            raise InputError("weights_mismatch", name=folder.name, other="text-encoder")

    @property
    def encoder(self) -> PromptEncoder:
        return load_prompt_encoder()

    def clean(self, prompt: str) -> str:
        return clean_prompt(prompt)

    def unknown_words(self, prompt: str) -> list[str]:
        return self.encoder.unknown_words(prompt)
