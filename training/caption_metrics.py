"""BLEU, ROUGE-L and CIDEr-D of captions, as the COCO evaluation computes them, as pure functions of tokenised text.

A candidate is a list of tokens; its references are several lists of tokens. Lower-casing and splitting is done before:
English by words without punctuation, Chinese by characters (`pipelines.image_captioning.tokenizer.words`).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

Tokens = Sequence[str]
MAX_N = 4


def ngrams(tokens: Tokens) -> Counter[tuple[str, ...]]:
    """Counts of all n-grams, n = 1..4."""
    return Counter(tuple(tokens[i : i + n]) for n in range(1, MAX_N + 1) for i in range(len(tokens) - n + 1))


def bleu(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> list[float]:
    """BLEU-1..4 of the corpus (Papineni et al. 2002), brevity against the reference of the closest length."""
    matched, total = [0] * MAX_N, [0] * MAX_N
    length = reference_length = 0
    for candidate, refs in zip(candidates, references, strict=True):
        length += len(candidate)
        reference_length += min((abs(len(r) - len(candidate)), len(r)) for r in refs)[1]
        allowed: Counter = Counter()
        for r in refs:
            allowed |= ngrams(r)
        for gram, count in ngrams(candidate).items():
            total[len(gram) - 1] += count
            matched[len(gram) - 1] += min(count, allowed[gram])
    brevity = min(1.0, math.exp(1 - reference_length / length)) if length else 0.0
    scores, log_precision = [], 0.0
    for n in range(MAX_N):
        if not matched[n]:
            return scores + [0.0] * (MAX_N - n)
        log_precision += math.log(matched[n] / total[n])
        scores.append(brevity * math.exp(log_precision / (n + 1)))
    return scores


def longest_common_subsequence(first: Tokens, second: Tokens) -> int:
    row = [0] * (len(second) + 1)
    for a in first:
        diagonal = 0
        for j, b in enumerate(second, 1):
            diagonal, row[j] = row[j], diagonal + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], beta: float = 1.2) -> float:
    """ROUGE-L (Lin 2004): the F-measure of the best precision and the best recall over the references, averaged."""
    scores = []
    for candidate, refs in zip(candidates, references, strict=True):
        common = [longest_common_subsequence(candidate, r) for r in refs]
        precision = max(common) / max(len(candidate), 1)
        recall = max(c / max(len(r), 1) for c, r in zip(common, refs, strict=True))
        both = precision * recall
        scores.append((1 + beta**2) * both / (recall + beta**2 * precision) if both else 0.0)
    return sum(scores) / len(scores)


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


def cider_d(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> float:
    """Mean CIDEr-D with the document frequencies of these references. One picture alone scores 0: every log is."""
    metric = CiderD(references)
    vectors = [[metric.vector(r) for r in refs] for refs in references]
    return sum(metric.score(c, v) for c, v in zip(candidates, vectors, strict=True)) / len(candidates)


def caption_scores(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> dict[str, float]:
    """All of the above, with the number of distinct captions, the words used and the mean length."""
    scores = {f"bleu_{n}": value for n, value in enumerate(bleu(candidates, references), 1)}
    scores |= {"rouge_l": rouge_l(candidates, references), "cider_d": cider_d(candidates, references)}
    scores = {name: round(value, 4) for name, value in scores.items()}
    return scores | {
        "num_pictures": len(candidates),
        "distinct_captions": len({tuple(c) for c in candidates}),
        "vocabulary": len({word for c in candidates for word in c}),
        "mean_length": round(sum(map(len, candidates)) / len(candidates), 2),
    }
