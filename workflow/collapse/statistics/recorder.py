"""Record activations of any network, by PyTorch's forward hooks."""

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
    """Where in a forward pass a tensor is recorded: the output or (`inward`) the input of the module named `module`.

    call: number of the module's call, from 1. element: number of the tensor, from 0, if there are several. None: there
    has to be only one. axis: the axis of the samples.
    """

    module: str
    call: int | None = None
    element: int | None = None
    axis: int = 0
    inward: bool = False


def parse_place(kind: str, name: str, modules: Mapping[str, nn.Module], axis: int = 0) -> Place:
    """The place that a user's name (in the syntax of NAME) means; raises ValueError for an unknown module."""
    if not isinstance(name, str):
        raise ValueError(f"{kind} {name!r} is a {type(name).__name__}: give a name, as in model.named_modules()")
    if name in modules:
        return Place(name, axis=axis)
    found = NAME.fullmatch(name)
    assert found  # whatever the name is, it is a module's
    call, element = (None if number is None else int(number) for number in found.group("call", "element"))
    return Place(check_choice(kind, found["module"], modules), call, element, axis)


class FeatureRecorder:
    """Runs a model and records the tensors at `places`, by name.

    The model has to be in eval mode. It runs without gradients, under the autocast that was on when the recorder was
    made. Recording does not change what the model computes. A compiled model runs eagerly: compiled code calls no hook.
    """

    def __init__(self, model: nn.Module, places: Mapping[str, Place]):
        self.model, self.places = model, dict(places)
        kinds = {parameter.device.type for parameter in model.parameters()} | {"cpu"}
        self.autocast = {
            kind: torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None for kind in kinds
        }

    def __call__(self, inputs: Any, train_mode: bool = False) -> tuple[dict[str, Tensor], Any]:
        """Run a batch; returns tensors (n, ...) by name, in the order of `places`, and the model's output.

        inputs: the model's one argument, a tuple of its arguments, or a mapping of its keywords. train_mode: batch
        norms use the batch's statistics; their running statistics do not change. Raises ValueError for a place with no
        tensor, or several.
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
        """Run without gradients, with the autocast that was on when the recorder was made, and eagerly."""
        # Not in inference mode: a tensor that the model stores there could not be used in a later training.
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            for kind, dtype in self.autocast.items():
                stack.enter_context(torch.autocast(kind, dtype=dtype, enabled=dtype is not None))
            # Do not import the compiler, which takes seconds: if it was never imported, nothing is compiled.
            eager = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
            stack.enter_context(eager)
            yield


class _PlaceHook:
    """A hook that copies the tensor at a place, as later modules may overwrite the tensor."""

    def __init__(self, name: str, place: Place):
        self.name, self.place = name, place
        self.calls, self.seen = 0, None

    def __call__(self, module: nn.Module, arguments: tuple, keywords: dict[str, Any], output: Any) -> None:
        """The hook, called by PyTorch after each call of the module."""
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
        """The recorded tensor; raises ValueError if there is none, or more than one."""
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
    """The tensors in an output: the output itself, or the members of a tuple, a list, a dict or an object like one."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    elif hasattr(value, "__dict__") and not isinstance(value, tuple | list):
        value = list(vars(value).values())
    return [part for part in value if isinstance(part, Tensor)] if isinstance(value, tuple | list) else []


def all_finite(tensor: Tensor) -> bool:
    """Whether no value is NaN or infinite. Tests the extremes, in a tenth of the time of isfinite()."""
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
        model.train(before[model])  # the train() of some models does more than set a flag
        for module, training in before.items():
            module.training = training


@contextmanager
def batch_norms_in_train_mode(model: nn.Module) -> Iterator[None]:
    """Only batch norms in train mode, so that they use each batch's statistics; dropout, for example, stays off.

    Their running statistics are restored afterwards.
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
    """Without gradients and autocast, so that statistics are computed in the precision of their tensors."""
    accelerator = torch.accelerator.current_accelerator()
    kinds = {"cpu"} if accelerator is None else {"cpu", accelerator.type}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for kind in kinds:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield
