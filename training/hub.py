"""A finished checkpoint goes to the Hugging Face Hub, private, with a card that says how it was trained."""

import json
from pathlib import Path

from huggingface_hub import HfApi

from pipelines.errors import InputError

CARD = """---
tags:
- tuwen
---
# {name}

Trained with Tuwen by `python -m training.{trainer}`.

```json
{facts}
```
"""


def publish(repository: str, folder: str | Path, trainer: str) -> None:
    """Push `folder` to `repository`, where one is named; a card that is already there stays.

    Raises InputError where the Hub can't be reached or refuses; the folder is whole all the same.
    """
    if not repository:
        return
    folder = Path(folder)
    card = folder / "README.md"
    if not card.is_file():
        told = next(p for p in (folder / "training.json", folder / "metrics.json") if p.is_file())
        facts = json.dumps(json.loads(told.read_text(encoding="utf-8")), indent=1, ensure_ascii=False)
        name = repository.rpartition("/")[2]
        card.write_text(CARD.format(name=name, trainer=trainer, facts=facts), encoding="utf-8")
    api = HfApi()
    try:
        api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message=f"Trained by training.{trainer}")
    except Exception as error:  # whichever HTTP library the Hub's client uses, by versions
        reason = str(error).strip().partition("\n")[0]
        raise InputError("hub_push", name=repository, folder=folder, reason=reason) from error
