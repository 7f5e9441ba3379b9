"""Shape of the data that a network is built for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Channels and side of the images, and the number of classes that the network tells apart."""

    channels: int
    image_size: int
    num_classes: int

    @property
    def pixels(self) -> int:
        """Number of values in an image."""
        return self.channels * self.image_size**2
