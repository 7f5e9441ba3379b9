"""Multilayer perceptrons."""

from itertools import pairwise

from torch import Tensor, nn

from collapse.models.heads import with_head
from collapse.models.network import Network
from collapse.models.norm import BatchNorm1d
from collapse.models.options import MlpOptions
from collapse.models.shape import Shape


class Channel(nn.Module):
    """One channel of the images: (n, channels, side, side) -> (n, 1, side, side)."""

    def __init__(self, index: int):
        super().__init__()
        self.index = index

    def forward(self, images: Tensor) -> Tensor:
        """The channel."""
        return images[:, self.index : self.index + 1]


def dense(width_in: int, width_out: int, options: MlpOptions | None = None) -> nn.Sequential:
    """Linear (with bias), batch norm, ReLU; `options` can leave out batch norm or ReLU, or exchange the two."""
    options = options or MlpOptions()
    norm = [BatchNorm1d(width_out)] if options.batch_norm else []
    activation = [nn.ReLU(inplace=True)] if options.activation == "relu" else []
    rest = activation + norm if options.norm_after_activation else norm + activation
    return nn.Sequential(nn.Linear(width_in, width_out), *rest)


def mlp(shape: Shape, options: MlpOptions) -> Network:
    """Fully connected network: flatten (the pixels), fc1, fc2, ..., then the head.

    He & Su 2023 (code) measure flatten and every fc. Dang et al. 2023 (code) put behind the last fc a second batch norm
    (feature_batch_norm, with batch norms after the activations) or, without batch norms, a linear layer
    (feature_linear), the features being its output. Nguyen et al. 2023 (code) end in a narrow fc (feature_dim).
    Raises ValueError where the images lack the input channel, and as with_head does.
    """
    channels = shape.channels
    layers: dict[str, nn.Module] = {"flatten": nn.Flatten()}
    if options.input_channel is not None:
        if options.input_channel >= channels:
            raise ValueError(f"input_channel {options.input_channel}: the images have {channels}, counted from 0")
        channels, layers["flatten"] = 1, nn.Sequential(Channel(options.input_channel), nn.Flatten())
    narrow = [] if options.feature_dim is None else [options.declared_width(shape.num_classes)]
    widths = [channels * shape.image_size**2, *options.widths(), *narrow]
    for i, pair in enumerate(pairwise(widths), start=1):
        layers[f"fc{i}"] = dense(*pair, options)
    if options.feature_linear:
        layers["feature_linear"] = nn.Linear(widths[-1], widths[-1])
    network = with_head(layers, widths[-1], shape, options)
    if options.initialisation == "orthogonal":
        for i in range(1, len(widths))[: options.orthogonal_hidden]:
            nn.init.orthogonal_(network.get_parameter(f"layers.fc{i}.0.weight"))
    return network
