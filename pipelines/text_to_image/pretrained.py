"""Any pretrained `diffusers` text-to-image pipeline: a folder of this computer, or a Hugging Face Hub id.

B pictures, C latent channels, H × W latent cells.
"""

import inspect
import json
import re
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoPipelineForText2Image, DiffusionPipeline
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from pipelines import device, hub
from pipelines.errors import InputError
from pipelines.images import to_pil
from pipelines.numbers import real, whole
from pipelines.outputs import short_name
from pipelines.text_to_image.steps import MAX_STEPS, OnStep, Step
from pipelines.text_to_image.suggestions import SUGGESTIONS

MAX_GUIDANCE, MAX_CHARACTERS, LEAST_SIZE, MAX_SIZE = 30.0, 1000, 8, 2048
PREVIEW_CELLS = 16  # latents are shrunk to so many a side before they are decoded for a preview
FEW_STEPS = re.compile(r"turbo|lightning|schnell|lcm|hyper-sd|sprint|dmd", re.IGNORECASE)
PICKLED = {".bin", ".ckpt", ".pt", ".pth", ".pkl"}


def local_pipeline(name: str, built_in: tuple[str, ...], on_download: hub.OnDownload | None = None) -> Path:
    """The folder of the pipeline `name`, checked before anything long begins. Raises InputError."""

    def whole_pipeline(folder: Path) -> bool:
        return (folder / "model_index.json").is_file() and missing_part(folder) is None

    repository = name.partition("@")[0]
    looks_like_path = "\\" in name or name.startswith((".", "/", "~")) or repository.count("/") > 1
    if looks_like_path and not Path(name).is_dir():
        raise InputError("folder_missing", name=name)
    folder = hub.local_folder(name, built_in, whole_pipeline, on_download)
    if not (folder / "model_index.json").is_file():
        raise InputError("pipeline_missing", name=name)
    if problem := missing_part(folder):
        raise InputError(problem[0], name=name, path=problem[1])
    return folder


def missing_part(folder: Path) -> tuple[str, str] | None:
    """Why the pipeline in `folder` can't be loaded, as an error's code and the part that is to blame; None: it can."""
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        parts = [k for k, v in index.items() if isinstance(v, list) and len(v) == 2 and v[0] and not k.startswith("_")]
    except (ValueError, AttributeError):
        return "pipeline_incomplete", "model_index.json"
    for part in parts:
        files = [p.name for p in (folder / part).glob("*")]
        if not files:
            return "pipeline_incomplete", part
        if "config.json" not in files:  # a scheduler, a tokenizer: nothing with weights
            continue
        if not any(name.endswith(".safetensors") for name in files):
            pickled = any(Path(name).suffix in PICKLED for name in files)
            return ("pipeline_pickled" if pickled else "pipeline_incomplete"), part
        for listing in (folder / part).glob("*.safetensors.index*.json"):
            shards = set(json.loads(listing.read_text(encoding="utf-8"))["weight_map"].values())
            if absent := sorted(shards - set(files)):
                return "pipeline_incomplete", f"{part}/{absent[0]}"
    return None


class PretrainedModel:
    """A pipeline with its own settings. It reads the languages that it was trained on."""

    follows_words = True

    def __init__(self, folder: Path, name: str):
        half = any(".fp16." in path.name for path in folder.rglob("*.safetensors"))
        plain = any(".fp16." not in path.name for path in folder.rglob("*/*.safetensors"))
        try:
            self.pipeline: DiffusionPipeline = AutoPipelineForText2Image.from_pretrained(
                folder, dtype=self.dtype(), use_safetensors=True, local_files_only=True,
                variant="fp16" if half and not plain else None,
            )  # fmt: skip
        except (OSError, SafetensorError, RuntimeError, KeyError) as error:
            raise InputError("pipeline_incomplete", name=name, path=str(error).split("\n")[0][:200]) from error
        except (ValueError, AttributeError, TypeError) as error:
            raise InputError("model_kind", name=name, task="text to image") from error
        self.pipeline.set_progress_bar_config(disable=True)
        self.place(device.size_of(self.pipeline))
        self.name = name
        self.parameters = inspect.signature(self.pipeline.__call__).parameters
        self.defaults = self.own_defaults()

    def dtype(self) -> torch.dtype:
        return device.dtype()

    def place(self, num_bytes: int) -> None:
        """Onto the device; part by part where it is a GPU too small for the whole, in slices where memory is short."""
        free = device.free_bytes()
        if device.device().type == "cuda" and num_bytes > device.BUDGET_SHARE * free:
            self.pipeline.enable_model_cpu_offload()
        else:
            self.pipeline.to(device.device())
        if free < 2 * num_bytes:
            self.pipeline.enable_attention_slicing()
            if hasattr(vae := getattr(self.pipeline, "vae", None), "enable_slicing"):
                vae.enable_slicing()

    def own_defaults(self) -> dict:
        """Steps, guidance and size that fit this model: those suggested for its id, few steps without guidance for a
        distilled one, else those of the pipeline itself."""
        signature = {k: p.default for k, p in self.parameters.items()}
        steps, guidance = signature.get("num_inference_steps", 50), signature.get("guidance_scale")
        scheduler = type(self.pipeline.scheduler).__name__
        if suggestion := SUGGESTIONS.get(self.name):
            steps, guidance = suggestion.num_inference_steps, suggestion.guidance_scale
        elif scheduler in ("LCMScheduler", "TCDScheduler") or FEW_STEPS.search(short_name(self.name)):
            steps, guidance = 4, 0.0
        defaults = {"num_inference_steps": steps, "size": self.own_size()}
        if "guidance_scale" in signature:
            defaults["guidance_scale"] = guidance
        if "negative_prompt" in signature:
            defaults["negative_prompt"] = ""
        return defaults

    @property
    def network(self) -> torch.nn.Module:
        return getattr(self.pipeline, "unet", None) or self.pipeline.transformer

    @property
    def scale(self) -> int:
        """Pixels a side of one latent cell."""
        return getattr(self.pipeline, "vae_scale_factor", 8)

    def own_size(self) -> int:
        cells = getattr(self.network.config, "sample_size", None) or getattr(self.pipeline, "default_sample_size", 64)
        return (cells if isinstance(cells, int) else max(cells)) * self.scale

    def clean(self, prompt: str) -> str:
        cleaned = " ".join(prompt.split())
        if not cleaned:
            raise InputError("prompt_empty")
        if len(cleaned) > MAX_CHARACTERS:
            raise InputError("prompt_long", length=len(cleaned), limit=MAX_CHARACTERS)
        return cleaned

    def unknown_words(self, prompt: str) -> list[str]:
        return []  # its tokenizer splits whatever it does not know

    def check(self, num_inference_steps: int, size: int, guidance_scale: float = 0, negative_prompt: str = "") -> dict:
        """The settings in their own types. Raises InputError for the first that is out of range."""
        settings = {
            "num_inference_steps": whole(num_inference_steps, "num_inference_steps", 1, MAX_STEPS),
            "size": whole(size, "size", LEAST_SIZE, MAX_SIZE),
            "guidance_scale": real(guidance_scale, "guidance_scale", 0, MAX_GUIDANCE),
            "negative_prompt": " ".join(negative_prompt.split()),
        }
        if settings["size"] % self.unit:
            raise InputError("size_multiple", value=size, unit=self.unit)
        if (needed := self.activation_bytes(settings["size"])) > (free := device.free_bytes()):
            raise InputError(
                "size_memory", value=size, needed=device.megabytes(needed), free=device.megabytes(free)
            )
        return {name: value for name, value in settings.items() if name in self.defaults}

    @property
    def unit(self) -> int:
        """Sizes are multiples of so many pixels: a latent cell for every halving that the network makes."""
        widths = self.network.config.get("block_out_channels")
        return self.scale * (2 ** (len(widths) - 1) if widths else self.network.config.get("patch_size") or 2)

    def activation_bytes(self, size: int) -> int:
        """What decoding one picture needs at the least: the decoder's last blocks hold a few maps of full size."""
        widths = getattr(getattr(self.pipeline, "vae", None), "config", {}).get("block_out_channels") or (128,)
        return 4 * widths[0] * size**2 * torch.finfo(device.dtype()).bits // 8

    def generate(
        self, prompt: str, seeds: list[int], on_step: OnStep | None = None, *, size: int, **settings
    ) -> list[Image.Image | None]:
        """One picture a seed; None where the model's own safety checker withheld it."""
        if not settings.get("negative_prompt"):
            settings.pop("negative_prompt", None)
        if "callback_on_step_end" in self.parameters and on_step is not None:
            settings["callback_on_step_end"] = self.reporter(on_step)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        try:
            output = self.pipeline(
                prompt, height=size, width=size, num_images_per_prompt=len(seeds), generator=generators, **settings
            )
        finally:
            self.pipeline.maybe_free_model_hooks()  # also after a stop: nothing stays half placed
        withheld = getattr(output, "nsfw_content_detected", None) or [False] * len(seeds)
        return [None if hidden else image for image, hidden in zip(output.images, withheld, strict=True)]

    def reporter(self, on_step: OnStep):
        def report(pipeline: DiffusionPipeline, index: int, timestep: Tensor, values: dict) -> dict:
            on_step(Step(index + 1, pipeline.num_timesteps, lambda: self.preview(values.get("latents"))))
            return values

        return report

    @torch.inference_mode()
    def preview(self, latents: Tensor | None) -> list[Image.Image]:
        """Latents [B, C, H, W] shrunk and decoded: small pictures at a small part of a step's cost."""
        vae = getattr(self.pipeline, "vae", None)
        if latents is None or latents.ndim != 4 or not hasattr(vae, "decode") or "scaling_factor" not in vae.config:
            return []
        latents = latents / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0)
        longest = max(latents.shape[-2:])
        if longest > PREVIEW_CELLS:
            latents = F.interpolate(latents, scale_factor=PREVIEW_CELLS / longest, mode="area")
        return to_pil(vae.decode(latents.to(vae.dtype)).sample)
