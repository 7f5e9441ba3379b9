"""Steps recorded once and replayed: on a GPU a small step waits for its hundreds of launches, not for their work.

A CUDA graph launches all kernels of a forward and a backward pass at once. They are the same kernels on the same
numbers, so a replayed step is the step.
"""

from collections.abc import Callable

import torch
from torch import Tensor

# A function (images, labels) -> (loss, logits, objective), all detached. It writes the objective's gradient to the
# parameters' `grad`.
Evaluation = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


class Recording:
    """An evaluation, recorded for batches of one shape. It must not look at numbers: what Python decides is recorded
    as it was decided once.
    """

    def __init__(self, evaluate: Evaluation, images: Tensor, labels: Tensor):
        self.images, self.labels = torch.empty_like(images), torch.empty_like(labels)
        self.graph = torch.cuda.CUDAGraph()
        # Recording runs no kernel, so no step is taken twice; each replay copies its batch first. The stream is one of
        # the batch's own GPU: on a stream of another GPU nothing would be recorded, and a replay would do nothing.
        with torch.cuda.device(images.device), torch.cuda.graph(self.graph, stream=torch.cuda.Stream(images.device)):
            self.answer = evaluate(self.images, self.labels)

    def replay(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What `evaluate` would give for this batch."""
        self.images.copy_(images)
        self.labels.copy_(labels)
        self.graph.replay()
        loss, logits, objective = self.answer
        return loss.clone(), logits.clone(), objective.clone()  # the next replay overwrites the answer


class Recorder:
    """Evaluates, on a GPU by recordings: the first batch of a shape as it is, which readies the libraries' workspaces;
    from the second on, its recording.
    """

    def __init__(self, evaluate: Evaluation, recordable: bool):
        self.evaluate, self.recordable = evaluate, recordable
        self.recordings: dict[torch.Size, Recording | None] = {}

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, logits and objective of a batch, as `evaluate` gives them."""
        if not (self.recordable and images.is_cuda):
            return self.evaluate(images, labels)
        shape = images.shape
        if shape not in self.recordings:
            self.recordings[shape] = None
            return self.evaluate(images, labels)
        recording = self.recordings[shape]
        if recording is None:
            recording = self.recordings[shape] = Recording(self.evaluate, images, labels)
        return recording.replay(images, labels)
