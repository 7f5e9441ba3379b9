"""Find a network's classifier: the layer whose output is the logits, and linear in the layer's input."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from collapse.statistics.recorder import Place, all_finite, parse_place, tensors_of

WITHOUT = "measure what needs no classifier with classifier=None, features=<layer>"


@dataclass
class Candidate:
    """One call of a module with a weight matrix: copies of its input (n, d) and output (n, K)."""

    name: str
    number: int
    module: nn.Module
    given: Tensor
    output: Tensor
    calls: int = 1

    @property
    def called(self) -> str:
        """The module's name, with the number of the call if there are several."""
        return self.name if self.calls == 1 else f"{self.name}#{self.number}"

    @property
    def place(self) -> Place:
        """The place of the call's output."""
        return Place(self.name, None if self.calls == 1 else self.number)

    def __str__(self) -> str:
        """The candidate in words, for messages."""
        return f"{self.called}, which gives {tuple(self.output.shape)}"


def find_classifier(model: nn.Module, run: Callable[[], Any], chosen: str | None = None) -> Candidate:
    """The classifier of a model, found by running it: `run` calls the model on a batch and returns the model's output.

    The classifier's output is the `logits` of the model's output if it has them, else one of its tensors. A classifier
    that is `chosen` by name may also give the logits whose softmax or log-softmax the model returns.
    Raises ValueError, naming the candidates, where no layer or several layers fit; and for an unknown name.
    """
    modules = {name: module for name, module in model.named_modules(remove_duplicate=False) if _has_matrix(module)}
    if not modules:
        raise ValueError(f"the model has no nn.Linear, so no classifier to measure: {WITHOUT}")
    if chosen is not None:
        parse_place("classifier", chosen, modules)
    # A module with two names is watched under its first name only, as one call would otherwise count twice.
    candidates, output = _watch({name: m for name, m in model.named_modules() if name in modules}, run)
    answers = logits_of(output)
    for answer in answers:
        if not all_finite(answer):
            raise ValueError(
                f"the model's output {tuple(answer.shape)} on the first batch has values that are not finite"
            )
    if any(answer.dim() > 2 and answer.flatten(2).shape[2] > 1 for answer in answers) and len(answers) == 1:
        raise ValueError(
            f"the model gives {tuple(answers[0].shape)}: logits (n, K) are wanted, one row a sample. Wrap the model so "
            "that what you count as a sample is one"
        )
    if chosen is not None:
        candidates = _chosen(chosen, modules, candidates)
    same = [found for found in candidates if any(_same(found.output, answer) for answer in answers)]
    if not same:
        same = _before_softmax(candidates, answers, chosen)
    linear = _outermost([found for found in same if is_linear(found)])
    if not linear:
        raise ValueError(
            f"{same[0].called!r} ({type(same[0].module).__name__}) gives the model's output, but that is not linear in "
            f"its input by its weight and bias, so no classifier to measure: {WITHOUT}"
        )
    if len(linear) > 1:
        raise ValueError(
            f"the classifier could be {' or '.join(map(str, linear))}: name one, as classifier={linear[0].called!r}"
        )
    return linear[0]


def logits_of(output: Any) -> list[Tensor]:
    """Tensors of a model's output that may be the logits: `logits` if it has them, else all. Raises ValueError."""
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    answers = [named] if isinstance(named, Tensor) else tensors_of(output)
    if not answers:
        raise ValueError(
            f"the model gives a {type(output).__name__}: a tensor of logits (n, K) is wanted, or a tuple, dict or "
            "object that has it (as `logits`)"
        )
    return answers


def is_probability(rows: Tensor) -> bool:
    """Whether every row of (n, K) is a distribution: not negative, with sum 1."""
    sums = rows.double().sum(1)
    return bool((rows >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=_epsilon(rows) * rows.shape[1])


def is_linear(found: Candidate) -> bool:
    """Whether the output is weight times input plus bias, up to the rounding of the types it was computed in."""
    weight, bias = matrix(found.module).double(), vector(found.module).double()
    given = found.given.double()
    if given.shape[1] != weight.shape[1] or found.output.shape[1] != len(weight):
        return False
    off = torch.linalg.norm(given @ weight.T + bias - found.output.double())
    # Rounding errors of inputs, weights and output add up like noise; sums are rounded in float32 at worst.
    low = max(_epsilon(found.output), _epsilon(found.given), _epsilon(_weight(found.module)))
    rounded = 4 * low * torch.linalg.norm((given.square() @ weight.square().T + bias.square()).sqrt())
    summed = 8 * torch.finfo(torch.float32).eps * torch.linalg.norm(given.abs() @ weight.abs().T + bias.abs())
    return bool(off <= rounded + summed)


def matrix(module: nn.Module) -> Tensor:
    """Weights (K, d) of a linear layer, or of a 1x1 convolution."""
    return _weight(module).detach().flatten(1)


def vector(module: nn.Module) -> Tensor:
    """Bias (K,), zero where there is none."""
    weight, bias = _weight(module), getattr(module, "bias", None)
    return weight.new_zeros(len(weight)) if bias is None else bias.detach()


def _weight(module: nn.Module) -> Tensor:
    assert isinstance(module.weight, Tensor)  # _has_matrix chose the module, or it is an nn.Linear
    return module.weight


def _epsilon(tensor: Tensor) -> float:
    """Relative rounding error of computing a tensor of this type and device: GPUs may multiply float32 in TF32."""
    return max(torch.finfo(tensor.dtype).eps, 2**-10 if tensor.is_cuda and tensor.dtype == torch.float32 else 0.0)


def _has_matrix(module: nn.Module) -> bool:
    """Whether a module may be a linear layer: nn.Linear, a 1x1 convolution, or a class with a weight of that shape."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or not weight.is_floating_point() or isinstance(module, nn.Embedding):
        return False
    return weight.dim() >= 2 and weight[0].numel() == weight.shape[1]


def _watch(modules: dict[str, nn.Module], run: Callable[[], Any]) -> tuple[list[Candidate], Any]:
    """Every call, during `run`, of modules with input and output of one row a sample; and what `run` returned."""
    found: list[Candidate] = []
    calls = dict.fromkeys(modules, 0)

    def keep(name: str) -> Callable:
        def hook(module: nn.Module, arguments: tuple, keywords: dict[str, Any], output: Any) -> None:
            calls[name] += 1
            given = next(iter([*arguments, *keywords.values()]), None)
            if _is_flat(given) and _is_flat(output):
                before, after = (tensor.detach().flatten(1).clone() for tensor in (given, output))
                found.append(Candidate(name, calls[name], module, before, after))

        return hook

    with ExitStack() as stack:
        for name, module in modules.items():
            stack.callback(module.register_forward_hook(keep(name), with_kwargs=True).remove)
        output = run()
    for candidate in found:
        candidate.calls = calls[candidate.name]
    return found, output


def _is_flat(tensor: Any) -> TypeGuard[Tensor]:
    """Whether a value is a tensor (n, d), or like (n, d, 1, 1)."""
    return isinstance(tensor, Tensor) and tensor.dim() > 1 and tensor.flatten(1).shape[1] == tensor.shape[1]


def _same(output: Tensor, answer: Tensor) -> bool:
    """Whether a layer's output (n, K) equals the model's, which may have another dtype, or a shape as (n, K, 1, 1)."""
    return _is_flat(answer) and output.shape == answer.flatten(1).shape and _equal(output, answer.flatten(1))


def _equal(first: Tensor, second: Tensor) -> bool:
    return torch.equal(first.to(second.device, torch.float64), second.double())


def _chosen(chosen: str, modules: dict[str, nn.Module], candidates: list[Candidate]) -> list[Candidate]:
    """The candidates of the name `chosen`; raises ValueError where that module is never called on (n, d)."""
    place = parse_place("classifier", chosen, modules)
    calls = [found for found in candidates if found.module is modules[place.module]]
    if not calls:
        called = ", ".join(found.called for found in candidates)
        raise ValueError(f"classifier {chosen!r} is not called on inputs (n, d) when the model runs; {called} are")
    asked = [found for found in calls if place.call in (None, found.number)]
    if not asked:
        raise ValueError(f"classifier {chosen!r}: {place.module!r} is called {calls[0].calls} times in one pass")
    return asked


def _outermost(found: list[Candidate]) -> list[Candidate]:
    """The candidates that contain no other candidate: a wrapper has the same output as the layer that it wraps."""
    return [a for a in found if not any(a.name.startswith(f"{b.name}.") for b in found if b is not a)]


def _before_softmax(candidates: list[Candidate], answers: list[Tensor], chosen: str | None) -> list[Candidate]:
    """The chosen candidates whose output becomes the model's by a softmax; raises ValueError if there is none."""
    kinds = {found.called: _softened(found.output, answer) for found in candidates for answer in answers}
    before = [found for found in candidates if kinds[found.called]]
    if before and chosen is None:
        name = before[0].called
        raise ValueError(
            f"the model gives the {kinds[name]} of what {name!r} gives: no logits. Give the model without it, or "
            f"classifier={name!r}, whose output is then taken for the logits"
        )
    if not before:
        shapes = " and ".join(str(tuple(answer.shape)) for answer in answers)
        who, there = "no layer" if chosen is None else repr(chosen), "; ".join(map(str, candidates)) or "none"
        raise ValueError(
            f"{who} gives the model's output {shapes}; there are, of a row a sample: {there}. The classifier's output "
            f"has to be the logits: give a model that ends in it, or {WITHOUT}"
        )
    return before


def _softened(output: Tensor, answer: Tensor) -> str | None:
    """The function that makes the model's output of a layer's output: softmax, log-softmax, or None."""
    if not _is_flat(answer) or output.shape != answer.flatten(1).shape:
        return None
    logits, answer = output.double(), answer.flatten(1).double().to(output.device)
    close = 8 * max(_epsilon(output), torch.finfo(torch.float32).eps)
    for name, rows in (("softmax", logits.softmax(1)), ("log-softmax", logits.log_softmax(1))):
        if torch.allclose(rows, answer, rtol=close, atol=close):
            return name
    return None
