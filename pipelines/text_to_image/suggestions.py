"""A few pretrained pipelines of the Hugging Face Hub that are worth having beside the shipped models."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Suggestion:
    """`gigabytes`: what a download takes, about; `languages`: of the prompt; a guidance of 0 means none."""

    gigabytes: float
    licence: str
    num_inference_steps: int
    guidance_scale: float
    languages: str
    note: str


SUGGESTIONS = {
    "segmind/tiny-sd@refs/pr/3": Suggestion(1.1, "CreativeML OpenRAIL-M", 25, 7.5, "en", "tiny"),
    "stabilityai/sd-turbo": Suggestion(2.6, "Stability AI Community", 1, 0.0, "en", "turbo"),
    "stable-diffusion-v1-5/stable-diffusion-v1-5": Suggestion(2.7, "CreativeML OpenRAIL-M", 30, 7.5, "en", "classic"),
    "SimianLuo/LCM_Dreamshaper_v7": Suggestion(5.5, "MIT", 4, 8.0, "en", "lcm"),
    "black-forest-labs/FLUX.1-schnell": Suggestion(34.0, "Apache-2.0", 4, 0.0, "en", "flux"),
}
