"""The caption metrics against values that pycocoevalcap 1.2 gave for the same sentences, and against plain cases."""

from statistics import mean

import pytest

from training.caption_metrics import CiderD, bleu, caption_scores, cider_d, longest_common_subsequence, rouge_l

CANDIDATES = [
    "a black dog runs on the grass",
    "two children play with a ball in the park",
    "a man is riding a red bike down the street",
    "a man a man a man",
    "the yellow flower",
]
REFERENCES = [
    ["a black dog is running on the green grass", "the dog runs across the lawn"],
    ["two kids play with a ball", "children are playing in a park", "two children play in the park with a red ball"],
    ["a man rides a bike down a street", "a man on a red bike is riding down the road"],
    ["a man stands on a hill", "a man and a woman"],
    ["a yellow flower with a dark centre", "this flower is yellow"],
]
CANDIDATE_TOKENS = [c.split() for c in CANDIDATES]
REFERENCE_TOKENS = [[r.split() for r in refs] for refs in REFERENCES]


def test_bleu_equals_the_published_tool():
    assert bleu(CANDIDATE_TOKENS, REFERENCE_TOKENS) == pytest.approx(
        [0.8365209498619409, 0.7073692395625911, 0.4840559746163022, 0.2705266053383899], rel=1e-6
    )


def test_rouge_l_equals_the_published_tool():
    assert mean(rouge_l(CANDIDATE_TOKENS, REFERENCE_TOKENS)) == pytest.approx(0.6291312025859376, rel=1e-9)


def test_cider_d_equals_the_published_tool():
    assert mean(cider_d(CANDIDATE_TOKENS, REFERENCE_TOKENS)) == pytest.approx(2.1308733787461485, rel=1e-9)
    metric = CiderD(REFERENCE_TOKENS)
    scores = [
        metric.score(c, [metric.vector(r) for r in refs])
        for c, refs in zip(CANDIDATE_TOKENS, REFERENCE_TOKENS, strict=True)
    ]
    assert scores == pytest.approx([2.36999463, 3.10439171, 2.77325131, 0.46977473, 1.93695451], rel=1e-7)


def test_a_perfect_caption_scores_full_marks():
    scores = caption_scores([r[0] for r in REFERENCE_TOKENS], [[r[0]] for r in REFERENCE_TOKENS])
    assert (scores["bleu_4"], scores["rouge_l"]) == (1.0, 1.0)
    assert scores["cider_d"] == pytest.approx(10.0)
    assert (scores["num_pictures"], scores["distinct_captions"]) == (5, 5)


def test_words_that_no_reference_holds_score_nothing():
    scores = caption_scores([["x", "y"]] * 5, REFERENCE_TOKENS)
    assert all(scores[k] == 0 for k in ("bleu_1", "bleu_4", "rouge_l", "cider_d"))


def test_an_empty_caption_is_no_error():
    assert caption_scores([[]] * 5, REFERENCE_TOKENS)["bleu_1"] == 0


def test_longest_common_subsequence():
    assert longest_common_subsequence("abcbdab", "bdcaba") == 4
