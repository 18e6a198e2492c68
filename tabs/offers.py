"""Which models a visitor may name besides the built-in ones: Hub ids where that is allowed, folders below one folder.

The front door decides both, in the environment: TUWEN_HUB ("0": no Hub ids) and TUWEN_MODELS (a folder). Where training
is allowed, what was trained on the page is offered too. Models make pictures in the tab "create", words in "describe",
and lists in "recognize".
"""

import os
from pathlib import Path

from pipelines.errors import InputError
from pipelines.image_captioning.suggestions import SUGGESTIONS as CAPTIONERS
from pipelines.text_to_image.suggestions import SUGGESTIONS as PIPELINES
from tabs import training_runs

PRETRAINED = "pretrained"  # the choice that a second one names
SUGGESTIONS = {"create": PIPELINES, "describe": CAPTIONERS, "recognize": {}}  # of the Hub
# what a folder of such a model has
MARKS = {"create": "model_index.json", "describe": "*processor_config.json", "recognize": "concepts.json"}


def folders(tab: str = "create") -> list[str]:
    """Names of the models of a tab below the models folder."""
    root = os.environ.get("TUWEN_MODELS")
    return sorted({path.parent.name for path in Path(root).glob(f"*/{MARKS[tab]}")}) if root else []


def hub_allowed(tab: str = "create") -> bool:
    return bool(SUGGESTIONS[tab]) and os.environ.get("TUWEN_HUB", "1") != "0"


def pretrained(tab: str = "create") -> list[str]:
    """The pretrained models of a tab, without those that were trained here."""
    return [*folders(tab), *(SUGGESTIONS[tab] if hub_allowed(tab) else ())]


def choices(tab: str = "create") -> list[str]:
    return [*training_runs.usable(tab), *pretrained(tab)]


def allowed(name: str, built_in: tuple[str, ...], tab: str = "create") -> str:
    """`name` where it is a built-in model, else what it stands for among those offered."""
    return name if name in built_in else offered(name, tab)


def offered(name: str | None, tab: str = "create") -> str:
    """The folder or Hub id that `name` stands for in a tab.

    Raises InputError where a visitor may not name it.
    """
    name = (name or "").strip()
    if not name:
        raise InputError("model_unnamed")
    if name in (trained := training_runs.usable(tab)):
        return str(trained[name])
    if name in folders(tab):
        return str(Path(os.environ["TUWEN_MODELS"]) / name)
    owner, _, repository = name.partition("@")[0].partition("/")
    is_id = owner.strip(".~") and repository and "/" not in repository and "\\" not in name and not Path(name).exists()
    if not is_id or not hub_allowed(tab):
        raise InputError("model_not_offered", name=name, known=", ".join(choices(tab)) or "–")
    return name
