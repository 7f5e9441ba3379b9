"""Crops and flips: those of torchvision, drawn evenly, black around the image."""

import torch
from torchvision.transforms import functional as F

from collapse.data.images import normalise
from collapse.training.augmentation import PADDING, crop_and_flip, draw_moves
from collapse.training.inputs import load_images
from collapse.training.loop import Training
from collapse.training.weights import network_of

CPU = torch.device("cpu")


def test_each_image_is_the_crop_and_flip_that_torchvision_makes():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (200, 3, 7, 7), generator=generator).to(torch.uint8)
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
    black = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)])
    moves = draw_moves(200, generator)
    for layout in (torch.contiguous_format, torch.channels_last):
        images = normalise(pixels.numpy(), 7, 255, mean, std, CPU).contiguous(memory_format=layout)
        found = crop_and_flip(images, moves, black)
        assert found.is_contiguous(memory_format=layout)
        for image, (row, column, flipped), one in zip(pixels, moves.tolist(), found, strict=True):
            cropped = F.crop(F.pad(image, [PADDING]), row, column, 7, 7)
            expected = normalise((F.hflip(cropped) if flipped else cropped)[None].numpy(), 7, 255, mean, std, CPU)
            torch.testing.assert_close(one[None], expected, rtol=0, atol=1e-6)


def test_moves_are_drawn_evenly():
    moves = draw_moves(162 * 200, torch.Generator().manual_seed(0))
    places = moves[:, 0] * 18 + moves[:, 1] * 2 + moves[:, 2]
    counts = torch.bincount(places, minlength=162)
    assert len(counts) == 162
    assert ((counts - 200).abs() < 6 * 200**0.5).all()


def test_every_epoch_sees_other_crops_and_the_same_seed_the_same(recipe, digits):
    """What the steps saw, recorded at the network's first layer."""
    augmented = recipe.protocol.model_copy(update={"augmentation": "crop_flip"})
    images, labels = load_images(recipe, digits, "train", None, CPU)

    def seen(protocol, epochs):
        network = network_of(recipe)
        training = Training(network, images, labels, torch.arange(len(labels)), protocol, 5, (-1.0,))
        recorded = []
        first = next(iter(network.layers.values()))
        first.register_forward_hook(lambda module, inputs, output: recorded.append(inputs[0].clone()))
        for _ in range(epochs):
            training.run_epoch()
        return torch.cat(recorded).split(len(labels))

    one, two = seen(augmented, 2)
    assert torch.equal(seen(augmented, 1)[0], one)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(5))
    assert torch.equal(seen(recipe.protocol, 1)[0], images[order])
    moved = (one != images[order]).flatten(1).any(1).double().mean()
    assert moved > 0.97  # 1 of 162 moves is none, and flips of symmetric images
    assert not torch.equal(one, two)
