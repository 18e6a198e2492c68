"""Every odd file becomes an upright 8-bit RGB picture, or a sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.errors import InputError
from pipelines.images import center_square, grid, normalize, normalize_signed, open_image, to_pil, to_signed, to_uint8


def encode(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


PHOTO = Image.fromarray(np.linspace(0, 255, 40 * 60 * 3).reshape(40, 60, 3).astype(np.uint8))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_mode_becomes_rgb(mode):
    grey = PHOTO.convert("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode in ("I", "F", "LA"):
        image = grey.convert(mode)
    else:
        image = PHOTO.convert(mode, palette=Image.Palette.ADAPTIVE)
    format = {"F": "TIFF", "I": "TIFF", "CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    opened = open_image(encode(image, format))
    assert (opened.mode, opened.size) == ("RGB", (60, 40))
    assert np.abs(np.asarray(opened.convert("L"), float) - np.asarray(grey, float)).mean() < (130 if mode == "1" else 6)


def test_shares_of_white_are_scaled():
    picture = open_image(encode(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF"))
    assert picture.getpixel((0, 0)) == (127, 127, 127)


def test_transparency_is_laid_on_white():
    assert open_image(encode(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG")).getpixel((0, 0)) == (255, 255, 255)


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    assert open_image(encode(PHOTO, "JPEG", exif=exif.tobytes())).size == (40, 60)


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(data).getpixel((0, 0)) == (255, 0, 0)
    animation = Image.open(io.BytesIO(data))
    animation.seek(1)
    assert open_image(animation).getpixel((0, 0)) == (255, 0, 0)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size without holding the pixels: a decompression bomb's first bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "image_empty", id="empty"),
        pytest.param(b"this is no picture", "image_unreadable", id="text"),
        pytest.param(encode(PHOTO, "PNG")[:200], "image_unreadable", id="truncated-png"),
        pytest.param(encode(PHOTO, "JPEG")[:300], "image_unreadable", id="truncated-jpeg"),
        pytest.param(png_header(20_000, 20_000), "image_large", id="bomb"),
        pytest.param(png_header(12_000, 9_000), "image_large", id="large"),
    ],
)
def test_what_is_no_picture_gets_a_sentence_with_its_name(tmp_path, data, code):
    file = tmp_path / "holiday.png"
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"holiday\.png") as caught:
        open_image(file)
    assert caught.value.code == code


def test_a_missing_file_gets_a_sentence(tmp_path):
    with pytest.raises(InputError) as caught:
        open_image(tmp_path / "nowhere.png")
    assert caught.value.code == "file_missing"


def test_tensors_and_pictures_are_each_others_inverse():
    pixels = to_uint8([PHOTO], 32, crop=True)
    assert pixels.shape == (1, 3, 32, 32)
    assert pixels.dtype == torch.uint8
    (back,) = to_pil(to_signed(pixels))
    assert np.array_equal(np.asarray(back), pixels[0].permute(1, 2, 0).numpy())
    assert np.array_equal(np.asarray(back), np.asarray(center_square(PHOTO, 32)))


def test_both_normalisations_agree():
    pixels = torch.randint(256, (2, 3, 8, 8), dtype=torch.uint8)
    torch.testing.assert_close(normalize(pixels), normalize_signed(to_signed(pixels)), atol=1e-5, rtol=1e-5)


def test_a_sheet_holds_every_picture():
    sheet = grid([Image.new("RGB", (4, 4), c) for c in ("red", "blue", "green")], columns=2, gap=1)
    assert sheet.size == (9, 9)
    assert [sheet.getpixel(p) for p in ((0, 0), (5, 0), (0, 5))] == [(255, 0, 0), (0, 0, 255), (0, 128, 0)]
