"""Models by name: a folder of this computer, or a Hugging Face Hub id, from the cache or downloaded. `id@revision` pins
a version. Neither pickled weights nor code are ever fetched.
"""

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
from tqdm.auto import tqdm

from pipelines.errors import InputError

TEXT_FILES = ("*.json", "*.txt", "*.model")
WEIGHTS = "*.safetensors"
TIMEOUT = 5  # seconds until the Hub counts as out of reach
OnDownload = Callable[[int, int], None]  # (bytes done, bytes in all)


def local_folder(
    name: str, built_in: tuple[str, ...], whole: Callable[[Path], bool], on_download: OnDownload | None = None
) -> Path:
    """The folder `name`, or that of the Hub's model: from the cache where `whole(folder)`, else downloaded.

    Raises InputError where there is no such model, or at once where it would have to be fetched and the Hub can't be
    reached.
    """
    if Path(name).is_dir():
        return Path(name)
    known = {"name": name, "known": ", ".join(built_in)}
    repository, _, revision = name.partition("@")
    where = {"repo_id": repository, "revision": revision or None}
    try:
        folder = Path(snapshot_download(**where, local_files_only=True))
        if whole(folder):
            return folder
    except HFValidationError as error:
        raise InputError("model_unknown", **known) from error
    except LocalEntryNotFoundError:
        pass
    try:
        files = wanted_files(**where)
        return Path(
            snapshot_download(**where, allow_patterns=list(files), etag_timeout=TIMEOUT, tqdm_class=bar(on_download))
        )
    except HfHubHTTPError as error:
        raise InputError("model_unknown", **known) from error
    except (OSError, ValueError, OfflineModeIsEnabled) as error:
        raise InputError("model_offline", **known) from error


def holds_weights(folder: Path) -> bool:
    """Whether a folder of one model is whole enough to load."""
    return any(folder.glob(WEIGHTS))


def wanted_files(repo_id: str, revision: str | None) -> dict[str, int]:
    """The files that a download takes and their bytes, as the Hub lists them."""
    if constants.HF_HUB_OFFLINE:
        raise OfflineModeIsEnabled
    try:
        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True, timeout=TIMEOUT)
    except (HfHubHTTPError, HFValidationError):
        raise
    except Exception as error:  # whichever HTTP library the Hub's client uses, by versions
        raise ConnectionError(repo_id) from error
    sizes = {file.rfilename: file.size or 0 for file in info.siblings}
    return {name: sizes[name] for name in choose(list(sizes))}


def choose(files: list[str]) -> list[str]:
    """Of a repository's files those to load from: settings, words, and one set of safetensors weights, in half
    precision where all of them are there. Weights beside a pipeline's folders are copies of those in them."""
    weights = [f for f in files if fnmatch(f, WEIGHTS)]
    if "model_index.json" in files:
        weights = [f for f in weights if "/" in f]
    variants = {f.split(".")[-2] for f in weights if f.count(".") > 1 and "-of-" not in f.split(".")[-2]}
    half = [f for f in weights if ".fp16." in f]
    if half and {f.split("/")[0] for f in half} == {f.split("/")[0] for f in weights}:
        weights = half
    else:
        weights = [f for f in weights if not any(f".{variant}." in f for variant in variants)]
    return [f for f in files if any(fnmatch(f, pattern) for pattern in TEXT_FILES)] + weights


def download_size(name: str) -> int | None:
    """Bytes that the Hub's model `name` would take; None where the Hub can't be asked or has no such model."""
    repository, _, revision = name.partition("@")
    try:
        return sum(wanted_files(repository, revision or None).values())
    except (HfHubHTTPError, HFValidationError, OSError, ValueError, OfflineModeIsEnabled):
        return None


def bar(on_download: OnDownload | None) -> type[tqdm] | None:
    """A progress bar for `snapshot_download` that tells `on_download` how many bytes have come."""
    if on_download is None:
        return None

    class Bar(tqdm):
        def update(self, n: float = 1) -> bool | None:
            shown = super().update(n)
            if self.unit == "B" and self.total:
                on_download(int(self.n), int(self.total))
            return shown

    return Bar


def cached(name: str) -> bool:
    """Whether some version of the Hub's model `name` is on this computer."""
    repository, _, revision = name.partition("@")
    try:
        snapshot_download(repository, revision=revision or None, local_files_only=True)
    except (HFValidationError, LocalEntryNotFoundError):
        return False
    return True
