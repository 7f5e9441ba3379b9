"""The one way to see a network's activations, ours or anybody's: PyTorch's forward hooks."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from collapse.strict import check_choice

# layer4, layer4.0.relu#2 (its second call), encoder[0] (the first tensor of the tuple it returns).
NAME = re.compile(r"(?P<module>.*?)(#(?P<call>[1-9]\d*))?(\[(?P<element>\d+)\])?", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """Where in a forward pass a tensor is seen: what the module named `module` gives, or (`inward`) is given.

    call: of several calls of the module, the one of this number, from 1. element: of several tensors, the one of this
    number, from 0. axis: that of the samples. None: there is but one.
    """

    module: str
    call: int | None = None
    element: int | None = None
    axis: int = 0
    inward: bool = False


def parse_place(kind: str, name: str, modules: Mapping[str, nn.Module], axis: int = 0) -> Place:
    """The place that a user's name means, as NAME has it; raises ValueError for an unknown module."""
    if not isinstance(name, str):
        raise ValueError(f"{kind} {name!r} is a {type(name).__name__}: give a name, as in model.named_modules()")
    if name in modules:
        return Place(name, axis=axis)
    found = NAME.fullmatch(name)
    assert found  # whatever the name is, it is a module's
    call, element = (None if number is None else int(number) for number in found.group("call", "element"))
    return Place(check_choice(kind, found["module"], modules), call, element, axis)


class FeatureRecorder:
    """A model of which tensors are seen at `places`, by name.

    The model runs as it would where the recorder was made, under autocast if that was on, and without gradients; it
    has to be in eval mode. What it computes is not changed, and it is called eagerly where it was compiled: compiled
    code calls no hook.
    """

    def __init__(self, model: nn.Module, places: Mapping[str, Place]):
        self.model, self.places = model, dict(places)
        kinds = {parameter.device.type for parameter in model.parameters()} | {"cpu"}
        self.autocast = {
            kind: torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None for kind in kinds
        }

    def __call__(self, inputs: Any, train_mode: bool = False) -> tuple[dict[str, Tensor], Any]:
        """What a batch leaves: tensors (n, ...) by name, in the order of `places`, and the model's own output.

        inputs: the model's one argument, a tuple of its arguments, or a mapping of its keywords. train_mode: batch
        norms use the batch's statistics, and keep their own. Raises ValueError for a place that no tensor came by, or
        more than one.
        """
        modules = dict(self.model.named_modules(remove_duplicate=False))
        hooks = {name: _PlaceHook(name, place) for name, place in self.places.items()}
        with ExitStack() as stack:
            for hook in hooks.values():
                handle = modules[hook.place.module].register_forward_hook(hook, with_kwargs=True)
                stack.callback(handle.remove)
            if train_mode:
                stack.enter_context(batch_norms_in_train_mode(self.model))
            stack.enter_context(self.as_it_runs())
            output = call(self.model, inputs)
        return {name: hook.found() for name, hook in hooks.items()}, output

    @contextmanager
    def as_it_runs(self) -> Iterator[None]:
        """Without gradients; with the autocast of where the recorder was made; eagerly."""
        # Not in inference mode: a tensor that the model keeps from it could take no part in a later training.
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            for kind, dtype in self.autocast.items():
                stack.enter_context(torch.autocast(kind, dtype=dtype, enabled=dtype is not None))
            # Nothing was compiled where the compiler was never imported, which takes seconds.
            eager = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
            stack.enter_context(eager)
            yield


class _PlaceHook:
    """A hook that keeps a copy of the tensor at a place: what follows may work in place."""

    def __init__(self, name: str, place: Place):
        self.name, self.place = name, place
        self.calls, self.seen = 0, None

    def __call__(self, module: nn.Module, arguments: tuple, keywords: dict[str, Any], output: Any) -> None:
        """As register_forward_hook wants it."""
        self.calls += 1
        if self.calls != (self.place.call or 1):
            return
        given = [*arguments, *keywords.values()]
        tensors = tensors_of(given[0] if self.place.inward and given else output)
        choices = " or ".join(f"{self.name}[{i}]: {tuple(tensor.shape)}" for i, tensor in enumerate(tensors))
        if self.place.element is None and len(tensors) != 1:
            raise ValueError(
                f"layer {self.name!r} ({type(module).__name__}) gives {len(tensors)} tensors, not one"
                + (f": ask for {choices}" if choices else "")
            )
        if (self.place.element or 0) >= len(tensors):
            raise ValueError(f"layer {self.name!r}: there is no tensor of that number; there are {choices or 'none'}")
        tensor = tensors[self.place.element or 0]
        if tensor.dim() <= self.place.axis:
            raise ValueError(f"layer {self.name!r} gives {tuple(tensor.shape)}, which has no axis {self.place.axis}")
        self.seen = tensor.detach().movedim(self.place.axis, 0).clone()

    def found(self) -> Tensor:
        """The tensor; raises ValueError where there is none, or more than one."""
        if self.seen is None:
            raise ValueError(
                f"layer {self.name!r} is called {self.calls} times when the model runs: choose one that is called"
                + ("" if self.calls else ", and no container (nn.ModuleList) or part that the model passes by")
            )
        if self.place.call is None and self.calls > 1:
            raise ValueError(
                f"layer {self.name!r} is called {self.calls} times in one pass of the model: ask for one of them, "
                f"as {self.place.module}#1 or {self.place.module}#{self.calls}"
            )
        return self.seen


def tensors_of(value: Any) -> list[Tensor]:
    """The tensors that a layer or a model gave: one, or those of a tuple, a list, a dict or an object like one."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    elif hasattr(value, "__dict__") and not isinstance(value, tuple | list):
        value = list(vars(value).values())
    return [part for part in value if isinstance(part, Tensor)] if isinstance(value, tuple | list) else []


def all_finite(tensor: Tensor) -> bool:
    """Whether no value is NaN or infinite: from the extremes, which takes a tenth of the time of isfinite()."""
    return not tensor.numel() or bool(torch.stack(tensor.aminmax()).isfinite().all())


def call(model: Callable, inputs: Any) -> Any:
    """The model's output: `inputs` is its one argument, a tuple of its arguments, or a mapping of its keywords."""
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[nn.Module]:
    """The model in eval mode; afterwards each of its modules is in the mode it was in."""
    before = {module: module.training for module in model.modules()}
    try:
        yield model.eval()
    finally:
        model.train(before[model])  # which some models do more in than to set a flag
        for module, training in before.items():
            module.training = training


@contextmanager
def batch_norms_in_train_mode(model: nn.Module) -> Iterator[None]:
    """Batch norms by the statistics of each batch, and nothing else in train mode: dropout stays off.

    Their running statistics are put back afterwards.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    before = [(norm, norm.training, {name: t.clone() for name, t in norm.named_buffers()}) for norm in norms]
    try:
        for norm in norms:
            norm.training = True
        yield
    finally:
        with torch.no_grad():
            for norm, training, buffers in before:
                norm.training = training
                for name, value in buffers.items():
                    norm.get_buffer(name).copy_(value)


@contextmanager
def exactly() -> Iterator[None]:
    """Neither gradients nor autocast: statistics are computed in the precision they ask for."""
    accelerator = torch.accelerator.current_accelerator()
    kinds = {"cpu"} if accelerator is None else {"cpu", accelerator.type}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for kind in kinds:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield
