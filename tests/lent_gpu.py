"""A pretrained pipeline on a Space that lends its GPU: `python -m tests.lent_gpu FOLDER` with a folder of a pipeline.

Real are the package `spaces`, its forked process and its calls, which a server here answers in place of the Space's
machine; the processor stands in for the GPU, and what `spaces` does to a torch with CUDA is left out.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

ASKED: list[str] = []
LEFT_OUT = ("is_in_bad_fork", "pack", "size", "enter_mode", "patch", "unpatch", "init", "move")


class Machine(BaseHTTPRequestHandler):
    def do_POST(self):
        ASKED.append(self.path.partition("?")[0])
        answer = {"idle": True, "nvidiaIndex": 0, "nvidiaUUID": "", "allowToken": str(len(ASKED))}
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        pass


def lend() -> None:
    """From here on this process is one of such a Space."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Machine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["SPACES_ZERO_GPU"] = "true"
    os.environ["SPACES_ZERO_DEVICE_API_URL"] = f"http://127.0.0.1:{server.server_port}"
    patching = sys.modules["spaces.zero.torch.patching"] = ModuleType("patching")
    for name in LEFT_OUT:
        setattr(patching, name, lambda *_, **__: 0)


def main(folder: str) -> None:
    lend()
    from pipelines.text_to_image import zero_gpu
    from pipelines.text_to_image.pipeline import load_text_to_image
    from pipelines.text_to_image.pretrained import PretrainedModel
    from pipelines.text_to_image.steps import Stopped

    zero_gpu.GPU = "cpu"
    from app import build_app, launch

    launch(build_app(), prevent_thread_lock=True)
    pipeline = load_text_to_image(folder)
    settings = {"num_images": 2, "seed": 3, "num_inference_steps": 5}
    steps, seen = [], []
    made = pipeline("a red flower", on_step=lambda step: steps.append((step.number, len(step.preview()))), **settings)
    again = pipeline("a red flower", **settings)

    def stop_at_two(step) -> None:
        seen.append(step.number)
        if step.number == 2:
            raise Stopped

    try:
        pipeline("a red flower", on_step=stop_at_two, **{**settings, "num_inference_steps": 200})
    except Stopped:
        seen.append("stopped")
    here = PretrainedModel.generate(
        pipeline.model, "a red flower", [3, 4], None, num_inference_steps=5, size=pipeline.defaults["size"],
        guidance_scale=pipeline.defaults["guidance_scale"],
    )  # fmt: skip

    def same(some, others) -> bool:
        return [image.tobytes() for image in some] == [image.tobytes() for image in others]

    print(json.dumps({
        "steps": steps, "stopped": seen, "again": same(made.images, again.images), "here": same(made.images, here),
        "asked": ASKED, "own": len(load_text_to_image("gan")("a red flower").images),
    }))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
