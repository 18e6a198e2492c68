"""Prompts become vectors of length 1 whatever stands beside them; odd prompts are cleaned or refused."""

import pytest
import torch

from pipelines.errors import InputError
from pipelines.text_encoder import MAX_CHARACTERS, PromptEncoder, clean_prompt


@pytest.fixture
def encoder(tiny_weights) -> PromptEncoder:
    return PromptEncoder()


def test_a_prompt_does_not_depend_on_its_batch(encoder):
    alone = encoder(["黑猫"])[2]
    _, mask, beside = encoder(["a yellow flower with a dark centre", "黑猫"])
    torch.testing.assert_close(beside[1:], alone, atol=1e-5, rtol=1e-5)
    assert mask[1].sum() < mask[0].sum()
    torch.testing.assert_close(beside.norm(dim=1), torch.ones(2))


def test_chinese_is_read_by_characters(encoder):
    assert encoder.tokenizer.tokenize("黄色的花") == ["黄", "色", "的", "花"]


def test_long_prompts_are_cut_to_the_positions_that_exist(encoder):
    assert encoder(["flower " * 140])[0].shape[1] == 64


@pytest.mark.parametrize(
    ("prompt", "cleaned"),
    [
        ("  a \t yellow\n flower ", "a yellow flower"),
        ("ａ ｆｌｏｗｅｒ", "a flower"),
        ("a\u200bflower", "a flower"),
        ("花🌼", "花"),
    ],
)
def test_prompts_are_cleaned(prompt, cleaned):
    assert clean_prompt(prompt) == cleaned


def test_the_longest_prompt_is_taken_and_one_more_is_not():
    assert clean_prompt("a" * MAX_CHARACTERS)
    with pytest.raises(InputError):
        clean_prompt("a" * (MAX_CHARACTERS + 1))
