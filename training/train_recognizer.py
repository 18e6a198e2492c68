"""Train the recognizer on what captions name, over the frozen CNN's grid. `python -m training.train_recognizer --data
DIR...`

B pictures a batch, N cells, C concepts.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipelines import checkpoint
from pipelines.errors import InputError
from pipelines.image_encoder import load_image_encoder
from pipelines.recognition import CONCEPTS, Recognizer, evidence, probabilities
from training.concepts import labels, mine, taken_on
from training.config import SCHEDULES, Schedule, TrainingConfig, option, parse, run_command, show
from training.data import Record
from training.features import grid_features, load_some
from training.hub import publish
from training.initial import load_initial
from training.loop import TrainingRun
from training.order import batch_indices
from training.recognition_metrics import LEAST_SHOWN, best_thresholds, doubt_levels, scores


@dataclass(frozen=True)
class RecognizerTrainingConfig(TrainingConfig):
    output_dir: str = option("runs/recognizer", "states and TensorBoard logs go here")
    weights_dir: str = option("weights/recognizer", "the finished checkpoint goes here")
    max_steps: int = option(1500, "optimizer steps of the whole schedule")
    batch_size: int = option(128, "pictures a step and process")
    learning_rate: float = option(1e-3, "peak learning rate")
    lr_scheduler: Schedule = option("cosine", SCHEDULES)
    lr_warmup_steps: int = option(100, "steps of linear warm-up")
    weight_decay: float = option(0.1, "decoupled weight decay (AdamW)")
    ema_decay: float = option(0.99, "decay of the exponential moving average of the weights")
    width: int = option(512, "of the hidden layer")
    dropout: float = option(0.3, "of the hidden layer")
    label_smoothing: float = option(0.0, "what is named counts by so much less, what is not by so much more")
    cell_dropout: float = option(0.2, "share of the grid's cells that are left out")
    min_count: int = option(50, "a concept has to be named in so many training pictures")
    min_count_in_set: int = option(20, "a data set judges an attribute or action that so many of its pictures name")
    max_pictures: int = option(0, "at most so many of each data set; 0: all")
    sample_every: int = option(250, "steps between validations")
    save_every: int = option(500, "steps between states")


PRESETS = {
    "tiny": {"max_steps": 4, "batch_size": 4, "width": 16, "min_count": 2, "sample_every": 2, "save_every": 2,
             "log_every": 1, "lr_warmup_steps": 0},
}  # fmt: skip


def multi_label_loss(
    cells: Tensor, named: Tensor, judged: Tensor, num_judged: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """− log p of what is named, − log(1 − p) of what is not, averaged over what is judged, or over `num_judged`:
    cells [B, N, C]; named, judged [B, C]. Captions leave out much: `label_smoothing` trusts them less."""
    strength = evidence(cells)
    present = -torch.log(-torch.expm1(-strength) + 1e-6)
    losses = torch.where(named > 0.5, present, strength)
    if label_smoothing:
        losses = torch.lerp(losses, (present + strength) / 2, label_smoothing)
    return (losses * judged).sum() / (judged.sum() if num_judged is None else num_judged).clamp(min=1)


@torch.inference_mode()
def recognise_all(recognizer: Recognizer, features: Tensor) -> Tensor:
    """Probabilities of every concept for grids [P, N, 1280]: [P, C]."""
    rows = features.split(256)
    return torch.cat([probabilities(recognizer(part.to(recognizer.device).float())).cpu() for part in rows])


def build(config: RecognizerTrainingConfig, records: list[Record]) -> tuple[Recognizer, list[dict]]:
    """The recognizer with its concepts: from `init_from`, or new with those that the captions name."""
    counts = config.min_count, config.min_count_in_set
    if config.init_from:
        recognizer = load_initial(Recognizer, config.init_from)
        kept = json.loads((Path(config.init_from) / CONCEPTS).read_text(encoding="utf-8"))
        return recognizer, taken_on(records, kept, *counts)
    concepts = mine(records, *counts)
    if not concepts:
        raise InputError("concepts_none", count=config.min_count)
    cnn_hash = checkpoint.weights_hash(checkpoint.WEIGHTS / "image-encoder")
    return Recognizer(len(concepts), config.width, config.dropout, cnn_hash), concepts


def with_levels(concepts: list[dict], seen: Tensor, named: Tensor, judged: Tensor) -> list[dict]:
    """The concepts with their thresholds and levels of doubt, by the probabilities `seen` of validation pictures:
    [P, C] each. What fewer than LEAST_SHOWN of these show keeps the levels that it came with, which were of more."""
    enough = (named.bool() & judged).sum(0) >= LEAST_SHOWN
    thresholds, doubts = best_thresholds(seen, named, judged), doubt_levels(seen, named, judged)
    known = []
    for concept, t, d, shown in zip(concepts, *(x.tolist() for x in (thresholds, doubts, enough)), strict=True):
        levels = {"threshold": round(t, 4), "doubt": round(d, 4)}
        known.append({**concept, **levels} if shown else {**levels, **concept})
    return known


def main(arguments: list[str] | None = None) -> None:
    config = parse(RecognizerTrainingConfig(), PRESETS, __doc__, arguments)
    run = TrainingRun(config)
    data, held_out = (
        load_some(config.data, split, config.max_pictures, config.folds, config.fold, limit)
        for split, limit in (("train", config.max_train_samples), ("validation", 0))
    )
    recognizer, concepts = build(config, data.records)
    named, judged = labels(data.records, concepts)
    if not (named * judged).any():
        raise InputError("concepts_none", count=1 if config.init_from else config.min_count)
    if config.dry_run:
        show(config, recognizer=recognizer)
        return

    cnn = load_image_encoder()
    features, held_out_features = grid_features(cnn, data.pixels), grid_features(cnn, held_out.pixels)
    named, judged = named.to(run.device), judged.to(run.device)
    truth = labels(held_out.records, concepts)

    optimizer = run.optimizer(recognizer.parameters())
    ema = run.ema(recognizer)
    recognizer, optimizer, schedule = run.prepare(recognizer, optimizer, run.schedule(optimizer))

    for step in run.steps(data.fingerprint()):
        recognizer.train()
        for number in run.batches(recognizer):
            rows_of_all = batch_indices(len(data), run.batch_of_all, number, config.seed)
            kept = torch.rand(features.shape[1]) >= config.cell_dropout
            rows = run.own(rows_of_all)
            run.apart()
            grid = features[rows].to(run.device).float()                                 # (B, N, 1280)
            with run.accelerator.autocast():
                cells = recognizer(grid[:, kept] if kept.any() else grid)                # (B, N, C)
            num_judged = judged[rows_of_all].sum() / run.accelerator.num_processes
            loss = multi_label_loss(cells, named[rows], judged[rows], num_judged, config.label_smoothing)
            run.descend(loss, optimizer, schedule)
        ema.update_parameters(run.accelerator.unwrap_model(recognizer))
        run.log(loss=loss)
        if (step + 1) % config.sample_every == 0:
            seen = recognise_all(ema.module.eval(), held_out_features)
            figures = scores(seen, *truth, best_thresholds(seen, *truth))
            run.validated(figures, figures.get("map", 0.0))

    if run.accelerator.is_main_process:
        averaged = ema.module.eval()
        seen = recognise_all(averaged, held_out_features)
        known = with_levels(concepts, seen, *truth)
        thresholds = torch.tensor([concept["threshold"] for concept in known])
        facts = run.facts(data) | {"validation": scores(seen, *truth, thresholds)}
        folder = Path(config.weights_dir)
        averaged.half().save_pretrained(folder)
        (folder / CONCEPTS).write_text(json.dumps(known, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
        checkpoint.write_checksums(folder)
        publish(config.push_to_hub, folder, "train_recognizer")


if __name__ == "__main__":
    run_command(main)
