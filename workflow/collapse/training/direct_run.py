"""Runs of unconstrained features: the seeds of a cell, optimised side by side, with the files that every run has.

An epoch is one iteration. history.csv has a line for each iteration that is measured, not for every one.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import astuple
from itertools import groupby

import torch

from collapse.models.network import Network
from collapse.recipe import Recipe
from collapse.runs import state_folder
from collapse.training.diagnosis import untrained
from collapse.training.direct import DirectOptimisation
from collapse.training.direct_problem import Problem, Weights
from collapse.training.inputs import load_train
from collapse.training.loop import Epoch
from collapse.training.making import Making, RunContext, Stopped, begun, saved_state
from collapse.training.state import save_state
from collapse.training.weights import network_of, save_checkpoint

# Iterations between two looks at the clock, at the signals, and at whether the weights are finite.
CHUNK = 500


class _Run:
    """One of the runs that are optimised side by side."""

    def __init__(self, making: Making):
        self.making = making
        self.network = network_of(making.recipe).to(making.work.device)
        state = saved_state(making)
        self.state = None if state is None else state["iterates"]
        self.resumed_at: int = 0 if state is None else state["iteration"]
        self.history = [] if state is None else [Epoch(*row) for row in state["history"]]
        self.finite_at, self.failed = self.resumed_at, ""

    def measured(self, iteration: int, rate: float, loss: float, accuracy: float, seconds: float) -> None:
        """Keep the network as the checkpoint of an iteration; all but the untrained one get a line of the history."""
        save_checkpoint(self.network, self.making.checkpoints, iteration)
        if iteration:
            self.history.append(Epoch(iteration, rate, loss, accuracy, seconds))
            self.making.work.on_epoch(self.history[-1])

    def finish(self, beside: int) -> None:
        """Write what the run came to; `beside`: the number of runs that were optimised at once."""
        status, reason = "diverged", self.failed
        if self.failed:
            save_checkpoint(self.network, self.making.checkpoints, self.finite_at)
        else:
            recipe, work = self.making.recipe, self.making.work
            images, labels = load_train(recipe, work.dataset, None, work.device)
            reason = untrained(self.network, images, labels, recipe.imbalance.k_major, recipe.num_classes)
            status = "untrained" if reason else "ok"
        self.making.finish(status, reason, self.history, self.resumed_at, beside)


def optimise_runs(runs: Sequence[tuple[Recipe, RunContext]]) -> None:
    """Make the runs of one cell that are not made yet. Raises Stopped, with the states saved, when asked to stop.

    A run whose weights become infinite is measured at the last iteration at which they were seen finite.
    """
    with ExitStack() as stack:
        begun_runs = [stack.enter_context(begun(recipe, work)) for recipe, work in runs]
        missing = sorted((_Run(making) for making in begun_runs if making is not None), key=lambda run: run.resumed_at)
        # Runs that were cut off at different iterations have no common next one.
        for iteration, together in groupby(missing, key=lambda run: run.resumed_at):
            _optimise(list(together), iteration)


def _optimise(runs: list[_Run], iteration: int) -> None:
    """Optimise runs that are all at the same iteration to the end, and finish them."""
    recipe, work = runs[0].making.recipe, runs[0].making.work
    direct, rate = _start(runs), recipe.protocol.learning_rate
    before = runs[0].history[-1].seconds if runs[0].history else 0.0
    began = saved = time.perf_counter()
    wanted = recipe.checkpoint_epochs()
    if iteration == 0 and 0 in wanted:
        _measure(runs, direct, 0, rate, 0.0)
    for steps in _chunks(iteration, wanted):
        direct.advance(steps, rate)
        iteration += steps
        _check(runs, direct, iteration)
        if iteration in wanted:
            # Each run's share of the time.
            _measure(runs, direct, iteration, rate, before + (time.perf_counter() - began) / len(runs))
        stop = work.stop()
        if stop or time.perf_counter() - saved >= work.save_every:
            _save(runs, direct, iteration)
            saved = time.perf_counter()
        if stop:
            raise Stopped(f"stopped after iteration {iteration}; run again to go on from there")
    for run in runs:
        run.finish(len(runs))


def _start(runs: list[_Run]) -> DirectOptimisation:
    """The optimisation of the runs: all at their saved states, or all at their beginning."""
    recipe = runs[0].making.recipe
    protocol = recipe.protocol
    problem = Problem(
        recipe.class_counts(), protocol.loss, protocol.weight_decay, protocol.feature_decay, protocol.momentum
    )
    states = [run.state for run in runs if run.state is not None]
    if not states:
        return DirectOptimisation(problem, [weights_of(run.network) for run in runs])
    direct = DirectOptimisation.restored(problem, states)
    for number, run in enumerate(runs):
        load_weights(run.network, direct.weights(number))
        run.making.work.log(f"resumed after iteration {run.resumed_at}")
    return direct


def _chunks(iteration: int, wanted: set[int]) -> Iterator[int]:
    """Numbers of iterations from `iteration` on, such that each wanted one ends a chunk."""
    for target in sorted(wanted):
        while iteration < target:
            steps = min(CHUNK, target - iteration)
            yield steps
            iteration += steps


def _check(runs: list[_Run], direct: DirectOptimisation, iteration: int) -> None:
    """Note which runs are finite, and keep their networks at that iteration; a run that failed keeps its last."""
    for number, (run, finite) in enumerate(zip(runs, direct.finite().tolist(), strict=True)):
        if run.failed:
            continue
        if finite:
            load_weights(run.network, direct.weights(number))
            run.finite_at = iteration
        else:
            run.failed = f"diverged between iterations {run.finite_at} and {iteration}: weights not finite"


def _measure(runs: list[_Run], direct: DirectOptimisation, iteration: int, rate: float, seconds: float) -> None:
    """Keep the networks of the runs that have not failed."""
    losses, accuracies = direct.data_losses().tolist(), direct.accuracies().tolist()
    for run, loss, accuracy in zip(runs, losses, accuracies, strict=True):
        if not run.failed:
            run.measured(iteration, rate, loss, accuracy, seconds)


def _save(runs: list[_Run], direct: DirectOptimisation, iteration: int) -> None:
    """Save the state of each run in its own folder: not all have to be there when the job is started again.

    A failed run keeps its last finite state, and fails again from there.
    """
    for number, run in enumerate(runs):
        if run.failed:
            continue
        history = [astuple(epoch) for epoch in run.history]
        state = {"iteration": iteration, "iterates": direct.state(number), "history": history}
        save_state(state_folder(run.making.work.folder), state, run.making.key)


def weights_of(network: Network) -> Weights:
    """The features and the head of a network of unconstrained features (collapse.models.free_features)."""
    features = network.get_parameter("layers.samples.1.weight")
    bias = network.classifier.bias
    head = tuple(weight.detach().clone() for weight in network.head_weights())
    return Weights(features.detach().clone(), head, None if bias is None else bias.detach().clone())


@torch.no_grad()
def load_weights(network: Network, weights: Weights) -> None:
    """Set the features and the head of a network of unconstrained features."""
    network.get_parameter("layers.samples.1.weight").copy_(weights.features)
    for parameter, value in zip(network.head_weights(), weights.head, strict=True):
        parameter.copy_(value)
    if weights.bias is not None:
        network.classifier.bias.copy_(weights.bias)
