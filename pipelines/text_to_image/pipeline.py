"""The one call for everything that makes pictures from words: checks, seeds, time. The models stand beside it."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.errors import InputError
from pipelines.numbers import whole
from pipelines.outputs import TextToImageOutput

BUILT_IN = ("gan",)
MAX_IMAGES = 64
MAX_SEED = 2**32 - 1


class TextToImagePipeline:
    """A loaded model that makes pictures. See `__call__`."""

    def __init__(self, name: str, model):
        self.name = name
        self.model = model

    def __call__(
        self,
        prompt: str,
        *,
        negative_prompt: str | None = None,
        num_images: int = 1,
        seed: int | None = None,
        guidance_scale: float | None = None,
        num_inference_steps: int | None = None,
        on_step: Callable | None = None,
    ) -> TextToImageOutput:
        """Make `num_images` pictures of `prompt`, English or Chinese.

        Picture k is decided by `seed + k`, whatever the number of pictures; `seed=None` draws one. Settings left None
        are the model's own. Raises InputError for whatever a user can get wrong.
        """
        from pipelines import device
        from pipelines.text_encoder import clean_prompt

        num_images = whole(num_images, "num_images", 1, MAX_IMAGES)
        seed = secrets.randbelow(MAX_SEED + 1) if seed is None else whole(seed, "seed", 0, MAX_SEED)
        cleaned = clean_prompt(prompt)
        settings = {
            name: value
            for name, value in {
                "negative_prompt": negative_prompt,
                "guidance_scale": guidance_scale,
                "num_inference_steps": num_inference_steps,
                "on_step": on_step,
            }.items()
            if value is not None
        }
        if unknown := sorted(settings.keys() - self.model.settings):
            raise InputError("setting_unknown", model=self.name, setting=unknown[0])
        seeds = [(seed + k) % (MAX_SEED + 1) for k in range(num_images)]
        with device.LOCK:
            unknown_words = self.model.encoder.unknown_words(cleaned)
            start = time.perf_counter()
            images = self.model.generate(cleaned, seeds, **settings)
            seconds = time.perf_counter() - start
        settings.pop("on_step", None)
        used = {"prompt": cleaned, "unknown_words": unknown_words, **settings}
        return TextToImageOutput(images, seeds, self.name, seconds, used)


def load_text_to_image(name: str = "gan") -> TextToImagePipeline:
    """The pipeline called `name`: a built-in model, or a folder with a generator of the same kind.

    Raises InputError where there is no such model or its weights are missing or damaged.
    """
    from pipelines import checkpoint, device
    from pipelines.text_to_image.gan import GANModel

    folder = checkpoint.WEIGHTS / name if name in BUILT_IN else Path(name)
    if name not in BUILT_IN and not folder.is_dir():
        raise InputError("model_unknown", name=name, known=", ".join(BUILT_IN))
    model = device.get(f"text-to-image/{name}", lambda: GANModel(folder))
    return TextToImagePipeline(name, model)
