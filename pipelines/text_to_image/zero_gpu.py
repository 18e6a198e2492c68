"""Pretrained pipelines on a Space whose GPU is lent for one call at a time (ZeroGPU). They wait on the processor, where
the page and its own small models stay, and make pictures in a process of their own that has the GPU.

Only imported there, where the package `spaces` is installed; before the page is served, so that it is known to ask.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakValueDictionary

import spaces
import torch
from PIL import Image

from pipelines.streams import stream
from pipelines.text_to_image.pretrained import PretrainedModel
from pipelines.text_to_image.steps import OnStep, Step, Stopped

GPU = "cuda"
MOVING, A_STEP, LONGEST = 30, 0.5, 120  # seconds to ask for: once, for each step of a picture, in all
_models: WeakValueDictionary[str, "LentGPUModel"] = WeakValueDictionary()  # the process inherits what is loaded


class LentGPUModel(PretrainedModel):
    """A pipeline that works on the lent GPU."""

    def __init__(self, folder: Path, name: str):
        super().__init__(folder, name)
        self.folder = folder
        _models[name] = self

    def dtype(self) -> torch.dtype:
        return torch.bfloat16

    def generate(
        self, prompt: str, seeds: list[int], on_step: OnStep | None = None, **settings
    ) -> list[Image.Image | None]:
        """As PretrainedModel's. Raises gr.Error, by `spaces`, where no GPU is to be had."""
        images = []
        for news in generate_on_gpu(self.folder, self.name, prompt, seeds, settings):
            if isinstance(news, list):
                images = news
            elif on_step is not None:
                number, total, previews = news
                on_step(Step(number, total, lambda previews=previews: previews))
        return images

    def move(self) -> None:
        """Onto the GPU, and every other one off it."""
        for other in list(_models.values()):
            if other is not self:
                other.pipeline.to("cpu")
        self.pipeline.to(GPU)


def seconds(folder: Path, name: str, prompt: str, seeds: list[int], settings: dict) -> float:
    """How long a call may need the GPU."""
    return min(LONGEST, MOVING + A_STEP * settings["num_inference_steps"] * len(seeds))


@spaces.GPU(duration=seconds)
def generate_on_gpu(folder: Path, name: str, prompt: str, seeds: list[int], settings: dict) -> Iterator[tuple | list]:
    """In the process that has the GPU: each step as (number, total, previews), then the pictures."""
    torch.set_num_threads(1)  # a forked process can't use the OpenMP threads of the one that it was forked from
    model = _models.get(name) or LentGPUModel(folder, name)
    unwanted = threading.Event()

    def work(tell) -> list[Image.Image | None]:
        def on_step(step: Step) -> None:
            if unwanted.is_set():
                raise Stopped
            tell((step.number, step.total, step.preview()))

        model.move()
        return PretrainedModel.generate(model, prompt, seeds, on_step, **settings)

    try:
        yield (yield from stream(work))
    finally:
        unwanted.set()
