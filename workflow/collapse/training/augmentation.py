"""Random crops and flips of a batch, on the device it is on."""

import torch
from torch import Tensor
from torch.nn import functional as F

PADDING = 4  # black pixels around an image, from which a crop of its own size is taken


def draw_moves(count: int, generator: torch.Generator) -> Tensor:
    """Moves (count, 3) of images: row and column at which the crop begins, 0 to 8, and whether it is flipped (1)."""
    corners = torch.randint(2 * PADDING + 1, (count, 2), generator=generator)
    return torch.cat([corners, torch.randint(2, (count, 1), generator=generator)], dim=1)


def crop_and_flip(images: Tensor, moves: Tensor, black: Tensor) -> Tensor:
    """Images (n, channels, side, side), each moved by its row of `moves` (n, 3), on the same device.

    black (channels,): the value of a black pixel in each channel, which the padding has.
    """
    count, _, side, _ = images.shape
    shift = black.view(1, -1, 1, 1)
    padded = F.pad(images - shift, (PADDING,) * 4) + shift
    places = torch.arange(side, device=images.device)
    rows = moves[:, :1] + places
    columns = moves[:, 1:2] + torch.where(moves[:, 2:] == 1, side - 1 - places, places)
    numbers = torch.arange(count, device=images.device)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[numbers, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    channels_last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return moved.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
