"""The captioners on tiny real networks, and the one call around them."""

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines import checkpoint
from pipelines.errors import InputError
from pipelines.image_captioning import tokenizer as vocabulary
from pipelines.image_captioning.model import CaptionerConfig
from pipelines.image_captioning.own import DECODERS, OwnCaptioner, generate
from pipelines.image_captioning.pipeline import load_captioner

KINDS = list(DECODERS)
PICTURES = [Image.fromarray(np.random.default_rng(k).integers(0, 256, (60, 80, 3), dtype=np.uint8)) for k in range(2)]


def save_tiny_captioner(folder, kind: str, grid_size: int = 2) -> None:
    torch.manual_seed(0)
    tokenizer = vocabulary.build_tokenizer(["a black dog runs on the green grass", "一只黑狗在草地上跑"], 1)
    config = CaptionerConfig(
        decoder_type=kind, vocab_size=len(tokenizer), width=16, num_layers=2, num_heads=2, grid_size=grid_size
    )
    model = DECODERS[kind](config)
    torch.nn.init.normal_(model.embed.weight, std=1.0)  # so that some words are clearly likelier than others
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    checkpoint.write_checksums(folder)


@pytest.fixture(params=KINDS)
def captioner(request, tiny_weights) -> OwnCaptioner:
    save_tiny_captioner(tiny_weights / request.param, request.param)
    captioner = OwnCaptioner(tiny_weights / request.param)
    captioner.model.float()  # compared more closely than bfloat16 counts
    return captioner


@pytest.fixture
def memory() -> torch.Tensor:
    return torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(0))


def test_cached_decoding_equals_uncached(captioner, memory):
    model = captioner.model
    ids = torch.randint(3, model.config.vocab_size, (2, 7), generator=torch.Generator().manual_seed(1))
    whole, attention, _ = model.decode(ids, memory, None, explain=True)
    state, steps = None, []
    for word in ids.split(1, dim=1):
        hidden, _, state = model.decode(word, memory, state)
        steps.append(hidden)
    torch.testing.assert_close(torch.cat(steps, 1), whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(attention.sum(2), torch.ones(2, 7))


def test_captions_that_share_a_picture_equal_captions_of_copies(captioner, memory):
    ids = torch.randint(3, captioner.model.config.vocab_size, (6, 5), generator=torch.Generator().manual_seed(1))
    shared, _, _ = captioner.model.decode(ids, memory, None)
    copied, _, _ = captioner.model.decode(ids, memory.repeat_interleave(3, 0), None)
    torch.testing.assert_close(shared, copied)


def test_one_beam_is_greedy(captioner, memory):
    with torch.inference_mode():
        beam = generate(captioner.model, captioner.tokenizer, memory[:1], 1, 1, "en")[0].tolist()
        ids, forbidden = [beam[0]], [0, 2, 3, 4]
        while len(ids) < len(beam):
            hidden, _, _ = captioner.model.decode(torch.tensor([ids]), memory[:1], None)
            logits = hidden[0, -1] @ captioner.model.embed.weight.T
            logits[forbidden] = -torch.inf
            repeated = {ids[k + 2] for k in range(len(ids) - 2) if ids[k : k + 2] == ids[-2:]}
            logits[list(repeated)] = -torch.inf
            ids.append(int(logits.argmax()))
    assert ids == beam


def test_more_beams_find_no_less_probable_captions(captioner, memory):
    def log_probability(num_beams: int) -> float:
        ids = generate(captioner.model, captioner.tokenizer, memory[:1], num_beams, 1, "en")
        logits = captioner.model(decoder_input_ids=ids[:, :-1], encoder_outputs=(memory[:1],)).logits.log_softmax(-1)
        return (logits.gather(2, ids[:, 1:, None]).sum() / (ids.shape[1] - 1)).item()

    with torch.inference_mode():
        assert log_probability(8) >= log_probability(1) - 1e-4


def test_a_seed_decides_what_is_drawn(captioner, tiny_weights):
    caption = load_captioner(captioner.model.config.decoder_type)

    def drawn(top_p: float, seed: int) -> list[list[str]]:
        return [output.captions for output in caption(PICTURES, top_p=top_p, seed=seed, num_captions=3)]

    assert drawn(1, 0) == drawn(1, 0) != drawn(1, 1)
    assert len(set(drawn(1, 0)[0])) > 1
    greedy = caption(PICTURES[:1], num_beams=1)[0].captions
    assert set(drawn(0.01, 5)[0]) == set(greedy)  # only the likeliest word is left to draw


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"top_p": 0}, "top_p"), ({"top_p": 1.5}, "top_p"), ({"top_p": "much"}, "top_p"), ({"seed": -1}, "seed"),
     ({"top_p": 0.9, "num_captions": 11}, "num_captions")],
)  # fmt: skip
def test_what_can_not_be_drawn_is_said(captioner, tiny_weights, settings, code):
    with pytest.raises(InputError) as caught:
        load_captioner(captioner.model.config.decoder_type)(PICTURES, **settings)
    assert caught.value.code == code


def test_a_half_precision_folder_loads_as_it_was_saved(captioner, tiny_weights):
    again = OwnCaptioner(tiny_weights / captioner.model.config.decoder_type)
    again.model.float()
    first, second = (c.describe(PICTURES, 3, 2, "en") for c in (captioner, again))
    assert [p["captions"] for p in first] == [p["captions"] for p in second]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_word_has_a_probability_and_a_place(captioner, tiny_weights, language):
    name = captioner.model.config.decoder_type
    seen = []
    outputs = load_captioner(name)(PICTURES, num_beams=3, num_captions=2, language=language, on_image=seen.append)
    assert seen == [0, 1]
    assert [o.language for o in outputs] == [language] * 2
    for output in outputs:
        assert len(output.captions) == 2
        for caption, tokens, probabilities, attention in zip(
            output.captions, output.tokens, output.probabilities, output.attention, strict=True
        ):
            assert caption == vocabulary.join(tokens, language)
            assert len(probabilities) == len(tokens)
            assert all(0 < p <= 1 for p in probabilities)
            assert attention.shape == (len(tokens), 2, 2)
            np.testing.assert_allclose(attention.sum((1, 2)), 1, atol=1e-5)
            assert not set(tokens) & set(vocabulary.SPECIAL)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"num_beams": 0}, "num_beams"),
        ({"num_beams": "many"}, "num_beams"),
        ({"num_beams": 11}, "num_beams"),
        ({"num_captions": 4, "num_beams": 3}, "num_captions"),
        ({"num_captions": 0}, "num_captions"),
        ({"language": "fr"}, "language"),
    ],
)
def test_bad_arguments_get_a_sentence_and_the_next_call_works(tiny_weights, arguments, code):
    save_tiny_captioner(tiny_weights / "lstm", "lstm")
    captioner = load_captioner("lstm")
    with pytest.raises(InputError) as caught:
        captioner(PICTURES, **arguments)
    assert caught.value.code == code
    assert captioner(PICTURES[:1])[0].captions


def test_no_picture_gets_a_sentence(tiny_weights):
    save_tiny_captioner(tiny_weights / "lstm", "lstm")
    with pytest.raises(InputError) as caught:
        load_captioner("lstm")([None])
    assert caught.value.code == "image_missing"


def test_a_hub_model_offline_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="transformer") as caught:
        load_captioner("some-lab/some-captioner")
    assert caught.value.code == "model_offline"


def test_a_name_that_no_hub_model_can_have_is_unknown():
    with pytest.raises(InputError) as caught:
        load_captioner("no/such/model at all")
    assert caught.value.code == "model_unknown"


def test_punctuation_case_and_languages_in_the_vocabulary():
    assert vocabulary.words("A dog's ball, 一只狗。") == ["a", "dog's", "ball", "一", "只", "狗"]
    tokenizer = vocabulary.build_tokenizer(["a dog", "a cat", "狗"], 1)
    ids = vocabulary.encode(tokenizer, "A dog sleeps.", "en", 20)
    assert tokenizer.convert_ids_to_tokens(ids) == ["<en>", "a", "dog", "<unk>", "</s>"]
    assert len(vocabulary.encode(tokenizer, "a " * 50, "en", 20)) == 20
