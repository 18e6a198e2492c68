"""The one call for everything that makes words from pictures. The models stand beside this file."""

import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from pipelines.errors import InputError
from pipelines.languages import language_of
from pipelines.numbers import MAX_SEED, real, whole
from pipelines.outputs import CaptionOutput, public_name

BUILT_IN = ("lstm", "transformer")
MAX_BEAMS = 10
LEAST_TOP_P = 0.01
LANGUAGES = ("en", "zh")


class CaptioningPipeline:
    """A loaded model that describes pictures. See `__call__`."""

    def __init__(self, name: str, model):
        self.name = name
        self.model = model

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that can be chosen; () where the model has one of its own."""
        return self.model.languages

    def __call__(
        self,
        images: list[Image.Image],
        *,
        num_beams: int = 3,
        num_captions: int = 1,
        language: str = "en",
        top_p: float | None = None,
        seed: int = 0,
        on_image: Callable[[int], None] | None = None,
    ) -> list[CaptionOutput]:
        """Describe each of `images` in English ("en") or Chinese ("zh"), or in the one language that the model has.

        By beam search; or with `top_p`, 0…1, by nucleus sampling (Holtzman et al. 2020): every word is drawn from the
        most probable ones that together reach `top_p`, and `seed` decides the draws of each picture. `on_image(k)` is
        called after picture k. Raises InputError for whatever a user can get wrong.
        """
        import torch

        from pipelines import device

        sampled = top_p is not None
        num_beams = 1 if sampled else whole(num_beams, "num_beams", 1, MAX_BEAMS)
        num_captions = whole(num_captions, "num_captions", 1, MAX_BEAMS if sampled else num_beams)
        top_p = real(top_p, "top_p", LEAST_TOP_P, 1) if sampled else 0.0
        seed = whole(seed, "seed", 0, MAX_SEED)
        if language not in LANGUAGES:
            raise InputError("language", value=language)
        outputs = []
        for k, image in enumerate(images):
            if image is None:
                raise InputError("image_missing")
            with device.LOCK, torch.random.fork_rng():
                torch.manual_seed(seed)
                start = time.perf_counter()
                captions = self.model.describe([image], num_beams, num_captions, language, top_p)[0]
                seconds = time.perf_counter() - start
            spoken = language if self.languages else language_of(captions["captions"][0])
            outputs.append(CaptionOutput(**captions, model=self.name, language=spoken, seconds=seconds))
            if on_image is not None:
                on_image(k)
        return outputs


def load_captioner(
    name: str = "transformer", on_download: Callable[[int, int], None] | None = None
) -> CaptioningPipeline:
    """The captioner called `name`: a built-in model, a folder, or a Hugging Face Hub id (`id@revision` pins a version).
    `on_download(bytes done, bytes in all)` follows a download.

    Raises InputError where there is no such model, where its weights are missing or damaged, or where the Hub is needed
    and can't be reached.
    """
    from pipelines import checkpoint, device

    if name in BUILT_IN or (Path(name) / checkpoint.CHECKSUMS).is_file():
        from pipelines.image_captioning.own import OwnCaptioner

        folder = checkpoint.WEIGHTS / name if name in BUILT_IN else Path(name)
        model = device.get(f"captioner/{name}", lambda: OwnCaptioner(folder))
    else:
        from pipelines import hub
        from pipelines.image_captioning.pretrained import PretrainedCaptioner

        folder = hub.local_folder(name, BUILT_IN, hub.holds_weights, on_download)
        model = device.get(f"captioner/{name}", lambda: PretrainedCaptioner(folder, name), device.size_on_disk(folder))
    return CaptioningPipeline(public_name(name), model)
