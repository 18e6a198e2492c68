"""The sweep over guidance and steps writes its figures and a plot of them."""

import json

from PIL import Image

from pipelines import checkpoint
from training import sweep


def test_every_setting_is_measured_and_drawn(aligned_weights, captioned_folder, monkeypatch):
    monkeypatch.setattr(sweep, "NUM_PICTURES", 3)
    monkeypatch.setattr(sweep, "GUIDANCES", (1.0, 2.0))
    monkeypatch.setattr(sweep, "STEPS", (1, 2))
    sweep.main(["--data", str(captioned_folder)])
    folder = checkpoint.WEIGHTS / "diffusion"
    figures = json.loads((folder / "sweep.json").read_text())
    assert [p["guidance_scale"] for p in figures["guidance"]] == [1.0, 2.0]
    assert [p["num_inference_steps"] for p in figures["steps"]] == [1, 2]
    assert all(0 <= p["alignment"] <= 1 for axis in ("guidance", "steps") for p in figures[axis])
    assert Image.open(folder / "sweep.webp").size == (2 * sweep.WIDTH, 2 * sweep.HEIGHT)
    checkpoint.verify(folder, "diffusion")
