"""DeepFool (Moosavi-Dezfooli, Fawzi, Frossard 2016): small l2 moves of images that change a classifier's answers.

Each step moves an image across the nearest boundary of the classifier's linearisation there, among the classes with the
greatest logits at the start.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

BEYOND = 1e-4  # added to the distance to the boundary, as the authors' code does: a step then ends beyond it


@dataclass(frozen=True)
class Perturbation:
    """Moves (n, ...) of n images, and whether each one changed the answer (n,)."""

    moves: Tensor
    fooled: Tensor

    def norms(self, scale: Tensor | float = 1.0) -> Tensor:
        """l2 norm (n,) float64 of every move times `scale`, a number or one for each channel (channels, 1, 1): with the
        number that a channel was divided by, the norm is in the units of before.
        """
        return (self.moves.double() * scale).flatten(1).norm(dim=1)


def deepfool(
    logits: Callable[[Tensor], Tensor], images: Tensor, candidates: int = 10, steps: int = 50, overshoot: float = 0.02
) -> Perturbation:
    """Perturb images (n, ...) until `logits` (n, K) answers otherwise, or `steps` steps are made.

    candidates: how many of the greatest logits count, the answer's own among them. overshoot: the moves are this much
    longer than what the steps add up to. The images do not influence each other where `logits` treats each by itself
    (batch norms in eval mode). An image whose candidates have no gradient stays where it is.
    """
    moves = torch.zeros_like(images)
    fooled = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    active = torch.arange(len(images), device=images.device)
    with torch.no_grad():
        first = logits(images)
    chosen = first.topk(min(candidates, first.shape[1])).indices
    for step in range(steps + 1):
        at = (images[active] + (1 + overshoot) * moves[active]).requires_grad_()
        with torch.enable_grad():
            found = logits(at)
        answer = chosen[active, 0]
        other = found.argmax(1) != answer
        fooled[active[other]] = True
        if step == steps or other.all():
            break
        rows = torch.arange(len(active), device=images.device)
        gradients = [
            torch.autograd.grad(found[rows, classes].sum(), at, retain_graph=True)[0].flatten(1)
            for classes in chosen[active].T
        ]
        normals = torch.stack(gradients[1:], 1) - gradients[0][:, None]  # (active, candidates - 1, ...)
        values = found.detach().gather(1, chosen[active])
        lengths = normals.norm(dim=2)
        distances = torch.where(lengths > 0, (values[:, 1:] - values[:, :1]).abs() / lengths, torch.inf)
        nearest = distances.argmin(1)
        distance = distances[rows, nearest]
        going = ~other & distance.isfinite()
        direction = (normals[rows, nearest] / lengths[rows, nearest, None])[going]
        active, distance = active[going], distance[going]
        moves[active] += ((distance[:, None] + BEYOND) * direction).view_as(moves[active])
        if not len(active):
            break
    return Perturbation((1 + overshoot) * moves, fooled)
