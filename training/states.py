"""The states of a run on disk: each is written whole or not at all, the newest few are kept, and one is only gone on
from by the run that wrote it.
"""

import json
import os
import shutil
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import gather_object
from safetensors import SafetensorError

from pipelines.errors import InputError

FACTS = "run.json"  # written last: a state without it died half-way


class States:
    """`state-STEP` folders below `folder`, at most `limit` of them."""

    def __init__(self, folder: Path, limit: int):
        self.folder = folder
        self.limit = limit

    def all(self) -> list[Path]:
        """Whole states, the oldest first."""
        return sorted(facts.parent for facts in self.folder.glob(f"state-[0-9]*/{FACTS}"))

    def newest(self) -> str:
        """The name of the newest whole state, for sentences."""
        return next((state.name for state in reversed(self.all())), "none")

    def write(self, accelerator: Accelerator, facts: dict) -> None:
        """Save all that `accelerator` has prepared. Raises InputError where it can't be written; what was is kept."""
        state, partial = self.folder / f"state-{facts['step']:08d}", self.folder / "state-partial"
        try:
            if accelerator.is_main_process:
                shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
            accelerator.wait_for_everyone()
            accelerator.save_state(str(partial))
            accelerator.wait_for_everyone()
            if accelerator.is_main_process:
                (partial / FACTS).write_text(json.dumps(facts))
                shutil.rmtree(state, ignore_errors=True)
                os.replace(partial, state)
                for old in self.all()[: -self.limit]:
                    shutil.rmtree(old)
        except (OSError, RuntimeError, SafetensorError) as error:  # a full disk is each of these, by who meets it
            shutil.rmtree(partial, ignore_errors=True)
            raise InputError(
                "state_unwritable", name=state.name, folder=self.folder, reason=error, kept=self.newest()
            ) from error
        accelerator.wait_for_everyone()

    def read(self, accelerator: Accelerator, own: dict) -> dict | None:
        """Load the newest state and return its facts; None where there is no state.

        Raises InputError where its facts say otherwise than `own` (settings, data, processes), it can't be read, or
        the processes, of several machines perhaps, don't find the same one.
        """
        found = sorted(set(gather_object([self.newest()])))
        if len(found) > 1:
            raise InputError("states_differ", folder=self.folder, states=", ".join(found))
        if not (states := self.all()):
            return None
        facts = json.loads((states[-1] / FACTS).read_text())
        if other := differences(facts, own):
            raise InputError("resume_differs", folder=self.folder, step=facts["step"], settings="; ".join(other))
        try:
            accelerator.load_state(str(states[-1]))
        except Exception as error:  # whatever a damaged file makes its reader raise
            reason = str(error).partition("\n")[0]
            raise InputError("state_unreadable", name=states[-1].name, folder=self.folder, reason=reason) from error
        return facts


def differences(was: dict, now: dict) -> list[str]:
    """What two runs' facts say differently, where both say something: "config.seed: 1, not 2"."""
    found = []
    for key in was.keys() & now.keys():
        if isinstance(was[key], dict):
            found += differences(was[key], now[key])
        elif was[key] != now[key]:
            found.append(f"{key} was {was[key]}, now {now[key]}")
    return sorted(found)
