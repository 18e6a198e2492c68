"""What a data set holds, for whoever is about to train on it: counts as JSON, or what is wrong with it.
`python -m training.counts DIR`
"""

import argparse
import json
from collections import Counter

from pipelines.errors import InputError
from training.data import SPLITS, read


def counts(source: str) -> dict[str, int]:
    """Counts of pictures and captions; of pictures with an English caption in all and in each split, and of all that
    are in the split ("train_pictures", …)."""
    records = read(source)
    captioned = [r for r in records if r.captions]
    splits, every = Counter(r.split for r in captioned), Counter(r.split for r in records)
    return {
        "pictures": len(records),
        "captioned": len(captioned),
        "captions": sum(len(r.captions) for r in records),
        "captions_zh": sum(len(r.captions_zh) for r in records),
        **{split: splits[split] for split in SPLITS},
        **{f"{split}_pictures": every[split] for split in SPLITS},
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.counts", description=__doc__)
    parser.add_argument("source", help="a captioned folder, or another source that training reads")
    source = parser.parse_args(arguments).source
    try:
        found = counts(source)
    except InputError as error:
        found = {"error": error.code, "values": {key: str(value) for key, value in error.values.items()}}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
