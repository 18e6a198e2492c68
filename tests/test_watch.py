"""The look at a generator's pictures while it is trained: real ones are nearest, and nothing is drawn at random."""

import pytest
import torch

from pipelines.image_encoder import from_imagenet
from pipelines.images import to_signed
from pipelines.text_encoder import PromptEncoder
from training.data import load
from training.watch import Watch


@pytest.fixture
def data(captioned_folder):
    return load([str(captioned_folder)], "train", 36, crop=True)


def watch_of(data, num_pictures: int) -> Watch:
    return Watch(data, [], num_pictures, PromptEncoder(), from_imagenet().fuse(), image_size=32)


def test_real_pictures_are_nearer_than_noise(tiny_weights, data):
    watch = watch_of(data, 40)
    seen = []

    def real(seeds, sentences):
        seen.extend(seeds)
        assert sentences.shape[0] == len(seeds)
        return to_signed(data.pixels[[seed % len(data) for seed in seeds], :, 2:34, 2:34])

    def noise(seeds, sentences):
        return torch.randn(len(seeds), 3, 32, 32, generator=torch.Generator().manual_seed(seeds[0])).clamp(-1, 1)

    assert watch.look(real)["kid"] < 0.1 * watch.look(noise)["kid"]
    assert watch.look(noise) == watch.look(noise)
    assert seen == list(range(40))
    assert "fid" not in watch.look(real)  # too few for one


@pytest.mark.parametrize("num_pictures", [0, 1])
def test_too_few_pictures_are_not_measured(tiny_weights, data, num_pictures):
    assert watch_of(data, num_pictures).look(lambda seeds, sentences: torch.zeros(len(seeds), 3, 32, 32)) == {}
