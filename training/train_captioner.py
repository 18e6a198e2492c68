"""Train a captioner: `--preset frozen` on stored features of the CNN, then `--preset finetune` with the CNN's later
blocks, then `--preset self_critical` on CIDEr-D itself (Rennie et al. 2017), each from the last by `--init_from`.
`python -m training.train_captioner --model transformer --preset frozen --data DIR...`

B pictures a batch, K captions a picture, T tokens, N cells of the grid.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from pipelines import checkpoint
from pipelines.image_captioning import tokenizer as vocabulary
from pipelines.image_captioning.model import Captioner, CaptionerConfig
from pipelines.image_captioning.own import DECODERS, generate
from pipelines.image_encoder import IMAGE_SIZE, from_imagenet
from pipelines.images import normalize
from training.augment import zoom_flip_brighten
from training.caption_metrics import CiderD, caption_scores
from training.config import SCHEDULES, Schedule, TrainingConfig, option, parse, run_command, show
from training.data import CaptionedImages, Record, at_most, load_pixels, read, refold
from training.features import grid_features, load_some
from training.hub import publish
from training.initial import load_initial
from training.loop import TrainingRun

SIDES = ("left", "right", "左", "右")  # a mirrored picture would make these words lie
END = "</s>"  # counted as a word in the reward, so that captions which break off gain nothing


@dataclass(frozen=True)
class CaptionerTrainingConfig(TrainingConfig):
    output_dir: str = option("runs/captioner", "states, samples and TensorBoard logs go here")
    weights_dir: str = option("weights/captioner", "the finished checkpoint goes here")
    model: Literal["transformer", "lstm"] = option("transformer", "the decoder")
    objective: Literal["frozen", "finetune", "self_critical"] = option("frozen", "the stage, see above")
    image_encoder: str = option("", "start from the CNN of this captioner's folder instead of ImageNet's")
    headline: str = option("flickr8k", "the data set that is validated on and shown most often")
    headline_share: float = option(0.65, "share of the pictures of a batch that come from it")
    max_other_pictures: int = option(0, "at most so many pictures of each other set; 0: all")
    max_words: int = option(20, "longer captions are left out where a picture has shorter ones: they cost padding")
    captions_per_image: int = option(4, "captions of each picture in a batch")
    chinese_share: float = option(0.4, "share of Chinese captions where a picture has both")
    min_count: int = option(4, "a word enters the vocabulary when the captions hold it so often")
    width: int = option(320, "decoder width")
    num_layers: int = option(3, "decoder layers of the transformer")
    dropout: float = option(0.2, "in the decoder")
    label_smoothing: float = option(0.1, "of the cross-entropy")
    word_dropout: float = option(0.1, "share of the words so far that are hidden, so that the picture is looked at")
    first_trained_block: int = option(9, "the CNN's blocks from here on are fine-tuned")
    encoder_learning_rate: float = option(5e-5, "of the CNN while it is fine-tuned")
    num_samples: int = option(5, "captions sampled for each picture in self-critical training")
    top_k: int = option(12, "self_critical: samples draw from so many words; the smoothed tail below is noise")
    cross_entropy_weight: float = option(0.1, "kept beside the reward in self-critical training")
    num_validation: int = option(400, "validation pictures that are captioned at every check")
    batch_size: int = option(32, "pictures a step and process")
    lr_scheduler: Schedule = option("cosine", SCHEDULES)
    weight_decay: float = option(0.02, "decoupled weight decay (AdamW)")


PRESETS = {
    "frozen": {"learning_rate": 7e-4, "lr_warmup_steps": 200, "max_steps": 3000, "sample_every": 500},
    "finetune": {
        "objective": "finetune", "learning_rate": 2.5e-4, "encoder_learning_rate": 1e-4, "lr_warmup_steps": 50,
        "lr_scheduler": "cosine", "batch_size": 16, "max_steps": 4500, "sample_every": 500, "save_every": 500,
    },
    "self_critical": {
        "objective": "self_critical", "learning_rate": 4e-5, "lr_warmup_steps": 20, "batch_size": 24, "max_steps": 500,
        "sample_every": 100, "save_every": 100, "ema_decay": 0.99, "captions_per_image": 1,
    },
    "tiny": {"max_steps": 4, "batch_size": 2, "width": 20, "num_layers": 1, "min_count": 1, "num_validation": 2,
             "sample_every": 2, "save_every": 2, "log_every": 1, "headline": "pictures"},
}  # fmt: skip


class PictureSampler:
    """Draws the pictures of a step, a fixed share from the headline set, and captions for each."""

    def __init__(self, records: list[Record], config: CaptionerTrainingConfig):
        self.config = config
        self.records = records
        self.headline = [k for k, r in enumerate(records) if r.domain == config.headline]
        self.others = [k for k, r in enumerate(records) if r.domain != config.headline]

    def pictures(self) -> list[int]:
        share = self.config.headline_share if self.others else 1.0
        return [
            random.choice(self.headline if self.headline and random.random() < share else self.others)
            for _ in range(self.config.batch_size)
        ]

    def captions(self, picture: int) -> list[tuple[str, str]]:
        """(caption, language) pairs, without repetition while there are enough."""
        record, config = self.records[picture], self.config
        english, chinese = (self.shuffled(captions) for captions in (record.captions, record.captions_zh))
        chosen = []
        for k in range(config.captions_per_image):
            in_chinese = chinese and random.random() < config.chinese_share
            source, language = (chinese, "zh") if in_chinese else (english, "en")
            chosen.append((source[k % len(source)], language))
        return chosen

    def shuffled(self, captions: tuple[str, ...]) -> list[str]:
        short = [c for c in captions if len(vocabulary.words(c)) <= self.config.max_words] or captions
        return random.sample(short, len(short))


def to_ids(captions: list[tuple[str, str]], tokenizer: PreTrainedTokenizerFast, max_length: int) -> Tensor:
    """(caption, language) pairs → padded token ids [B·K, T]."""
    rows = [torch.tensor(vocabulary.encode(tokenizer, c, language, max_length)) for c, language in captions]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=tokenizer.pad_token_id)


def hide_words(ids: Tensor, share: float, unknown: int) -> Tensor:
    """ids [B, T] with that share of the words after the first, which names the language, replaced by `unknown`."""
    hidden = torch.rand(ids.shape, device=ids.device) < share
    hidden[:, 0] = False
    return ids.masked_fill(hidden, unknown)


def cross_entropy(logits: Tensor, ids: Tensor, label_smoothing: float) -> Tensor:
    """Of every next word [B, T, V] against ids [B, T + 1], padding (0) left out."""
    return F.cross_entropy(
        logits.float().flatten(0, 1), ids[:, 1:].flatten(), ignore_index=0, label_smoothing=label_smoothing
    )


def self_critical_loss(log_probability: Tensor, reward: Tensor, mask: Tensor) -> Tensor:
    """− Σ (r − b) log p(w): the reward of a sample against the mean reward b of the picture's other samples.

    log_probability, mask [B, K, T]; reward [B, K].
    """
    num_samples = reward.shape[1]
    baseline = (reward.sum(1, keepdim=True) - reward) / (num_samples - 1)                    # (B, K)
    advantage = (reward - baseline)[..., None]                                               # (B, K, 1)
    return -(advantage * log_probability * mask).sum() / mask.sum()


class Reward:
    """CIDEr-D against a picture's training captions, with the document frequencies of all of them."""

    def __init__(self, records: list[Record]):
        self.records = records
        self.kept: dict[tuple[int, str], list] = {}
        ended = {
            language: [[[*c, END] for c in references(r, language)] for r in records]
            for language in vocabulary.LANGUAGES
        }
        self.metrics = {language: CiderD([refs for refs in corpus if refs]) for language, corpus in ended.items()}

    def vectors(self, picture: int, language: str) -> list:
        key = (picture, language)
        if key not in self.kept:  # needed again every epoch
            refs = references(self.records[picture], language)
            self.kept[key] = [self.metrics[language].vector([*r, END]) for r in refs]
        return self.kept[key]

    def __call__(self, picture: int, language: str, tokens: list[str]) -> float:
        return self.metrics[language].score(tokens, self.vectors(picture, language))


def references(record: Record, language: str) -> list[list[str]]:
    return [vocabulary.words(c) for c in (record.captions if language == "en" else record.captions_zh)]


@torch.inference_mode()
def caption_all(
    model: Captioner, tokenizer: PreTrainedTokenizerFast, features: Tensor, language: str, num_beams: int = 3,
    batch_size: int = 32,
) -> list[list[str]]:  # fmt: skip
    """Tokens of the most probable caption of each row of features [M, N, 1280]."""
    captions = []
    for batch in features.split(batch_size):
        ids = generate(model, tokenizer, model.memory(batch.to(model.device)), num_beams, 1, language)
        captions += [vocabulary.words(text) for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
    return captions


def load_training_pictures(config: CaptionerTrainingConfig) -> CaptionedImages:
    """The headline set whole; of each other set `max_other_pictures`, and nothing where it is never drawn from."""
    records = []
    for source in config.data:
        records_of_source = refold(read(source), config.folds, config.fold)
        found = [r for r in records_of_source if r.split == "train" and r.captions]
        random.shuffle(found)
        if found and found[0].domain != config.headline:
            limit = config.max_other_pictures or len(found)
            found = [] if config.headline_share == 1 else found[:limit]
        records += found
    return load_pixels(at_most(records, config.max_train_samples), IMAGE_SIZE, crop=False)


def build(config: CaptionerTrainingConfig, records: list[Record]) -> tuple[Captioner, PreTrainedTokenizerFast]:
    """The captioner with its tokenizer: from `init_from`, or new with the CNN of ImageNet or of `image_encoder`."""
    architecture = DECODERS[config.model]
    if config.init_from:
        model = load_initial(architecture, config.init_from)
        return model, PreTrainedTokenizerFast.from_pretrained(config.init_from, local_files_only=True)
    donor = None
    if config.image_encoder:
        donor_type = DECODERS[CaptionerConfig.from_pretrained(config.image_encoder).decoder_type]
        donor = donor_type.from_pretrained(config.image_encoder, dtype=torch.float32, local_files_only=True)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(config.image_encoder, local_files_only=True)
    else:
        captions = (c for r in records for c in (*r.captions, *r.captions_zh))
        tokenizer = vocabulary.build_tokenizer(captions, config.min_count)
    model = architecture(
        CaptionerConfig(
            decoder_type=config.model, vocab_size=len(tokenizer), width=config.width, num_layers=config.num_layers,
            num_heads=max(1, config.width // 64), dropout=config.dropout,
        )
    )  # fmt: skip
    encoder = donor.image_encoder if donor else from_imagenet()
    model.image_encoder.load_state_dict({k: v for k, v in encoder.state_dict().items() if "classifier" not in k})
    return model, tokenizer


def main(arguments: list[str] | None = None) -> None:
    config = parse(CaptionerTrainingConfig(), PRESETS, __doc__, arguments)
    run = TrainingRun(config)
    data = load_training_pictures(config)
    model, tokenizer = build(config, data.records)
    if config.dry_run:
        show(config, captioner=model, image_encoder=model.image_encoder)
        return
    validation = [d for d in config.data if Path(d).name == config.headline] or config.data
    held_out = load_some(validation, "validation", folds=config.folds, fold=config.fold)
    held_out_pixels = held_out.pixels[: config.num_validation]
    held_out_records = held_out.records[: config.num_validation]

    finetune = config.objective == "finetune"
    encoder = model.image_encoder.requires_grad_(False)
    if finetune:
        for module in (*encoder.blocks[config.first_trained_block :], encoder.head):
            module.requires_grad_(True)
        features = held_out_features = None
    else:
        features = grid_features(encoder.to(run.device), data.pixels)
        held_out_features = grid_features(encoder, held_out_pixels)
    model.to(run.device)
    decoder_parameters = [p for n, p in model.named_parameters() if not n.startswith("image_encoder.")]
    encoder_parameters = [p for p in encoder.parameters() if p.requires_grad]
    groups = [{"params": decoder_parameters}, {"params": encoder_parameters, "lr": config.encoder_learning_rate}]
    optimizer = run.optimizer(groups[: 1 + finetune], (0.9, 0.98))
    sampler, reward = PictureSampler(data.records, config), Reward(data.records)
    ema = run.ema(model)
    model, optimizer, schedule = run.prepare(model, optimizer, run.schedule(optimizer))
    bare = run.accelerator.unwrap_model(model)

    def memory_of(pictures: list[int], captions: list[list[tuple[str, str]]]) -> Tensor:
        if not finetune:
            return bare.memory(features[pictures].to(run.device))                            # (B, N, D)
        may_flip = [not any(side in c for c, _ in pairs for side in SIDES) for pairs in captions]
        pixels = zoom_flip_brighten(data.pixels[pictures].to(run.device), torch.tensor(may_flip, device=run.device))
        return bare.memory(bare.grid(normalize(pixels)))

    def supervised(pictures: list[int]) -> Tensor:
        captions = [sampler.captions(k) for k in pictures]
        flat = [pair for pairs in captions for pair in pairs]
        ids = to_ids(flat, tokenizer, bare.config.max_positions).to(run.device)              # (B·K, T)
        memory = memory_of(pictures, captions)
        said = hide_words(ids[:, :-1], config.word_dropout, tokenizer.unk_token_id)          # (B·K, T - 1)
        logits = model(decoder_input_ids=said, encoder_outputs=(memory,)).logits             # (B·K, T - 1, V)
        return cross_entropy(logits, ids, config.label_smoothing)

    def self_critical(pictures: list[int]) -> tuple[Tensor, float]:
        in_chinese = random.random() < config.chinese_share and any(data.records[k].captions_zh for k in pictures)
        language = "zh" if in_chinese else "en"
        pictures = [k for k in pictures if references(data.records[k], language)]
        memory = memory_of(pictures, [])
        bare.eval()
        with torch.no_grad():
            ids = generate(bare, tokenizer, memory, 1, config.num_samples, language, config.top_k)  # (B·K, T)
        words, mask = ids[:, 1:], ids[:, 1:] != tokenizer.pad_token_id
        texts = [tokenizer.convert_ids_to_tokens(row[keep].tolist()) for row, keep in zip(words, mask, strict=True)]
        scores = [reward(pictures[k // config.num_samples], language, text) for k, text in enumerate(texts)]
        rewards = torch.tensor(scores, device=run.device).view(len(pictures), -1)            # (B, K)
        logits = model(decoder_input_ids=ids[:, :-1], encoder_outputs=(memory,)).logits
        log_probability = logits.float().log_softmax(-1).gather(2, words[..., None])[..., 0]  # (B·K, T - 1)
        shape = (*rewards.shape, -1)
        return self_critical_loss(log_probability.view(shape), rewards, mask.float().view(shape)), rewards.mean().item()

    def validate() -> dict[str, float]:
        averaged = ema.module.eval()
        rows = grid_features(averaged.image_encoder, held_out_pixels) if finetune else held_out_features
        figures = {}
        for language in vocabulary.LANGUAGES:
            refs = [references(r, language) for r in held_out_records]
            kept = [k for k, r in enumerate(refs) if r]
            if kept:
                captions = caption_all(averaged, tokenizer, rows[kept], language)
                scores = caption_scores(captions, [refs[k] for k in kept])
                figures |= {f"{language}_{name}": scores[name] for name in ("bleu_4", "cider_d")}
                tqdm.write(f"{language}: " + " | ".join(" ".join(c) for c in captions[:5]))
        return figures

    for step in run.steps(data.fingerprint()):
        for _ in run.batches(model):
            run.apart()  # the mean is over a process's own words, so that two processes are near one, not equal
            model.train()
            encoder.eval()  # the batch norms keep ImageNet's statistics
            pictures = sampler.pictures()
            scalars = {}
            with run.accelerator.autocast():
                if config.objective == "self_critical":
                    loss, scalars["reward"] = self_critical(pictures)
                    model.train()
                    encoder.eval()
                    loss = loss + config.cross_entropy_weight * supervised(pictures)
                else:
                    loss = supervised(pictures)
            run.descend(loss, optimizer, schedule)
        ema.update_parameters(bare)
        run.log(loss=loss, lr=schedule.get_last_lr()[0], **scalars)
        if (step + 1) % config.sample_every == 0:
            figures = validate()
            run.validated(figures, sum(value for name, value in figures.items() if name.endswith("cider_d")))

    if run.accelerator.is_main_process:
        folder = Path(config.weights_dir)
        ema.module.half().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        earlier = Path(config.init_from or config.image_encoder or ".") / "training.json"
        history = json.loads(earlier.read_text()) if earlier.is_file() else []
        stage = run.facts(data) | {"validation": run.figures}
        (folder / "training.json").write_text(json.dumps([*history, stage], indent=1, ensure_ascii=False) + "\n")
        checkpoint.write_checksums(folder)
        publish(config.push_to_hub, folder, "train_captioner")


if __name__ == "__main__":
    run_command(main)
