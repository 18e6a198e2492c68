"""Push the page to a Hugging Face Space: `python -m deploy.space USER/NAME`, or `make space REPO=USER/NAME`.
`--dry-run` lists the files and their sizes and sends nothing. The token is that of `hf auth login`.
"""

import argparse
from pathlib import Path

from huggingface_hub import HfApi

ROOT = Path(__file__).resolve().parents[1]
# what the page needs, and nothing of the training, the tests and the bench
FILES = ("app.py", "requirements.txt", "README.md", "LICENSE")
FOLDERS = ("pipelines", "tabs", "weights", "assets")
IGNORED = ("__pycache__", ".safetensors.tmp")


def files_of_the_page(root: Path = ROOT) -> dict[str, int]:
    """The files that a Space needs, by their path below the project, and their bytes."""
    found = [root / name for name in FILES]
    found += [p for folder in FOLDERS for p in sorted((root / folder).rglob("*")) if p.is_file()]
    names = {p.relative_to(root).as_posix(): p.stat().st_size for p in found}
    return {name: size for name, size in names.items() if not any(part in name for part in IGNORED)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.space", description=__doc__)
    parser.add_argument("repository", metavar="USER/NAME")
    parser.add_argument("--dry-run", action="store_true", help="list what would be sent")
    parser.add_argument("--private", action="store_true", help="only you can open the Space")
    args = parser.parse_args(arguments)
    files = files_of_the_page()
    for name, size in files.items():
        print(f"{size:>12,}  {name}")
    print(f"{sum(files.values()):>12,}  bytes in {len(files)} files")
    if args.dry_run:
        return
    api = HfApi()
    api.create_repo(args.repository, repo_type="space", space_sdk="gradio", private=args.private, exist_ok=True)
    # upload_folder stores large files as such by itself
    done = api.upload_folder(
        repo_id=args.repository, repo_type="space", folder_path=ROOT, allow_patterns=list(files),
        commit_message="Tuwen",
    )  # fmt: skip
    print(done)


if __name__ == "__main__":
    main()
