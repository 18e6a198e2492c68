"""A few pretrained captioners of the Hugging Face Hub that are worth having beside the shipped ones."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Suggestion:
    """`gigabytes`: what a download takes, about; `languages`: of its captions."""

    gigabytes: float
    licence: str
    languages: str
    note: str


SUGGESTIONS = {
    "microsoft/git-large-coco": Suggestion(1.6, "MIT", "en", "git"),
    "Salesforce/blip-image-captioning-large": Suggestion(1.9, "BSD-3-Clause", "en", "blip"),
}
