"""CLIPScore (Hessel et al. 2021) by any CLIP model of the Hugging Face Hub, or a folder of one, beside our aligner."""

import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPModel, CLIPProcessor

from pipelines import device, hub
from pipelines.errors import InputError

SCALE = 2.5  # the published rescaling, which spreads usual scores over 0…1
BATCH = 16


class CLIPScore:
    """2.5 · max(cosine, 0) of pictures and texts. Most CLIP models read English only."""

    def __init__(self, name: str):
        folder = hub.local_folder(name, ("alignment",), hub.holds_weights)
        try:
            self.processor = CLIPProcessor.from_pretrained(folder, local_files_only=True)
            self.model = CLIPModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
        except (OSError, ValueError, KeyError) as error:
            raise InputError("model_kind", name=name, task="CLIP scores") from error
        self.model.eval().to(device.device())

    @torch.inference_mode()
    def __call__(self, images: list[Image.Image], texts: list[str]) -> Tensor:
        """The score of each picture and each text: float32 [B, M]. Long texts are cut. Raises InputError for none."""
        if not images or not texts:
            raise InputError("image_missing" if texts else "prompt_empty")
        with device.LOCK:
            rows = []
            for first in range(0, len(images), BATCH):
                inputs = self.processor(
                    text=texts, images=images[first : first + BATCH], return_tensors="pt", padding=True, truncation=True
                )
                output = self.model(**inputs.to(device.device()))
                rows.append(output.image_embeds @ output.text_embeds.T)                    # (B, M), both of length 1
            return SCALE * torch.cat(rows).clamp(min=0).cpu()


def load_clip(name: str) -> CLIPScore:
    return device.get(f"clip/{name}", lambda: CLIPScore(name))
