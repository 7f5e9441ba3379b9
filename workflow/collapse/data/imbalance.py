"""How many train samples each class has, as a paper's file says it."""

import bisect
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from collapse.strict import ConfigModel


class Imbalance(ConfigModel):
    """Class counts of the train set: classes 0..k_major-1 are the majority (Fang et al. 2021).

    Give `n_major`, a multiple of the ratio (then n_minor = n_major / ratio), or `n_minor` (then n_major = n_minor *
    ratio), or `counts`: every class is then a majority class, and ratio = greatest count / least count.
    """

    k_major: PositiveInt = Field(description="K_A, the number of majority classes")
    ratio: PositiveInt | PositiveFloat | Literal["inf"] = Field(
        description="R = n_A / n_B, a whole number but for counts; inf: no minority sample at all"
    )
    n_major: PositiveInt = Field(description="n_A, train samples of a majority class")
    n_minor: NonNegativeInt = Field(description="n_B, train samples of a minority class")
    counts: tuple[PositiveInt, ...] | None = Field(
        default=None,
        description="train samples of each class, instead of the four above; all: whatever the dataset holds",
    )
    oversampling: PositiveInt = Field(default=1, description="w_r, how often a minority sample appears in an epoch")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if data.get("counts") is not None:
            return _from_counts(data)
        if not ({"n_major", "n_minor"} & set(data)):
            return data
        ratio = data.get("ratio")
        if ratio == "inf":
            return {"n_minor": 0, **data}
        if isinstance(ratio, float):
            raise ValueError(f"ratio {ratio:g}: a whole number of 1 or more, or inf (counts may have any)")
        if not isinstance(ratio, int) or ratio < 1:
            return data  # the field's own check says what is wrong
        if "n_major" not in data:
            return {"n_major": data["n_minor"] * ratio, **data}
        return {"n_minor": data["n_major"] // ratio, **data}

    @model_validator(mode="after")
    def _possible(self) -> "Imbalance":
        if self.counts:
            return self
        if self.ratio == "inf":
            if self.n_minor:
                raise ValueError(f"ratio inf means n_minor 0, not {self.n_minor}")
        elif self.n_minor == 0:
            raise ValueError(
                f"ratio {self.ratio} leaves the minority classes empty: n_major is {self.n_major}, "
                f"so the largest ratio is {self.n_major} (or inf, where that is meant)"
            )
        elif self.n_minor != self.n_major // self.ratio:
            raise ValueError(f"n_major {self.n_major} and n_minor {self.n_minor} are not at ratio {self.ratio}")
        elif self.n_major % self.ratio:
            below, above = _nearest_divisors(self.n_major, self.ratio)
            raise ValueError(
                f"ratio {self.ratio} does not divide n_major {self.n_major}: "
                f"the nearest that do are {below} and {above}"
            )
        return self

    def check(self, dataset: str, held_counts: tuple[int, ...]) -> None:
        """Raise ValueError where a dataset that holds `held_counts` (K,) train samples has no such subset."""
        num_classes = len(held_counts)
        if self.counts:
            if len(self.counts) != num_classes:
                raise ValueError(f"counts has {len(self.counts)} entries: {dataset} has {num_classes} classes")
        elif self.k_major > num_classes:
            raise ValueError(f"k_major {self.k_major}: {dataset} has {num_classes} classes")
        elif self.k_major == num_classes and self.ratio != 1:
            raise ValueError(
                f"k_major {self.k_major} leaves no minority class in {dataset}: use ratio 1, or k_major below "
                f"{num_classes}"
            )
        for label, (wanted, held) in enumerate(zip(self.class_counts(num_classes), held_counts, strict=True)):
            if wanted > held:
                raise ValueError(f"{dataset} holds {held} train samples of class {label}: {wanted} are asked for")

    def class_counts(self, num_classes: int) -> tuple[int, ...]:
        """Distinct train samples of each class."""
        return self.counts or (self.n_major,) * self.k_major + (self.n_minor,) * (num_classes - self.k_major)


def _nearest_divisors(number: int, wanted: float) -> tuple[int, int]:
    """The divisors of `number` next below and next above `wanted`, which is less than `number` and no divisor."""
    divisors = [divisor for divisor in range(1, number + 1) if number % divisor == 0]
    place = bisect.bisect(divisors, wanted)
    return divisors[place - 1], divisors[place]


def _from_counts(data: dict[str, Any]) -> dict[str, Any]:
    """The keys of Imbalance that `counts` implies; raises ValueError where a given key contradicts `counts`."""
    if not isinstance(data["counts"], (list, tuple)):
        raise ValueError(f"counts is all, or a number for each class (in a grid: [[5, 5]]), not {data['counts']!r}")
    counts = [count for count in data["counts"] if isinstance(count, int) and count > 0]
    if len(counts) < len(data["counts"]):
        raise ValueError(f"counts {list(data['counts'])}: every class needs a positive number of samples")
    implied = {
        "k_major": len(counts),
        "n_major": max(counts),
        "n_minor": min(counts),
        "ratio": max(counts) // min(counts) if max(counts) % min(counts) == 0 else max(counts) / min(counts),
    }
    for key, value in implied.items():
        if data.get(key, value) != value:
            raise ValueError(f"give counts or {key}, not both")
    return data | implied
