"""The one call for everything that makes pictures from words: checks, seeds, time. The models stand beside it."""

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from pipelines.errors import InputError
from pipelines.numbers import MAX_SEED, whole
from pipelines.outputs import TextToImageOutput, public_name
from pipelines.text_to_image.steps import OnStep

FOLLOW_WORDS = ("gan", "diffusion")
BUILT_IN = (*FOLLOW_WORDS, "mlp-gan")  # the last one is a lesson: it draws what it was trained on
SCHEDULERS = ("euler", "heun")  # of the model diffusion
MAX_IMAGES = 64


def known_scheduler(name: str) -> str:
    """`name`, if it is one of SCHEDULERS. Raises InputError."""
    if name not in SCHEDULERS:
        raise InputError("scheduler", value=name, known=", ".join(SCHEDULERS))
    return name


class TextToImagePipeline:
    """A loaded model that makes pictures. See `__call__`."""

    def __init__(self, name: str, model, model_hash: str = ""):
        self.name = name
        self.model = model
        self.model_hash = model_hash

    @property
    def defaults(self) -> dict:
        """The settings that this model has, with what they are when nothing is said."""
        return self.model.defaults

    def __call__(
        self,
        prompt: str,
        *,
        negative_prompt: str | None = None,
        num_images: int = 1,
        seed: int | None = None,
        guidance_scale: float | None = None,
        num_inference_steps: int | None = None,
        scheduler: str | None = None,
        size: int | None = None,
        on_step: OnStep | None = None,
    ) -> TextToImageOutput:
        """Make `num_images` pictures of `prompt`, English or Chinese.

        Picture k is decided by `seed + k`, whatever the number of pictures; `seed=None` draws one. Settings left None
        are the model's own. `on_step` is called after each step and may end the run by raising `Stopped`. Raises
        InputError for whatever a user can get wrong.
        """
        from pipelines import device

        num_images = whole(num_images, "num_images", 1, MAX_IMAGES)
        seed = secrets.randbelow(MAX_SEED + 1) if seed is None else whole(seed, "seed", 0, MAX_SEED)
        given = {
            "negative_prompt": negative_prompt,
            "guidance_scale": guidance_scale,
            "num_inference_steps": num_inference_steps,
            "scheduler": scheduler,
            "size": size,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if unknown := sorted(given.keys() - self.defaults.keys()):
            raise InputError("setting_unknown", model=self.name, setting=unknown[0])
        cleaned = self.model.clean(prompt)
        settings = self.model.check(**{**self.defaults, **given})
        seeds = [(seed + k) % (MAX_SEED + 1) for k in range(num_images)]
        with device.LOCK:
            unknown_words = self.model.unknown_words(cleaned)
            start = time.perf_counter()
            with device.measured() as peak:
                images = device.in_memory(lambda part: self.model.generate(cleaned, part, on_step, **settings), seeds)
            seconds = time.perf_counter() - start
        withheld = [seed for seed, image in zip(seeds, images, strict=True) if image is None]
        images = [image or withheld_picture() for image in images]
        used = {"prompt": cleaned, "unknown_words": unknown_words, "withheld": withheld, **settings}
        follows = self.model.follows_words
        return TextToImageOutput(images, seeds, self.name, seconds, peak(), self.model_hash, used, follows)


def withheld_picture() -> Image.Image:
    """In the place of a picture that a model's own safety checker withheld: plain grey, which no model makes."""
    return Image.new("RGB", (64, 64), "#808080")


def load_text_to_image(name: str = "gan", on_download: Callable[[int, int], None] | None = None) -> TextToImagePipeline:
    """The pipeline called `name`: a built-in model, a folder with a model of the same kind or with a `diffusers`
    pipeline, or a Hugging Face Hub id (`id@revision` pins a version). `on_download(bytes done, bytes in all)` follows
    a download.

    Raises InputError where there is no such model, where its weights are missing or damaged, or where the Hub is needed
    and can't be reached.
    """
    from pipelines import checkpoint, device

    folder = checkpoint.WEIGHTS / name if name in BUILT_IN else Path(name)
    if name in BUILT_IN or (folder / checkpoint.CHECKSUMS).is_file():

        def load():
            return own_model(folder)
    else:
        from pipelines.text_to_image.pretrained import PretrainedModel, local_pipeline

        folder = local_pipeline(name, BUILT_IN, on_download)

        def load():
            if device.ZERO_GPU:
                from pipelines.text_to_image.zero_gpu import LentGPUModel

                return LentGPUModel(folder, name)
            return PretrainedModel(folder, name)

    model = device.get(f"text-to-image/{name}", load, device.size_on_disk(folder))
    own = (folder / checkpoint.CHECKSUMS).is_file()
    return TextToImagePipeline(public_name(name), model, checkpoint.weights_hash(folder) if own else "")


def own_model(folder: Path):
    """The model of ours in a folder whose files are whole, by what its configuration says. Raises InputError."""
    from pipelines import checkpoint
    from pipelines.text_to_image.diffusion import DiffusionModel
    from pipelines.text_to_image.gan import GANModel
    from pipelines.text_to_image.mlp_gan import MLPGANModel, MLPGenerator

    if "model_index.json" in checkpoint.verify(folder, folder.name):
        return DiffusionModel(folder)
    lesson = json.loads((folder / "config.json").read_text())["_class_name"] == MLPGenerator.__name__
    return MLPGANModel(folder) if lesson else GANModel(folder)
