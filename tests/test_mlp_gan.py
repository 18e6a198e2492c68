"""The first lesson: seeds decide its digits, words do not, its training is exact, and what ships draws ten digits."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from pipelines import checkpoint
from pipelines.errors import InputError
from pipelines.images import to_uint8
from pipelines.text_to_image.mlp_gan import MLPGenerator, to_pictures
from pipelines.text_to_image.pipeline import load_text_to_image
from tabs import compare, create
from tabs.attention import enlarged
from tabs.i18n import text
from tests.conftest import forget_models
from training import compare_losses, evaluate, evaluate_digits, train_mlp_gan
from training.adversary import DISCRIMINATOR
from training.data import read
from training.evaluate_digits import digit_figures, nearest, read_digits, train_reader
from training.losses import GAN_LOSSES
from training.train_mlp_gan import MLPDiscriminator, grey

SHIPPED = Path(__file__).resolve().parent.parent / "weights"


def save_tiny(folder: Path) -> None:
    torch.manual_seed(0)
    MLPGenerator().half().save_pretrained(folder)
    checkpoint.write_checksums(folder)


@pytest.fixture
def weights(tiny_weights):
    save_tiny(tiny_weights / "mlp-gan")
    return tiny_weights


def pixels(output) -> list[np.ndarray]:
    return [np.asarray(image).astype(int) for image in output.images]


def train(tmp_path: Path, name: str, *flags: str) -> dict[str, torch.Tensor]:
    train_mlp_gan.main([
        "--preset", "tiny", "--output_dir", str(tmp_path / name), "--weights_dir", str(tmp_path / f"{name}-weights"),
        *flags,
    ])  # fmt: skip
    return load_file(tmp_path / f"{name}-weights" / "diffusion_pytorch_model.safetensors")


def test_the_networks_have_the_classic_sizes():
    generator, discriminator = MLPGenerator(batch_norm=False), MLPDiscriminator()
    assert sum(p.numel() for p in generator.parameters()) == 100 * 256 + 256 * 512 + 512 * 1024 + 1024 * 784 + 2576
    assert sum(p.numel() for p in discriminator.parameters()) == 784 * 512 + 512 * 256 + 256 + 769
    values = generator(torch.randn(3, 100))
    assert values.shape == (3, 784)
    assert 0 <= values.min() < values.max() <= 1
    assert discriminator(values).shape == (3, 1)


def test_a_picture_of_a_batch_equals_the_same_seed_alone(weights):
    generate = load_text_to_image("mlp-gan")
    batch, (alone,) = generate("7", num_images=3, seed=7), pixels(generate("7", seed=8))
    assert np.abs(pixels(batch)[1] - alone).max() <= 1
    assert np.abs(pixels(batch)[0] - alone).max() > 1
    assert alone.shape == (28, 28, 3)
    assert (alone == alone[..., :1]).all()  # grey


@pytest.mark.parametrize("prompt", ["", " \n", "a seven", "жёлтый", "七", "🌼"])
def test_any_prompt_will_do_and_none_changes_the_picture(weights, prompt):
    generate = load_text_to_image("mlp-gan")
    output = generate(prompt, seed=3)
    assert not output.follows_words
    assert np.array_equal(*(pixels(o)[0] for o in (output, generate("a three", seed=3))))
    assert load_text_to_image("gan")("a flower", seed=3).follows_words


def test_a_setting_that_it_lacks_and_a_damaged_file_are_said(weights):
    with pytest.raises(InputError, match="guidance_scale"):
        load_text_to_image("mlp-gan")("", guidance_scale=3.0)
    forget_models()
    (weights / "mlp-gan" / "config.json").write_text("{")
    with pytest.raises(InputError) as caught:
        load_text_to_image("mlp-gan")
    assert caught.value.code == "weights_corrupted"


def test_the_page_says_that_words_do_not_reach_it(weights):
    *_, last = create.generate("", "mlp-gan", 2, "7", language="en")
    assert text("create.wordless", "en") in last[1]["value"]
    assert last[0]["value"][0][0].size == (28, 28)  # the file is what the model made; the page only shows it larger
    row = compare.contender_row(load_text_to_image("mlp-gan")("a cat", seed=1), [], "zh")
    assert text("create.wordless", "zh") in row
    assert text("create.model_mlp-gan", "zh") in row


def test_enlarging_keeps_every_pixel():
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8))
    assert enlarged(small).size == (252, 252)
    assert np.array_equal(np.asarray(enlarged(small))[4::9, 4::9], np.asarray(small))
    assert enlarged(Image.new("RGB", (300, 300))).size == (300, 300)


def test_digits_come_in_splits_with_captions_and_labels():
    records = read("digits")
    assert len(records) == 1797
    assert {r.split for r in records} == {"train", "validation", "test"}
    assert records[3].captions == ("a handwritten 3",)
    assert {r.facts["label"] for r in records if r.split == "test"} == set(range(10))


def test_without_words_the_fakes_count_whole():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-2.0, 0.3])
    for discriminator, _ in GAN_LOSSES.values():
        assert discriminator(real, fake).item() == pytest.approx(discriminator(real, fake, fake).item())


@pytest.mark.parametrize("loss", GAN_LOSSES)
def test_the_discriminator_learns_and_the_generator_then_deceives_it(loss):
    torch.manual_seed(0)
    generator, discriminator = MLPGenerator(), MLPDiscriminator()
    discriminator_loss, generator_loss = GAN_LOSSES[loss]
    real, noise = read_digits(["digits"], "test").images[:32], torch.randn(32, 100)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), 2e-4)
    with torch.no_grad():
        fake = generator(noise)
    for _ in range(20):
        optimizer_d.zero_grad()
        discriminator_loss(discriminator(real), discriminator(fake)).backward()
        optimizer_d.step()
    with torch.no_grad():
        right = (discriminator(real) > 0).float().mean() + (discriminator(fake) < 0).float().mean()
    assert right > 1.8
    optimizer_g = torch.optim.Adam(generator.parameters(), 2e-4)
    losses = []
    for _ in range(20):
        optimizer_g.zero_grad()
        losses.append(generator_loss(discriminator(generator(noise))))
        losses[-1].backward()
        optimizer_g.step()
    assert losses[-1] < losses[0]


def test_resumed_equals_unbroken(tmp_path):
    unbroken = train(tmp_path, "unbroken", "--ema_decay", "0.9")
    train(tmp_path, "stopped", "--ema_decay", "0.9", "--max_steps", "2")
    resumed = train(tmp_path, "stopped", "--ema_decay", "0.9", "--resume")
    assert unbroken.keys() == resumed.keys()
    assert all(torch.equal(unbroken[k], resumed[k]) for k in unbroken)


def test_what_is_written_loads_samples_and_goes_on(tmp_path, captioned_folder):
    train(tmp_path, "first", "--data", str(captioned_folder), "--loss", "hinge", "--optimizer", "sgd")
    written = tmp_path / "first-weights"
    assert load_text_to_image(str(written))("", num_images=2, seed=1).images[1].size == (28, 28)
    assert len(list((tmp_path / "first" / "samples").glob("*.webp"))) == 2
    assert json.loads((written / "training.json").read_text())["pictures"] == 16
    before = MLPGenerator.from_pretrained(written).state_dict()
    after = train(tmp_path, "second", "--init_from", str(written), "--learning_rate", "0")
    assert all(torch.equal(before[k].half(), after[k]) for k in after if k.startswith("layer"))


def test_a_compiled_discriminator_is_saved_under_its_own_names(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    train(tmp_path, "compiled", "--max_steps", "1", "--compile", "true")
    kept = load_file(tmp_path / "compiled-weights" / DISCRIMINATOR)
    assert kept.keys() == MLPDiscriminator().state_dict().keys()


def test_a_dry_run_trains_nothing(tmp_path, capsys):
    train_mlp_gan.main(["--preset", "tiny", "--output_dir", str(tmp_path / "nothing"), "--dry_run"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["config"]["data"] == ["digits"]
    assert shown["parameters"]["discriminator"] == 533_505
    assert not (tmp_path / "nothing").exists()


def test_colours_turn_grey():
    assert grey(torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1)).item() == pytest.approx(0.299)
    ramp = torch.linspace(0, 1, 784)[None]
    (picture,) = to_pictures(ramp)
    assert grey(to_uint8([picture], 28, crop=True)).sub(ramp).abs().max() < 0.5 / 255 + 1e-6


def test_figures_tell_real_digits_from_copies_and_from_one_mode(monkeypatch):
    monkeypatch.setattr(evaluate_digits, "EPOCHS", 3)
    train_digits, held_out = read_digits(["digits"], "train"), read_digits(["digits"], "test")
    reader = train_reader(train_digits, 0)
    assert nearest(train_digits.images[:50], train_digits.images) < 0.002
    real = digit_figures(read_digits(["digits"], "validation").images, reader, train_digits, held_out)
    zeros = train_digits.images[train_digits.labels == 0]
    collapsed = digit_figures(zeros, reader, train_digits, held_out)
    assert real["classes"]["model"] > 0.9 > 0.5 > collapsed["classes"]["model"]
    assert real["recall"]["model"] > 0.6 > collapsed["recall"]["model"]
    assert real["frechet_distance"]["model"] < collapsed["frechet_distance"]["model"] / 5


def test_cards_and_comparisons_are_written(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate_digits, "EPOCHS", 1)
    monkeypatch.setattr(compare_losses, "NUM_PICTURES", 40)
    evaluate.main(["digits", "--model", "mlp-gan", "--data", "digits", "--num_pictures", "70"])
    card = json.loads((weights / "mlp-gan" / "metrics.json").read_text())
    assert card["command"].endswith("--data digits")
    assert card["figures"]["numbers"] == {"generated": 70, "training": 1435, "held_out": 188}
    compare_losses.main(["--max_steps", "2"])
    runs = json.loads((weights / "mlp-gan" / "losses.json").read_text())["runs"]
    assert [(r["loss"], r["batch_norm"]) for r in runs[2:4]] == [("hinge", True), ("minimax", False)]
    checkpoint.verify(weights / "mlp-gan", "mlp-gan")


def test_the_shipped_model_draws_ten_digits_that_can_be_read(monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", SHIPPED)
    forget_models()
    figures = evaluate_digits.evaluate_digits("mlp-gan", ["digits"], "test", 0, num_pictures=512)
    forget_models()
    assert figures["readable"]["model"] > 0.4
    assert figures["classes"]["model"] > 0.9
    assert min(figures["classes"]["shares"]) > 0.01
