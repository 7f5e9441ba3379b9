"""What a network is built for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Channels and side of the images, and the number of classes that the network tells apart."""

    channels: int
    image_size: int
    num_classes: int

    @property
    def pixels(self) -> int:
        """Values of an image."""
        return self.channels * self.image_size**2
