"""Random subsets of a dataset that are measured as they are, without a network: D_0 of He & Su 2023."""

from typing import Any

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from collapse.data.entries import DATASETS, check_channels
from collapse.strict import ConfigModel, check_choice


class Subset(ConfigModel):
    """How a subset is drawn from a dataset's train split, and its images prepared."""

    dataset: str = Field(description="name of the dataset")
    samples: PositiveInt = Field(description="train samples of each class")
    image_size: PositiveInt = Field(description="side of the images; resized (Pillow, bilinear) where it differs")
    mean: tuple[float, ...] = Field(description="per-channel mean subtracted from the pixels in [0, 1]")
    std: tuple[PositiveFloat, ...] = Field(description="per-channel divisor")
    input_channel: NonNegativeInt | None = Field(default=None, description="that channel alone, counted from 0")

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        if isinstance(data, dict) and "dataset" in data:
            known = [name for name, entry in DATASETS.items() if not entry.own]  # the job reads no configuration
            spec = DATASETS[check_choice("dataset", data["dataset"], known)]
            data = {"image_size": spec.image_size, "mean": spec.mean, "std": spec.std, **data}
        return data

    @model_validator(mode="after")
    def _possible(self) -> "Subset":
        spec = DATASETS[self.dataset]
        check_channels(self.dataset, spec.channels, mean=self.mean, std=self.std)
        if self.samples > min(spec.train_counts):
            raise ValueError(f"{self.dataset} holds {min(spec.train_counts)} train samples of some class")
        if self.input_channel is not None and self.input_channel >= spec.channels:
            raise ValueError(f"input_channel {self.input_channel}: {self.dataset} has {spec.channels} channel(s)")
        return self

    def class_counts(self) -> tuple[int, ...]:
        """Samples of each class."""
        return (self.samples,) * DATASETS[self.dataset].num_classes
