"""Train the aligner: pictures and captions that find each other in one space, with captions made wrong by one word as
extra temptations; then calibrate it on held-out pairs. `python -m training.train_alignment --data DIR...`

B pictures a batch, N cells, M texts, T tokens.
"""

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines import checkpoint
from pipelines.alignment import Aligner
from pipelines.image_encoder import load_image_encoder
from pipelines.text_encoder import PromptEncoder
from training.conditioning import short_captions
from training.config import SCHEDULES, Schedule, TrainingConfig, option, parse, run_command, show
from training.data import Record
from training.features import grid_features, load_some
from training.hard_negatives import swapped
from training.hub import publish
from training.initial import load_initial
from training.loop import TrainingRun

KINDS = ("colour", "object", "number")


@dataclass(frozen=True)
class AlignmentTrainingConfig(TrainingConfig):
    output_dir: str = option("runs/alignment", "states, samples and TensorBoard logs go here")
    weights_dir: str = option("weights/alignment", "the finished checkpoint goes here")
    seed: int = option(7, "decides initialisation, order and captions; other than the generators'")
    max_steps: int = option(1500, "optimizer steps of the whole schedule")
    batch_size: int = option(128, "pictures a step and process")
    learning_rate: float = option(1e-3, "peak learning rate")
    lr_scheduler: Schedule = option("cosine", SCHEDULES)
    lr_warmup_steps: int = option(100, "steps of linear warm-up")
    weight_decay: float = option(0.1, "decoupled weight decay (AdamW)")
    ema_decay: float = option(0.995, "decay of the exponential moving average of the weights")
    width: int = option(256, "of the heads")
    dropout: float = option(0.1, "in both heads")
    one_domain: float = option(0.5, "share of steps with pictures of one data set alone, which are harder")
    cell_dropout: float = option(0.2, "share of the grid's cells that are left out")
    max_pictures: int = option(0, "at most so many of each data set; 0: all")
    sample_every: int = option(500, "steps between validations")
    save_every: int = option(500, "steps between states")


PRESETS = {
    "tiny": {"max_steps": 4, "batch_size": 4, "width": 16, "sample_every": 2, "save_every": 2, "log_every": 1,
             "lr_warmup_steps": 0},
}  # fmt: skip


def captions_of(record: Record) -> list[str]:
    """All that is said of a picture, the short forms ("a yellow flower") included."""
    return [*record.captions, *record.captions_zh, *shorts(record.captions)]


@cache
def shorts(captions: tuple[str, ...]) -> list[str]:
    return [c for pair in short_captions(Record("", "", b"", captions)) for c in pair]


def draw_caption(record: Record, rng: random.Random) -> str:
    """English three times out of five where there is Chinese too; a short form now and then."""
    short = shorts(record.captions)
    if short and rng.random() < 0.2:
        return rng.choice(short)
    return rng.choice(record.captions if not record.captions_zh or rng.random() < 0.6 else record.captions_zh)


def contrastive_loss(logits: Tensor, match: Tensor, wrong: Tensor) -> Tensor:
    """Text i has to be found for picture i and picture i for text i (CLIP): the mean of both cross-entropies.

    logits, match [B, B]; a text that is said of several pictures counts for none of the others. `wrong` [B] is each
    picture's logit with its own caption made wrong, −∞ where there is none.
    """
    own = torch.arange(len(logits), device=logits.device)
    logits = logits.float().masked_fill(match.bool() & ~torch.eye(len(logits), device=logits.device).bool(), -torch.inf)
    to_text = F.cross_entropy(torch.cat([logits, wrong.float()[:, None]], 1), own)
    return (to_text + F.cross_entropy(logits.T, own)) / 2


def fit_calibration(logits: Tensor, labels: Tensor) -> Tensor:
    """Slope and shift of σ(slope · logit + shift) that make it a probability (Platt 1999): logits, labels [P] → [2]."""
    line = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([line], max_iter=100)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(line[0] * logits + line[1], labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return line.detach()


def judged_pairs(records: list[Record], seed: int) -> tuple[list[int], list[str], list[int]]:
    """Pairs to judge: for every picture one true caption and one false one, in turn that of another picture of the same
    set and the true one made wrong by a word: (picture, text, label)."""
    rng = random.Random(seed)
    pictures, texts, labels = [], [], []
    for k, record in enumerate(records):
        true = draw_caption(record, rng)
        wrong = swapped(true, record, rng.choice(KINDS), rng) if k % 2 else None
        if wrong is None:
            wrong = foreign_caption(record, records, rng)
        pictures += [k, k] if wrong else [k]
        texts += [true, wrong] if wrong else [true]
        labels += [1, 0] if wrong else [1]
    return pictures, texts, labels


def foreign_caption(record: Record, records: list[Record], rng: random.Random) -> str | None:
    """A caption of another picture, of the same data set where it has one, that is not also said of this one."""
    said = set(captions_of(record))
    others = [r for r in records if r.domain == record.domain and said.isdisjoint(r.captions)]
    others = others or [r for r in records if said.isdisjoint(r.captions)]
    return rng.choice([c for c in captions_of(rng.choice(others)) if c not in said]) if others else None


@torch.inference_mode()
def embed(aligner: Aligner, encoder: PromptEncoder, features: Tensor, texts: list[str]) -> tuple[Tensor, Tensor]:
    """Unit vectors of all pictures [P, E] and all texts [M, E]."""
    pictures = torch.cat([aligner.embed_pictures(rows.to(aligner.device).float()) for rows in features.split(256)])
    vectors = []
    for first in range(0, len(texts), 256):
        tokens, mask, _ = encoder(texts[first : first + 256])
        vectors.append(aligner.embed_texts(tokens.to(aligner.device), mask.to(aligner.device)))
    return pictures, torch.cat(vectors)


def main(arguments: list[str] | None = None) -> None:
    config = parse(AlignmentTrainingConfig(), PRESETS, __doc__, arguments)
    run = TrainingRun(config)
    encoder, cnn = PromptEncoder(), load_image_encoder()
    aligner = Aligner(
        width=config.width, token_size=encoder.model.config.hidden_size, dropout=config.dropout,
        text_encoder=encoder.hash, image_encoder=checkpoint.weights_hash(checkpoint.WEIGHTS / "image-encoder"),
    )  # fmt: skip
    if config.init_from:
        aligner = load_initial(Aligner, config.init_from, token_size=encoder.model.config.hidden_size)
    if config.dry_run:
        show(config, aligner=aligner)
        return

    data, held_out = (
        load_some(config.data, split, config.max_pictures, config.folds, config.fold, limit)
        for split, limit in (("train", config.max_train_samples), ("validation", 0))
    )
    features, held_out_features = grid_features(cnn, data.pixels), grid_features(cnn, held_out.pixels)
    said = [set(captions_of(record)) for record in data.records]
    members: dict[str, list[int]] = {}
    for k, record in enumerate(data.records):
        members.setdefault(record.domain, []).append(k)

    optimizer = run.optimizer(aligner.parameters())
    ema = run.ema(aligner)
    aligner, optimizer, schedule = run.prepare(aligner, optimizer, run.schedule(optimizer))
    bare = run.accelerator.unwrap_model(aligner)
    pairs = judged_pairs(held_out.records, config.seed)
    world = run.accelerator.num_processes
    batch = min(run.batch_of_all, len(data)) // world * world

    def pictures_of(rng: random.Random) -> list[int]:
        everyone = range(len(data))
        one = rng.choice([m for m in members.values() if len(m) >= run.batch_of_all] or [everyone])
        return rng.sample(one if rng.random() < config.one_domain else everyone, batch)

    for step in run.steps(data.fingerprint()):
        aligner.train()
        for _ in run.batches(aligner):
            rng = random.Random(random.random())
            rows = pictures_of(rng)
            texts = [draw_caption(data.records[k], rng) for k in rows]
            wrong = [swapped(t, data.records[k], rng.choice(KINDS), rng) for t, k in zip(texts, rows, strict=True)]
            match = torch.tensor([[float(t in said[k]) for t in texts] for k in rows], device=run.device)   # (B, B)
            kept = torch.rand(features.shape[1]) >= config.cell_dropout
            rows, texts, wrong = (run.own(drawn) for drawn in (rows, texts, wrong))
            run.apart()
            spoiled = torch.tensor([k for k, text in enumerate(wrong) if text], dtype=torch.long, device=run.device)
            grid = features[rows].to(run.device).float()                                           # (B, N, 1280)
            with run.accelerator.autocast():
                tokens, mask, _ = encoder(texts + [text for text in wrong if text])
                seen, read = aligner(
                    grid[:, kept] if kept.any() else grid, tokens.clone().to(run.device), mask.clone().to(run.device)
                )                                                                          # (B, E), (B + S, E)
            read, read_wrong = read.split([len(texts), len(spoiled)])
            tempting = torch.full((len(rows),), -torch.inf, device=run.device).index_put(
                (spoiled,), bare.scale.exp() * (seen[spoiled] * read_wrong).sum(1)
            )                                                                                               # (B,)
            # from here on B counts the pictures of all processes: each is a temptation for every other one
            seen, read, tempting = (run.gather(x) for x in (seen, read, tempting))
            loss = contrastive_loss(bare.logits(seen, read), match, tempting)
            run.descend(loss, optimizer, schedule)
        ema.update_parameters(bare)
        run.log(loss=loss, scale=bare.scale.exp())
        if (step + 1) % config.sample_every == 0:
            figures = validate(ema.module.eval(), encoder, held_out_features, pairs)
            run.validated(figures, figures["accuracy"])

    if run.accelerator.is_main_process:
        averaged = ema.module.eval()
        averaged.calibration.copy_(fit_calibration(*judge(averaged, encoder, held_out_features, pairs)))
        facts = run.facts(data) | {"validation": validate(averaged, encoder, held_out_features, pairs)}
        folder = Path(config.weights_dir)
        averaged.half().save_pretrained(folder)
        (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
        checkpoint.write_checksums(folder)
        publish(config.push_to_hub, folder, "train_alignment")


def judge(aligner: Aligner, encoder: PromptEncoder, features: Tensor, pairs: tuple) -> tuple[Tensor, Tensor]:
    """Logits and labels of `judged_pairs`, float32 [P] each."""
    pictures, texts, labels = pairs
    seen, read = embed(aligner, encoder, features, texts)
    logits = aligner.scale.exp() * (seen[pictures] * read).sum(1)
    return logits.float().cpu().clone(), torch.tensor(labels, dtype=torch.float32)


def validate(aligner: Aligner, encoder: PromptEncoder, features: Tensor, pairs: tuple) -> dict[str, float]:
    """How often the calibrated probability of a held-out pair lies on the right side of one half."""
    logits, labels = judge(aligner, encoder, features, pairs)
    slope, shift = fit_calibration(logits, labels)
    return {"accuracy": ((slope * logits + shift > 0) == (labels > 0.5)).float().mean().item()}


if __name__ == "__main__":
    run_command(main)
