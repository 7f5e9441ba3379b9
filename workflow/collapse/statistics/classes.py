"""Class statistics of one layer's activations: two additive accumulators, and the subspace between them.

A first sweep over the activations gives the class means (Moments), these the between-class subspace (Subspace), a
second sweep the scatter about the means within it (Scatter). No d x d matrix is formed, and nothing cancels: sums are
float64, and what is squared is measured from its own class mean (metrics.md, sections 5 to 7).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

# Between-class directions below this fraction of the largest eigenvalue are numerical noise (metrics.md, section 5).
RANK_TOLERANCE = 1e-10
# Differences of means below this fraction of the means themselves are rounding: the means are equal.
EQUAL_TOLERANCE = 1e-12
# Activations between these powers of two can be squared in float32 without overflow or lost digits, also deviations of
# a millionth of the activations, and sums of a million squares.
ORDINARY = (-20, 20)
# Bytes that are worked on at once: few enough to stay in a core's cache.
CHUNK_BYTES = 2**20


def chunks(activations: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Parts of activations (n, ...), as (rows, d), and of labels (n,). float64 stays; other types become float32."""
    activations = activations.flatten(1)
    dtype = torch.promote_types(activations.dtype, torch.float32)
    size = max(1, CHUNK_BYTES // max(1, activations.shape[1] * dtype.itemsize))
    for part, label in zip(activations.split(size), labels.split(size), strict=True):
        yield part.to(dtype), label


class Moments:
    """Counts (K,) and sums (K, d) of activations by class, and the largest absolute activation, a scalar.

    Additive: shards can be measured apart, and merged.
    """

    def __init__(self, num_classes: int, width: int, device: torch.device | str = "cpu"):
        self.count = torch.zeros(num_classes, dtype=torch.int64, device=device)
        self.total = torch.zeros(num_classes, width, dtype=torch.float64, device=device)
        self.largest = torch.zeros((), dtype=torch.float64, device=device)

    def add(self, activations: Tensor, labels: Tensor) -> None:
        """Take in activations (n, ...) with labels (n,) in 0..K-1."""
        self.count += torch.bincount(labels, minlength=len(self.count))
        for part, label in chunks(activations, labels):
            self.total.index_add_(0, label, part.double())
            if part.numel():
                low, high = part.aminmax()
                self.largest = torch.maximum(self.largest, torch.maximum(-low, high).double())

    def merge(self, other: "Moments") -> None:
        """Add the counts and sums of another shard."""
        self.count += other.count.to(self.count.device)
        self.total += other.total.to(self.total.device)
        self.largest = torch.maximum(self.largest, other.largest.to(self.largest.device))

    @property
    def mean(self) -> Tensor:
        """Class means (K, d), float64; NaN for a class without samples."""
        return self.total / self.count[:, None]  # 0 / 0 is NaN


class Subspace:
    """The span of the differences of class means (K, d): at most K - 1 directions.

    `spectrum` (r,) holds the non-zero eigenvalues of Sigma_B = (1/K) sum_c (mu_c - mu)(mu_c - mu)^T over the classes
    present, mu the mean of their means; `basis` (d, r) its eigenvectors; `coordinates` (K, r) the class means minus mu
    in that basis, NaN for an absent class. Sigma_B shares its eigenvalues with a K x K Gram matrix.
    `centres` (K, d): the means rounded to `dtype`, from which deviations of activations are measured. `scale`: a power
    of two that multiplies deviations before they are squared; 1 unless the `largest` activation is outside ORDINARY.
    """

    def __init__(self, mean: Tensor, count: Tensor, dtype: torch.dtype, largest: Tensor | float = 1.0):
        present = count > 0
        means = mean[present]
        centre = means.mean(0)
        centred = means - centre
        scale = means.norm(dim=1).max() if len(means) else torch.zeros((), device=mean.device)
        gram = centred @ centred.T / max(1, len(means))
        eigenvalues, vectors = torch.linalg.eigh(gram)
        top = eigenvalues[-1] if len(eigenvalues) else torch.zeros((), device=mean.device)
        kept = eigenvalues > torch.maximum(RANK_TOLERANCE * top, (EQUAL_TOLERANCE * scale) ** 2)
        self.spectrum = eigenvalues[kept]
        scaled = vectors[:, kept] * (len(means) * self.spectrum).sqrt()  # (K, r), coordinates of the classes present
        self.coordinates = torch.full((len(mean), len(self.spectrum)), torch.nan, dtype=mean.dtype, device=mean.device)
        self.coordinates[present] = scaled
        self.mean, self.count, self.scale = mean, count, power_of_two(float(largest))
        self.centres = torch.where(present[:, None], mean, centre).to(dtype)
        # Each column is a direction; in this memory order, products with the basis take a third less time on a CPU.
        self.basis = (centred.T @ (vectors[:, kept] / (len(means) * self.spectrum).sqrt())).to(dtype)
        # For nearest(): class means as columns (r, K), and |mu_i - mu_j|^2 / 2 (K, K), infinite for an absent class j.
        places = torch.where(present[:, None], self.coordinates, 0.0) * self.scale
        apart = torch.cdist(places, places, compute_mode="donot_use_mm_for_euclid_dist").square() / 2
        self._places, self._apart = places.T.to(dtype), apart.masked_fill(~present, torch.inf).to(dtype)

    def nearest(self, projected: Tensor, labels: Tensor) -> Tensor:
        """Class (n,) whose mean is nearest, from scaled deviations along the basis (n, r) and their labels (n,).

        The least of |mu_i - mu_j|^2 / 2 - <h - mu_i, mu_j>, which is |h - mu_j|^2 / 2 less what all classes j share, i
        being the label: the expanded form about the origin would cancel (metrics.md, section 6).
        """
        return torch.addmm(self._apart[labels], projected, self._places, alpha=-1).argmin(1)


def power_of_two(largest: float) -> float:
    """Power of two that scales activations up to `largest` to near 1, without rounding; 1 if they are in ORDINARY."""
    exponent = math.frexp(largest)[1] if 0 < largest < math.inf else 0
    low, high = ORDINARY
    return 1.0 if low <= exponent <= high else 2.0 ** -max(-126, min(exponent, 126))


@dataclass
class Measured:
    """Statistics of a layer by class; float64, but for counts.

    count (K,); mean (K, d); coordinates (K, r); spectrum (r,), as in Subspace; trace (K,), mean squared distance of a
    class's activations to their mean; within (r, r), the within-class scatter Sigma_W = (1/n) sum_i (h_i - mu_i)(...)^T
    in the basis of the subspace; within_unweighted (r, r), the same with each of the K classes present weighted 1/K,
    not by its count. NaN for classes without samples. From a `diagonal` Scatter, within is the diagonal (r,) of
    Sigma_W; trace and within_unweighted are NaN.
    """

    count: Tensor
    mean: Tensor
    coordinates: Tensor
    spectrum: Tensor
    trace: Tensor
    within: Tensor
    within_unweighted: Tensor


class Scatter:
    """Scatter of activations about the class means of a Subspace. Additive: shards can be measured apart, and merged.

    `diagonal`: compute only the diagonal of Sigma_W in the subspace's basis, which is enough for NC1.
    """

    def __init__(self, subspace: Subspace, diagonal: bool = False):
        self.subspace, self.diagonal = subspace, diagonal
        classes, rank = subspace.coordinates.shape
        new = subspace.coordinates.new_zeros
        self.squares = new(classes).fill_(torch.nan if diagonal else 0)
        self.second = new(rank) if diagonal else new(rank, rank)
        # Only where class counts differ, a second sum: the scatter with each class weighted 1/n_c.
        present = subspace.count[subspace.count > 0]
        self.uneven = not diagonal and bool((present != present[:1]).any())
        self.second_unweighted = new(rank, rank) if self.uneven else None
        self._weights = (1 / subspace.count.double()).to(subspace.basis.dtype)

    def add(self, activations: Tensor, labels: Tensor, nearest: bool = False) -> Tensor | None:
        """Take in activations (n, ...) with labels (n,); returns, where asked for, the nearest class of each (n,)."""
        found, centres = [], self.subspace.centres
        deviations = None
        for part, label in chunks(activations, labels):
            # In place: a core writes twice as fast to memory in its cache as to new memory.
            deviations = torch.empty_like(part) if deviations is None else deviations[: len(part)]
            torch.index_select(centres, 0, label, out=deviations)
            torch.sub(part, deviations, out=deviations)
            if self.subspace.scale != 1:
                deviations *= self.subspace.scale
            projected = deviations @ self.subspace.basis
            if self.diagonal:
                self.second += projected.square().sum(0)
            else:
                self.squares.index_add_(0, label, torch.linalg.vector_norm(deviations, dim=1).double().square())
                self.second += projected.T @ projected
                if self.uneven:
                    self.second_unweighted += (projected * self._weights[label][:, None]).T @ projected
            if nearest:
                found.append(self.subspace.nearest(projected, label))
        return torch.cat(found) if nearest else None

    def merge(self, other: "Scatter") -> None:
        """Add the sums of another shard, taken about the same means."""
        for name in ("squares", "second", *(["second_unweighted"] if self.uneven else [])):
            getattr(self, name).add_(getattr(other, name).to(self.squares.device))

    def finish(self) -> Measured:
        """The statistics, corrected for the rounding of the means to centres."""
        space, unit = self.subspace, self.subspace.scale**-2
        count, rounding = space.count.double(), space.mean - space.centres.double()  # NaN for an absent class
        shift = torch.nan_to_num(rounding) @ space.basis.double()
        rounded = count @ shift.square() if self.diagonal else (shift * count[:, None]).T @ shift
        within = (self.second * unit - rounded) / count.sum()
        unweighted = torch.full_like(within, torch.nan) if self.diagonal else within
        if self.second_unweighted is not None:
            present = (count > 0).double()
            unweighted = (self.second_unweighted * unit - (shift * present[:, None]).T @ shift) / present.sum()
        trace = (self.squares * unit / count - rounding.square().sum(1)).clamp(min=0)
        return Measured(space.count, space.mean, space.coordinates, space.spectrum, trace, within, unweighted)


def class_statistics(activations: Tensor, labels: Tensor, num_classes: int, diagonal: bool = False) -> Measured:
    """Statistics of activations (n, ...) in memory with labels (n,), by both sweeps. `diagonal`: as in Scatter."""
    moments = Moments(num_classes, activations[0].numel(), activations.device)
    moments.add(activations, labels)
    dtype = torch.promote_types(activations.dtype, torch.float32)
    scatter = Scatter(Subspace(moments.mean, moments.count, dtype, moments.largest), diagonal)
    scatter.add(activations, labels)
    return scatter.finish()
