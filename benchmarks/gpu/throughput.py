"""Images a second of training on one device: our loop and two others, alone and with several processes at once.

`ours` is collapse.training.loop; `launched` is the same without recorded steps (training/recording.py). `loader` is
the loop of the papers' repositories: a DataLoader without workers, whose images are PIL's and are turned into tensors
and standardised one by one, in float32 and PyTorch's own memory format, with the loss and the right answers read at
every step. `on_card` is that loop with the images on the device and one index a batch. All train the same networks with
SGD, batch 128, on noise.

A process builds a training, takes an epoch of it (which chooses kernels, and records), waits for a common start, and
repeats epochs for TURN seconds, TURNS times.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from collapse.models.entries import NETWORKS
from collapse.models.network import Network, Shape, build
from collapse.training.loop import Training
from collapse.training.protocol import Protocol

BATCH, STEPS = 128, 40  # of an epoch
TURN, TURNS = 0.5, 3
PATIENCE = 90  # seconds for an answer, the start of the processes included

# The networks of the papers, on the images they get at scale `paper`; convnet is that of scale `small`.
SHAPES = {
    "vgg11": Shape(1, 32, 10),
    "resnet18": Shape(1, 32, 10),
    "mlp": Shape(1, 10, 10),
    "vgg13": Shape(3, 32, 10),
    "convnet": Shape(1, 28, 10),
    "gresnet": Shape(1, 32, 10),
    "alexnet_tiled": Shape(1, 32, 10),
    "vgg13_tiled": Shape(1, 32, 10),
}
ARCHITECTURE = {"mlp": {"width": 100, "layers": 8}}


class Case(NamedTuple):
    """What a process trains."""

    network: str
    loop: str
    dtype: str = "float32"

    def build(self) -> Network:
        """The network, on the CPU."""
        options = NETWORKS[self.network].options(**ARCHITECTURE.get(self.network, {}))
        return build(self.network, SHAPES[self.network], options, seed=0)

    def pixels(self) -> tuple[Tensor, Tensor]:
        """Images (n, channels, side, side) uint8 and labels (n,) of an epoch."""
        shape, generator = SHAPES[self.network], torch.Generator().manual_seed(0)
        size = (BATCH * STEPS, shape.channels, shape.image_size, shape.image_size)
        images = torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)
        return images, torch.arange(len(images)) % shape.num_classes


class Stored(Dataset):
    """Images as torchvision's datasets give them: a PIL image and a transform for each sample."""

    def __init__(self, images: Tensor, labels: Tensor):
        channels = images.shape[1]
        self.images, self.labels = images.permute(0, 2, 3, 1).squeeze(-1).numpy(), labels
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.5,) * channels, (0.5,) * channels)]
        )

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """A sample."""
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def standardise(images: Tensor) -> Tensor:
    """Pixels 0..255 as float32."""
    return images.float().div_(255).sub_(0.5).div_(0.5)


def train_on(network: nn.Module, batches: Callable[[], Iterator[tuple[Tensor, Tensor]]]) -> Callable[[], None]:
    """An epoch over `batches`, as every training script writes it."""
    optimizer = torch.optim.SGD(network.train().parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    def epoch() -> None:
        total, correct = 0.0, 0
        for images, labels in batches():
            logits = network(images)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            correct += (logits.argmax(1) == labels).sum().item()

    return epoch


def loader(case: Case, device: str) -> Callable[[], None]:
    """An epoch of the reference loop."""
    stored = DataLoader(Stored(*case.pixels()), batch_size=BATCH, shuffle=True)
    return train_on(case.build().to(device), lambda: ((a.to(device), b.to(device)) for a, b in stored))


def on_card(case: Case, device: str) -> Callable[[], None]:
    """An epoch of that loop without its loader."""
    images, labels = case.pixels()
    images, labels = standardise(images.to(device)), labels.to(device)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for chosen in torch.randperm(len(labels)).split(BATCH):
            yield images[chosen.to(device)], labels[chosen.to(device)]

    return train_on(case.build().to(device), batches)


def our_training(case: Case, device: str) -> Training:
    """Our training, whose `run_epoch` is our loop."""
    protocol = Protocol(
        learning_rate=0.01, momentum=0.9, weight_decay=5e-4, batch_size=BATCH, epochs=1, dtype=case.dtype
    )
    images, labels = case.pixels()
    pixels = standardise(images.to(device))
    return Training(
        case.build().to(device), pixels, labels.to(device), torch.arange(len(labels)), protocol, order_seed=0
    )


def ours(case: Case, device: str) -> Callable[[], object]:
    """An epoch of our loop."""
    return our_training(case, device).run_epoch


def launched(case: Case, device: str) -> Callable[[], object]:
    """An epoch of our loop without recorded steps."""
    training = our_training(case, device)
    training.stepper.evaluate.recordable = False
    return training.run_epoch


LOOPS = {"ours": ours, "launched": launched, "loader": loader, "on_card": on_card}


def serve(pipe: Connection, device: str) -> None:
    """Measure the cases that come through `pipe`, until None: "ready", then images a second of each turn; or a text."""
    torch.set_num_threads(1)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    while (case := pipe.recv()) is not None:
        try:
            epoch = LOOPS[case.loop](case, device)
            epoch()
            wait()
        except Exception as error:  # the other cases can still be measured
            pipe.send(repr(error))
            continue
        pipe.send("ready")
        for _ in range(TURNS):
            time.sleep(max(0.0, pipe.recv() - time.monotonic()))
            began, epochs = time.perf_counter(), 0
            while time.perf_counter() - began < TURN:
                epoch()
                wait()
                epochs += 1
            pipe.send(epochs * BATCH * STEPS / (time.perf_counter() - began))
        del epoch


def receive(pipe: Connection) -> str | float:
    """What a process answers; raises TimeoutError when it hangs, EOFError when it has ended."""
    if not pipe.poll(PATIENCE):
        raise TimeoutError(f"no answer in {PATIENCE} s")
    return pipe.recv()


class Pool:
    """Processes that measure."""

    def __init__(self, processes: int, device: str):
        context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
        pairs = [context.Pipe() for _ in range(processes)]
        self.pipes = [mine for mine, _ in pairs]
        self.processes = [context.Process(target=serve, args=(far, device), daemon=True) for _, far in pairs]
        for process, (_, far) in zip(self.processes, pairs, strict=True):
            process.start()
            far.close()  # so that the end of a process is seen

    def rates(self, case: Case, processes: int) -> list[float]:
        """Images a second of that many processes together, at each turn; raises RuntimeError when one fails."""
        pipes = self.pipes[:processes]
        for pipe in pipes:
            pipe.send(case)
        answers = [receive(pipe) for pipe in pipes]
        ready = [pipe for pipe, answer in zip(pipes, answers, strict=True) if answer == "ready"]
        totals = [self._turn(ready) for _ in range(TURNS)]
        if len(ready) < processes:
            raise RuntimeError(next(answer for answer in answers if answer != "ready"))
        return totals

    def _turn(self, pipes: list[Connection]) -> float:
        start = time.monotonic() + 0.05
        for pipe in pipes:
            pipe.send(start)
        return sum(receive(pipe) for pipe in pipes)

    def close(self) -> None:
        """End the processes, and free the device."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()


def schedule() -> list[tuple[Case, int]]:
    """Cases and numbers of processes, the most useful first."""
    dtypes = ("float32", "bfloat16")
    first = [(Case("resnet18", loop, dtype), 1) for loop in ("ours", "launched") for dtype in dtypes]
    small = [(Case("mlp", "ours"), n) for n in (1, 2, 4, 8)]
    shared = [(Case(name, "ours", dtype), n) for n in (2, 4) for name in ("resnet18", "vgg11") for dtype in dtypes]
    ways = (("ours", "float32"), ("launched", "float32"), ("loader", "float32"), ("on_card", "float32"))
    alone = [
        (Case(name, *way), 1) for name in SHAPES for way in (*ways, ("ours", "bfloat16"), ("launched", "bfloat16"))
    ]
    return list(dict.fromkeys([*first, *small, *shared, *alone]))
