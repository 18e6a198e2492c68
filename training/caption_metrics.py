"""BLEU, ROUGE-L and CIDEr-D of captions, as the COCO evaluation computes them, as pure functions of tokenised text.

A candidate is a list of tokens; its references are several lists of tokens. Lower-casing and splitting is done before:
English by words without punctuation, Chinese by characters (`pipelines.image_captioning.tokenizer.words`).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from training.intervals import interval, mean_interval

Tokens = Sequence[str]
MAX_N = 4


def ngrams(tokens: Tokens) -> Counter[tuple[str, ...]]:
    """Counts of all n-grams, n = 1..4."""
    return Counter(tuple(tokens[i : i + n]) for n in range(1, MAX_N + 1) for i in range(len(tokens) - n + 1))


def bleu_counts(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> np.ndarray:
    """What BLEU adds up, float64 [P, 10]: matched and all n-grams (n = 1..4), the length, that of the closest
    reference."""
    counts = np.zeros((len(candidates), 2 * MAX_N + 2))
    for row, candidate, refs in zip(counts, candidates, references, strict=True):
        row[-2] = len(candidate)
        row[-1] = min((abs(len(r) - len(candidate)), len(r)) for r in refs)[1]
        allowed: Counter = Counter()
        for r in refs:
            allowed |= ngrams(r)
        for gram, count in ngrams(candidate).items():
            row[len(gram) - 1] += min(count, allowed[gram])
            row[MAX_N + len(gram) - 1] += count
    return counts


def bleu_of(counts: np.ndarray) -> np.ndarray:
    """BLEU-1..4 (Papineni et al. 2002) of added-up counts: [..., 10] → [..., 4]."""
    matched, total, length, reference = np.split(counts, [MAX_N, 2 * MAX_N, 2 * MAX_N + 1], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(matched > 0, np.log(matched / total), -np.inf)
        brevity = np.where(length > 0, np.minimum(1, np.exp(1 - reference / length)), 0)
    return brevity * np.exp(precision.cumsum(-1) / np.arange(1, MAX_N + 1))


def bleu(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> list[float]:
    """BLEU-1..4 of the corpus, brevity against the reference of the closest length."""
    return bleu_of(bleu_counts(candidates, references).sum(0)).tolist()


def longest_common_subsequence(first: Tokens, second: Tokens) -> int:
    row = [0] * (len(second) + 1)
    for a in first:
        diagonal = 0
        for j, b in enumerate(second, 1):
            diagonal, row[j] = row[j], diagonal + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], beta: float = 1.2) -> list[float]:
    """ROUGE-L (Lin 2004) of each picture: the F-measure of the best precision and the best recall over its
    references."""
    scores = []
    for candidate, refs in zip(candidates, references, strict=True):
        common = [longest_common_subsequence(candidate, r) for r in refs]
        precision = max(common) / max(len(candidate), 1)
        recall = max(c / max(len(r), 1) for c, r in zip(common, refs, strict=True))
        both = precision * recall
        scores.append((1 + beta**2) * both / (recall + beta**2 * precision) if both else 0.0)
    return scores


@dataclass(frozen=True)
class CiderD:
    """CIDEr-D (Vedantam et al. 2015) with the document frequencies of `corpus`: the references of every picture."""

    corpus: Sequence[Sequence[Tokens]]
    sigma: float = 6.0

    @cached_property
    def document_frequency(self) -> Counter[tuple[str, ...]]:
        return Counter(gram for refs in self.corpus for gram in {g for r in refs for g in ngrams(r)})

    def vector(self, tokens: Tokens) -> tuple[list[dict], list[float], int]:
        """g^n = term frequency × log(pictures / pictures with the n-gram), its norms, and the length."""
        log_corpus = math.log(len(self.corpus))
        vector, norms = [{} for _ in range(MAX_N)], [0.0] * MAX_N
        for gram, count in ngrams(tokens).items():
            weight = count * (log_corpus - math.log(max(1, self.document_frequency[gram])))
            vector[len(gram) - 1][gram] = weight
            norms[len(gram) - 1] += weight**2
        return vector, [math.sqrt(n) for n in norms], max(len(tokens) - 1, 0)

    def score(self, candidate: Tokens, references: Sequence[tuple]) -> float:
        """The score of one candidate against reference vectors, times ten as published."""
        vector, norms, length = self.vector(candidate)
        total = 0.0
        for ref_vector, ref_norms, ref_length in references:
            penalty = math.exp(-((length - ref_length) ** 2) / (2 * self.sigma**2))
            for n in range(MAX_N):
                if norms[n] and ref_norms[n]:
                    other = ref_vector[n]
                    product = sum(min(w, other[g]) * other[g] for g, w in vector[n].items() if g in other)
                    total += penalty * product / (norms[n] * ref_norms[n])
        return 10 * total / (MAX_N * len(references))


def cider_d(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> list[float]:
    """CIDEr-D of each picture, with the document frequencies of these references. One picture alone scores 0: every log
    is."""
    metric = CiderD(references)
    vectors = [[metric.vector(r) for r in refs] for refs in references]
    return [metric.score(c, v) for c, v in zip(candidates, vectors, strict=True)]


def distinct(candidates: Sequence[Tokens], n: int) -> float:
    """Distinct-n (Li et al. 2016): different n-grams over all n-grams, so that saying the same of all scores low."""
    grams = [g for c in candidates for g in ngrams(c).elements() if len(g) == n]
    return len(set(grams)) / max(1, len(grams))


def caption_scores(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> dict:
    """All of the above, with 95% intervals over the pictures, and how varied the captions are."""
    counts, of_each = bleu_counts(candidates, references), {
        "rouge_l": rouge_l(candidates, references), "cider_d": cider_d(candidates, references),
    }  # fmt: skip
    scores = {f"bleu_{n}": value for n, value in enumerate(bleu_of(counts.sum(0)).tolist(), 1)}
    scores |= {name: sum(values) / len(values) for name, values in of_each.items()}
    return {name: round(value, 4) for name, value in scores.items()} | {
        "intervals": {
            "bleu_4": interval(lambda weights: bleu_of(weights @ counts)[:, 3], len(counts)),
            **{name: mean_interval(values) for name, values in of_each.items()},
        },
        "num_pictures": len(candidates),
        "distinct_captions": len({tuple(c) for c in candidates}),
        "distinct_1": round(distinct(candidates, 1), 4),
        "distinct_2": round(distinct(candidates, 2), 4),
        "vocabulary": len({word for c in candidates for word in c}),
        "mean_length": round(sum(map(len, candidates)) / len(candidates), 2),
    }
