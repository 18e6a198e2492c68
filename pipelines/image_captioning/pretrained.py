"""Any pretrained captioner of the Hugging Face Hub, or a folder of one: BLIP, GIT and their like."""

import math
from pathlib import Path

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from pipelines import device
from pipelines.errors import InputError

MAX_WORDS = 30


class PretrainedCaptioner:
    """A pretrained model with its own processor. It writes the language it was trained on and gives no attention."""

    languages = ()  # none that could be chosen

    def __init__(self, folder: Path, name: str):
        try:
            self.processor = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            self.model = AutoModelForImageTextToText.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
            )
        except (OSError, ValueError, KeyError) as error:
            raise InputError("model_kind", name=name, task="image captioning") from error
        self.model.eval().to(device.device())

    @torch.inference_mode()
    def describe(
        self, images: list[Image.Image], num_beams: int, num_captions: int, language: str, top_p: float = 0.0
    ) -> list[dict]:
        """For each picture its captions, tokens and probabilities, as `CaptionOutput` names them."""
        pictures = []
        sampling = {"do_sample": True, "top_k": 0, "top_p": top_p} if top_p else {"do_sample": False}
        for image in images:
            inputs = self.processor(images=image, return_tensors="pt").to(device.device())
            output = self.model.generate(
                **inputs, num_beams=num_beams, num_return_sequences=num_captions, max_new_tokens=MAX_WORDS,
                no_repeat_ngram_size=3, return_dict_in_generate=True, output_scores=True, **sampling,
            )  # fmt: skip
            scores = self.model.compute_transition_scores(
                output.sequences, output.scores, getattr(output, "beam_indices", None), normalize_logits=num_beams == 1
            )
            captions = [self.read(ids, row) for ids, row in zip(output.sequences, scores.tolist(), strict=True)]
            names = ("captions", "tokens", "probabilities")
            pictures.append(dict(zip(names, map(list, zip(*captions, strict=True)), strict=True)) | {"attention": []})
        return pictures

    def read(self, ids: torch.Tensor, scores: list[float]) -> tuple[str, list[str], list[float]]:
        """One caption, its tokens and their probabilities: the ids that were generated, special ones left out."""
        tokenizer = self.processor.tokenizer
        generated = ids[-len(scores) :].tolist()
        kept = [(k, s) for k, s in zip(generated, scores, strict=True) if k not in tokenizer.all_special_ids]
        tokens = [tokenizer.decode([k]).strip() for k, _ in kept]
        caption = tokenizer.decode([k for k, _ in kept], skip_special_tokens=True).strip()
        return caption, tokens, [min(1.0, math.exp(s)) for _, s in kept]
