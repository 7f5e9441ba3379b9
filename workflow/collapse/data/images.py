"""From stored uint8 images to the tensor a network takes."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """Resize uint8 images (n, channels, side, side) to `size`, as Pillow does (bilinear, antialiased).

    The reference codes resize the 8-bit image before anything else; torch's own interpolation rounds differently.
    """
    if images.shape[-1] == size:
        return images
    planes = images.reshape(-1, *images.shape[2:])
    resized = [np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BILINEAR)) for plane in planes]
    return np.stack(resized).reshape(*images.shape[:2], size, size)


def pad(images: np.ndarray, size: int) -> np.ndarray:
    """Put zeros around uint8 images (n, channels, side, side), as many on each side, up to the greater side `size`."""
    before = (size - images.shape[-1]) // 2
    after = size - images.shape[-1] - before
    return np.pad(images, ((0, 0), (0, 0), (before, after), (before, after)))


def normalise(
    images: np.ndarray,
    size: int,
    max_pixel: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device,
    fit: Callable[[np.ndarray, int], np.ndarray] = resize,
) -> torch.Tensor:
    """Float32 images (n, channels, size, size) on `device`: fitted to `size`, divided by max_pixel, standardised by
    channel.
    """
    pixels = torch.from_numpy(fit(images, size)).to(device).to(torch.float32).div_(max_pixel)
    shape = (1, len(mean), 1, 1)
    shift = torch.tensor(mean, device=device).view(shape)
    scale = torch.tensor(std, device=device).view(shape)
    return pixels.sub_(shift).div_(scale)
