"""Every training comes out the same: resumed, killed while it saves, or split over two processes."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.two_processes import TRAININGS, train_all
from training import (
    train_alignment,
    train_captioner,
    train_diffusion,
    train_gan,
    train_recognizer,
    train_text_encoder,
)

ROOT = Path(__file__).resolve().parents[1]
OFTEN = ("--max_steps", "4", "--sample_every", "2", "--save_every", "2")


def folders(tmp_path: Path, name: str) -> list[str]:
    return ["--output_dir", str(tmp_path / name), "--weights_dir", str(tmp_path / f"{name}-weights")]


def written(folder: Path) -> dict[str, bytes]:
    files = {p.name: p.read_bytes() for p in sorted(folder.rglob("*.safetensors"))}
    assert files
    return files


@pytest.mark.parametrize(
    ("main", "flags"),
    [
        (train_text_encoder.main, OFTEN), (train_alignment.main, ()), (train_recognizer.main, ()),
        (train_captioner.main, ("--model", "lstm")), (train_captioner.main, ("--model", "transformer")),
        (train_gan.main, ()), (train_diffusion.main, ()), (train_diffusion.main, ("--adversarial_weight", "0.1")),
    ],
    ids=["text-encoder", "alignment", "recognizer", "lstm", "transformer", "gan", "diffusion", "adversarial"],
)  # fmt: skip
def test_resumed_equals_unbroken(aligned_weights, captioned_folder, request, tmp_path, main, flags):
    """Two small batches a step, so that resuming keeps to the batches of a step as well."""
    flags = ["--preset", "tiny", "--data", str(captioned_folder), *flags, *folders(tmp_path, "run")]
    flags += ["--gradient_accumulation_steps", "2", "--batch_size", "2", "--report_to", "none"]
    if main is train_text_encoder.main:
        flags += ["--text", str(request.getfixturevalue("text_folder"))]
        flags += ["--teacher", str(request.getfixturevalue("teacher"))]
    main(flags)
    unbroken = written(tmp_path / "run-weights")
    shutil.rmtree(tmp_path / "run" / "state-00000004")
    shutil.rmtree(tmp_path / "run-weights")
    main([*flags, "--resume"])
    assert written(tmp_path / "run-weights") == unbroken


def test_a_run_killed_while_it_saves_goes_on_from_the_last_whole_state(aligned_weights, captioned_folder, tmp_path):
    flags = ["--preset", "tiny", "--data", str(captioned_folder), "--max_steps", "20", "--sample_every", "20"]
    flags += ["--report_to", "none"]
    train_recognizer.main([*flags, "--save_every", "20", *folders(tmp_path, "unbroken")])
    flags += ["--save_every", "1", *folders(tmp_path, "killed")]
    environment = {**os.environ, "TUWEN_WEIGHTS": str(aligned_weights), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    partial = tmp_path / "killed" / "state-partial"
    command = [sys.executable, "-m", "training.train_recognizer", *flags]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as run:
        while run.poll() is None:
            if partial.is_dir():
                run.send_signal(signal.SIGSTOP)
                os.waitpid(run.pid, os.WUNTRACED)
                if partial.is_dir():  # else it was renamed in the meantime: the next one, then
                    run.kill()
                    break
                run.send_signal(signal.SIGCONT)
    assert run.returncode == -signal.SIGKILL
    assert partial.is_dir()
    train_recognizer.main([*flags, "--resume"])
    assert not partial.exists()
    assert written(tmp_path / "killed-weights") == written(tmp_path / "unbroken-weights")


def test_two_processes_equal_one_with_twice_the_batch(aligned_weights, captioned_folder, tmp_path):
    """Not so for the GAN, whose batch norms and deviations are each process's own, and for the captioner, whose mean is
    over a process's own words. Adam would blow up rounding where a gradient is nought, so the runs are under SGD."""
    environment = {
        **os.environ, "TUWEN_WEIGHTS": str(aligned_weights), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    for out, *kind in (["two"], ["sharded", "sharded"]):
        arguments = [str(captioned_folder), str(tmp_path / out), "2", *kind]
        subprocess.run([*launch, "tests.two_processes", *arguments], cwd=ROOT, env=environment, check=True)
    train_all(str(captioned_folder), tmp_path / "one", 4)
    for name in TRAININGS:
        before, one = (load_file(tmp_path / "one" / name / f"state-{k:08d}" / "model.safetensors") for k in (2, 3))
        two = load_file(tmp_path / "two" / name / "state-00000003" / "model.safetensors")
        moved = max((one[key] - before[key]).abs().max() for key in one)
        apart = max((one[key] - two[key]).abs().max() for key in one)
        assert apart < 1e-3 * moved, name
    before, one, sharded = (
        torch.load(tmp_path / run / "diffusion" / f"state-{k:08d}" / "custom_checkpoint_0.pkl", weights_only=True)
        for run, k in (("one", 2), ("one", 3), ("sharded", 3))
    )
    moved = max((one[key] - before[key]).abs().max() for key in one if key != "n_averaged")
    assert max((one[key] - sharded[key]).abs().max() for key in one) < 1e-3 * moved
