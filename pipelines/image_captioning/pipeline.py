"""The one call for everything that makes words from pictures. The models stand beside this file."""

import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from pipelines.errors import InputError
from pipelines.numbers import whole
from pipelines.outputs import CaptionOutput, public_name

BUILT_IN = ("lstm", "transformer")
MAX_BEAMS = 10
LANGUAGES = ("en", "zh")


class CaptioningPipeline:
    """A loaded model that describes pictures. See `__call__`."""

    def __init__(self, name: str, model):
        self.name = name
        self.model = model

    def __call__(
        self,
        images: list[Image.Image],
        *,
        num_beams: int = 3,
        num_captions: int = 1,
        language: str = "en",
        on_image: Callable[[int], None] | None = None,
    ) -> list[CaptionOutput]:
        """Describe each of `images` in English ("en") or Chinese ("zh") by beam search.

        `on_image(k)` is called after picture k. Raises InputError for whatever a user can get wrong.
        """
        from pipelines import device

        num_beams = whole(num_beams, "num_beams", 1, MAX_BEAMS)
        num_captions = whole(num_captions, "num_captions", 1, num_beams)
        if language not in LANGUAGES:
            raise InputError("language", value=language)
        outputs = []
        for k, image in enumerate(images):
            if image is None:
                raise InputError("image_missing")
            with device.LOCK:
                start = time.perf_counter()
                captions = self.model.describe([image], num_beams, num_captions, language)[0]
                seconds = time.perf_counter() - start
            outputs.append(CaptionOutput(**captions, model=self.name, language=language, seconds=seconds))
            if on_image is not None:
                on_image(k)
        return outputs


def load_captioner(name: str = "transformer") -> CaptioningPipeline:
    """The captioner called `name`: a built-in model, a folder, or a Hugging Face Hub id.

    Raises InputError where there is no such model, where its weights are missing or damaged, or where the Hub is needed
    and can't be reached.
    """
    from pipelines import checkpoint, device

    if name in BUILT_IN or (Path(name) / checkpoint.CHECKSUMS).is_file():
        from pipelines.image_captioning.own import OwnCaptioner

        folder = checkpoint.WEIGHTS / name if name in BUILT_IN else Path(name)
        model = device.get(f"captioner/{name}", lambda: OwnCaptioner(folder))
    else:
        from pipelines.image_captioning.pretrained import PretrainedCaptioner

        model = device.get(f"captioner/{name}", lambda: PretrainedCaptioner(name, BUILT_IN))
    return CaptioningPipeline(public_name(name), model)
