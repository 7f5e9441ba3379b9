"""One run: from prepared data and a recipe to recipe.json, history.csv, checkpoints/ and run.json."""

import time
from collections.abc import Sequence

from collapse.data.subsets import read_rows
from collapse.recipe import Recipe
from collapse.runs import state_folder
from collapse.training.diagnosis import untrained
from collapse.training.direct_run import optimise_runs
from collapse.training.inputs import load_train
from collapse.training.loop import Diverged, Training, oversampled
from collapse.training.making import Making, RunContext, Stopped, begun, first_fit, saved_state
from collapse.training.state import save_state
from collapse.training.weights import network_of, save_checkpoint


def make_runs(runs: Sequence[tuple[Recipe, RunContext]]) -> None:
    """Make runs of one cell, or go on where an earlier call was cut off: networks one by one, unconstrained features
    side by side. Raises as `train_run` does.
    """
    if runs[0][0].kind == "direct":
        optimise_runs(runs)
        return
    for recipe, work in runs:
        train_run(recipe, work)


def train_run(recipe: Recipe, work: RunContext) -> None:
    """Train one recipe, or go on where an earlier call was cut off. All results but run.json go to the run's folder.

    run.json stays in its state folder until `publish`. A training that fails is a result, and is measured like any
    other. run.json has its `status` and the reason: untrained (the network learned nothing), or diverged (loss or
    weights are not finite: the run is measured at its last finite epoch, and has no value at the end).
    Raises Stopped, with the state saved, when `work.stop` says so, and as `begun` does.
    """
    with begun(recipe, work) as making:
        if making is None:
            return
        training = _start(recipe, work)
        resumed_at = _resume(training, making)
        status, reason = _train(training, making)
        making.finish(status, reason, training.history, resumed_at)


def _start(recipe: Recipe, work: RunContext) -> Training:
    images, labels = load_train(recipe, work.dataset, read_rows(work.folder / "rows.csv"), work.device)
    positions = oversampled(labels, recipe.imbalance.k_major, recipe.imbalance.oversampling)
    network = network_of(recipe).to(work.device)
    black = [-mean / std for mean, std in zip(recipe.mean, recipe.std, strict=True)]  # as normalise makes it of 0
    return Training(network, images, labels, positions, recipe.protocol, recipe.seeds.stream("order"), black)


def _resume(training: Training, making: Making) -> int:
    """Restore the newest usable state; returns the number of its epochs, 0 if there is no state."""
    state = saved_state(making)
    if state is None:
        return 0
    training.restore(state)
    making.work.log(f"resumed after epoch {len(training.history)}")
    return len(training.history)


def _train(training: Training, making: Making) -> tuple[str, str]:
    """Train to the end, keeping checkpoints; returns the status and, where it is not ok, its reason."""
    recipe, work, folder = making.recipe, making.work, making.checkpoints
    wanted, saved = recipe.checkpoint_epochs(), time.perf_counter()
    if 0 in wanted and not training.history:
        save_checkpoint(training.network, folder, 0)
    try:
        while len(training.history) < recipe.protocol.total_epochs:
            epoch = training.run_epoch()
            work.on_epoch(epoch)
            if epoch.epoch in wanted or (
                recipe.keep_checkpoints != "last" and first_fit(training.history) == epoch.epoch
            ):
                save_checkpoint(training.network, folder, epoch.epoch)
            stop = work.stop()
            if stop or time.perf_counter() - saved >= work.save_every:
                save_state(state_folder(work.folder), training.state(), making.key)
                saved = time.perf_counter()
            if stop:
                raise Stopped(f"stopped after epoch {epoch.epoch}; run again to go on from there")
    except Diverged as error:
        save_checkpoint(training.network, folder, len(training.history) - 1)
        return "diverged", str(error)
    classes = recipe.imbalance.k_major, recipe.num_classes
    reason = untrained(training.network, training.images, training.labels, *classes)
    return ("untrained", reason) if reason else ("ok", "")
