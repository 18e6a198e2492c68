"""A damaged or missing weight file is a sentence that names it, before any network is built."""

import pytest

from pipelines import checkpoint
from pipelines.errors import InputError
from pipelines.text_to_image.pipeline import load_text_to_image


def test_whole_weights_verify(tiny_weights):
    folder = tiny_weights / "gan"
    assert set(checkpoint.verify(folder, "gan")) == {"config.json", "diffusion_pytorch_model.safetensors"}
    assert len(checkpoint.weights_hash(folder)) == 12


def test_one_flipped_bit_is_found(tiny_weights):
    path = tiny_weights / "gan" / "diffusion_pytorch_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=path.name) as caught:
        load_text_to_image("gan")
    assert caught.value.code == "weights_corrupted"


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.safetensors", "checksums.json"])
def test_a_missing_file_is_named(tiny_weights, name):
    (tiny_weights / "gan" / name).unlink()
    with pytest.raises(InputError, match=name) as caught:
        load_text_to_image("gan")
    assert caught.value.code == "weights_missing"


def test_weights_of_two_versions_are_not_mixed(tiny_weights):
    config = tiny_weights / "gan" / "config.json"
    config.write_text(config.read_text().replace('"text_encoder": "', '"text_encoder": "0'))
    checkpoint.write_checksums(tiny_weights / "gan")
    with pytest.raises(InputError) as caught:
        load_text_to_image("gan")
    assert caught.value.code == "weights_mismatch"


def test_after_a_failure_the_repaired_model_loads(tiny_weights):
    path = tiny_weights / "gan" / "diffusion_pytorch_model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(InputError):
        load_text_to_image("gan")
    path.write_bytes(whole)
    assert len(load_text_to_image("gan")("a flower", seed=1).images) == 1
