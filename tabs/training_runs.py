"""Trainings as processes of their own, one at a time. All that is known of a run lies in its folder, so that a page
that was closed, or a server that was started again, finds it as it stands.

The front door decides in the environment: TUWEN_TRAINING ("folders": any folder of this computer, "samples": the data
that comes with the project; else training is off) and TUWEN_RUNS (where the runs lie).
"""

import json
import os
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from pipelines import checkpoint
from pipelines.errors import InputError
from tabs import training_card
from tabs import training_progress as progress
from tabs.training_plans import DIGITS, MODELS, ROOT, SAMPLE_SET, Plan

RECORD = "run.json"
LEAST_MINUTES = 0.05
NICE = 10  # the page, and whatever else runs here, goes first
_starting, _settling = threading.Lock(), threading.Lock()


def allowed() -> bool:
    return os.environ.get("TUWEN_TRAINING") in ("folders", "samples")


def folders_allowed() -> bool:
    return os.environ.get("TUWEN_TRAINING") == "folders"


def require_allowed() -> None:
    """Raises InputError where training is off."""
    if not allowed():
        raise InputError("train_off")


def root() -> Path:
    return Path(os.environ.get("TUWEN_RUNS") or ROOT / "runs" / "studio")


@dataclass(frozen=True)
class Run:
    """A training that was started: its folder, its plan, and its last process. `asked` is what a visitor wished of that
    process: "pause", "end", or nothing."""

    folder: Path
    plan: Plan
    pid: int = 0
    command: tuple[str, ...] = ()
    started: float = 0.0  # seconds since the epoch, of the last part
    asked: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def weights(self) -> Path:
        return self.folder.parent / "weights" / self.name

    @property
    def process(self) -> psutil.Process | None:
        """The process, while it is there. Its number may be another program's by now: that one is left alone."""
        try:
            process = psutil.Process(self.pid)
            same = process.cmdline()[1:] == list(self.command)[1:]
        except psutil.Error:
            return None
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None

    @property
    def exported(self) -> bool:
        """Whether weights can be loaded."""
        return (self.weights / checkpoint.CHECKSUMS).is_file()

    @property
    def phase(self) -> str:
        """starting, running, stopping; paused, finished, stopped (nothing to keep) or failed."""
        if self.process:
            told = _written_since(self.folder / progress.PROGRESS, self.started)
            return "stopping" if self.asked else "running" if told else "starting"
        if self.asked == "pause":
            return "paused"
        if self.asked == "end" and self.exported:  # perhaps by an earlier part
            return "finished"
        if _written_since(self.weights / checkpoint.CHECKSUMS, self.started):
            return "finished"
        return "stopped" if self.asked else "failed"


def _written_since(path: Path, moment: float) -> bool:
    return path.is_file() and path.stat().st_mtime >= moment


def everything() -> list[Run]:
    """All runs, the newest first."""
    runs = [found for path in root().glob(f"*/{RECORD}") if (found := _read(path))]
    return sorted(runs, key=lambda run: run.started, reverse=True)


def shown() -> list[Run]:
    """The runs that a visitor may see: where strangers may come, only those on the data that ships."""
    return [run for run in everything() if folders_allowed() or run.plan.data in (str(SAMPLE_SET), DIGITS)]


def _read(path: Path) -> Run | None:
    """The run of a record; None where it is none, or from another version."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        run = Run(path.parent, **{**record, "plan": Plan(**record["plan"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return run if run.plan.model in MODELS else None


def find(name: str) -> Run:
    """The run called `name`, as it stands. Raises InputError where a visitor may see none."""
    for run in shown():
        if run.name == name:
            return run
    raise InputError("train_unknown", name=name)


def usable(tab: str) -> dict[str, Path]:
    """The folders of trained weights that a tab can load now, by the runs' names."""
    if not allowed():
        return {}
    fitting = [run for run in shown() if MODELS[run.plan.model].opens == tab]
    return {run.name: run.weights for run in fitting if run.exported and not run.process}


def start(plan: Plan) -> Run:
    """Begin a training. Raises InputError where another one is going on."""
    require_allowed()
    with _starting:
        _require_none_running()
        folder = root() / f"{plan.model}-{time.strftime('%m%d-%H%M%S')}"
        folder.mkdir(parents=True)
        return _launch(Run(folder, plan))


def resume(run: Run) -> Run:
    """Go on exactly where the run's last state stands, with what is left of its time."""
    require_allowed()
    with _starting:
        _require_none_running()
        return _launch(run, "--resume")


def _require_none_running() -> None:
    for run in everything():
        if run.process:
            raise InputError("train_busy", name=run.name)


def minutes_left(run: Run) -> float:
    """What is left of a run's time where it goes on: from its newest state, or from the beginning."""
    state = progress.newest_state(run.folder)
    return max(LEAST_MINUTES, run.plan.minutes - (state["seconds"] / 60 if state else 0.0))


def _launch(run: Run, *more: str) -> Run:
    command = run.plan.command(
        "--output_dir", str(run.folder), "--weights_dir", str(run.weights),
        "--max_minutes", f"{minutes_left(run):.2f}", *more,
    )  # fmt: skip
    cores = psutil.cpu_count(logical=False) or 1
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, cores - 1))
    started = time.time()
    # a group of its own, which Ctrl+C spares; not a session, since Linux weighs the niceness only within one
    with open(run.folder / progress.LOG, "wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, process_group=0,
            env={**os.environ, "OMP_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie
    with suppress(psutil.Error):
        psutil.Process(process.pid).nice(NICE)
    return _record(replace(run, pid=process.pid, command=tuple(command), started=started, asked=""))


def _record(run: Run) -> Run:
    """Write the record whole or not at all."""
    record = {key: value for key, value in asdict(run).items() if key != "folder"}
    partial = run.folder / f"{RECORD}.partial"
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, run.folder / RECORD)
    return run


def ask(run: Run, wish: str) -> Run:
    """ "pause": the run saves its state and its weights and ends, and can go on later. "end": the same, for good."""
    require_allowed()
    run = _record(replace(run, asked=wish))
    if process := run.process:
        with suppress(psutil.Error):
            process.terminate()
    return run


def remove(run: Run) -> None:
    """Delete a run and what it has learnt. Raises InputError while it is going on, and where strangers may come."""
    require_allowed()
    if not folders_allowed():
        raise InputError("train_remove_off")
    if run.process:
        raise InputError("train_busy", name=run.name)
    shutil.rmtree(run.weights, ignore_errors=True)
    shutil.rmtree(run.folder, ignore_errors=True)


def settle(run: Run) -> None:
    """Once a run has ended: its weights get their card, and one that is finished for good needs its states no more."""
    with _settling:  # several pages see it end
        phase = run.phase
        if phase in ("paused", "finished") and run.exported:
            training_card.write(run.weights, run.plan, progress.read(run.folder))
        if phase == "finished":
            for state in run.folder.glob("state-*"):
                shutil.rmtree(state, ignore_errors=True)
