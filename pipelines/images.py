"""PIL ↔ tensor: the only place that knows value ranges, resizing, odd modes and EXIF rotation.

B pictures of H × W pixels. Generators speak [-1, 1]; recognition networks speak ImageNet-normalised values.
"""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps

from pipelines.errors import InputError

MAX_MEGAPIXELS = 80  # below the count at which Pillow itself warns of a decompression bomb
# what Pillow's readers raise of damaged and odd files, each its own; an UnidentifiedImageError is an OSError
BROKEN = (OSError, ValueError, SyntaxError, EOFError, NotImplementedError)
IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
IMAGENET_STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def open_image(source: str | Path | bytes | Image.Image, name: str | None = None) -> Image.Image:
    """Read any picture as an upright 8-bit RGB `PIL.Image`.

    The first frame of an animation is taken, transparency is laid on white, 16-bit values are scaled to 8 bits and
    EXIF rotation is applied. `name` is what error sentences call the picture. Raises InputError.
    """
    if isinstance(source, Image.Image):
        return to_rgb(source)
    if isinstance(source, bytes):
        name, data = name or "picture", source
    else:
        path = Path(source)
        name = name or path.name
        if not path.is_file():
            raise InputError("file_missing", name=name)
        data = path.read_bytes()
    if not data:
        raise InputError("image_empty", name=name)
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height <= MAX_MEGAPIXELS * 1_000_000:
            return to_rgb(image)
    except Image.DecompressionBombError:
        pass
    except BROKEN:
        raise InputError("image_unreadable", name=name) from None
    raise InputError("image_large", name=name, limit=MAX_MEGAPIXELS)


def to_rgb(image: Image.Image) -> Image.Image:
    """An upright 8-bit RGB copy of `image`, whatever its mode."""
    if getattr(image, "is_animated", False):
        image.seek(0)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":  # 16- and 32-bit grey: PIL would clip instead of scaling
        values = np.asarray(image, dtype=np.float32)
        peak = 65535.0 if values.max() > 255 else 1.0 if image.mode == "F" and values.max() <= 1 else 255.0
        image = Image.fromarray((values.clip(0, peak) * (255.0 / peak)).astype(np.uint8))
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def center_square(image: Image.Image, size: int) -> Image.Image:
    """The largest centred square of `image`, resized to `size` pixels."""
    return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


def to_uint8(images: list[Image.Image], size: int, crop: bool) -> torch.Tensor:
    """uint8 [B, 3, size, size]. With `crop` the largest centred square is kept, else the whole picture is squashed."""
    resized = (
        center_square(image, size) if crop else image.resize((size, size), Image.Resampling.BICUBIC) for image in images
    )
    return torch.from_numpy(np.stack([np.asarray(image) for image in resized])).permute(0, 3, 1, 2).contiguous()


def normalize(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [B, 3, H, W] → ImageNet-normalised float32, channels last."""
    pixels = pixels.to(memory_format=torch.channels_last).float().div(255)
    return (pixels - IMAGENET_MEAN.to(pixels.device)) / IMAGENET_STD.to(pixels.device)


def normalize_signed(images: torch.Tensor) -> torch.Tensor:
    """[-1, 1] pictures [B, 3, H, W] → ImageNet-normalised values of the same dtype; differentiable."""
    mean, std = IMAGENET_MEAN.to(images), IMAGENET_STD.to(images)
    return (images + (1 - 2 * mean)) / (2 * std)


def to_signed(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [B, 3, H, W] → float32 in [-1, 1]."""
    return pixels.float().div(127.5).sub(1)


def to_pil(images: torch.Tensor) -> list[Image.Image]:
    """[-1, 1] pictures [B, 3, H, W] → PIL pictures."""
    pixels = images.detach().float().add(1).mul(127.5).round().clamp(0, 255).byte()
    return [Image.fromarray(p) for p in pixels.permute(0, 2, 3, 1).cpu().numpy()]


def grid(images: list[Image.Image], columns: int, gap: int = 2) -> Image.Image:
    """One sheet of equally sized pictures, row by row."""
    width, height = images[0].size
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), "white")
    for k, image in enumerate(images):
        sheet.paste(image, (k % columns * (width + gap), k // columns * (height + gap)))
    return sheet


def labelled_grid(images: list[Image.Image], rows: list[str], columns: list[str], gap: int = 4) -> Image.Image:
    """One sheet of equally sized pictures, row by row, with a label before every row and above every column."""
    width, height = images[0].size
    font = ImageFont.load_default(max(12, height // 9))
    margin = max(round(font.getlength(label)) for label in rows) + 12
    head = round(1.8 * font.size)
    sheet = Image.new("RGB", (margin + len(columns) * (width + gap), head + len(rows) * (height + gap)), "white")
    draw = ImageDraw.Draw(sheet)
    for k, label in enumerate(columns):
        draw.text((margin + k * (width + gap) + width // 2, head // 2), label, "black", font, anchor="mm")
    for k, label in enumerate(rows):
        draw.text((margin - 8, head + k * (height + gap) + height // 2), label, "black", font, anchor="rm")
    sheet.paste(grid(images, len(columns), gap), (margin, head))
    return sheet
