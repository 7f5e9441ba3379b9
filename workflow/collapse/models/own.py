"""A user's own networks, by configuration: a builder in a file outside the library."""

from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt

from collapse.models.entries import NETWORKS, NetworkEntry
from collapse.models.options import NetworkOptions
from collapse.strict import ConfigModel

FLOPS = 1e9  # of a training step on one image, where nobody says: a small convolutional network's


class OwnNetworkOptions(NetworkOptions):
    """Options of the networks of one's own."""

    settings: dict[str, Any] = Field(default={}, description="whatever the builder understands, as options.settings")


class OwnNetwork(ConfigModel):
    """A network of one's own.

    Its builder (shape, options) returns a collapse.models.network.Network, best by collapse.models.heads.with_head.
    """

    builder: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="module:function of the builder; the module is looked for in the library's environment, then in "
        "the folder in which Snakemake was started",
    )
    version: PositiveInt = Field(
        default=1, description="raised when the builder changes what it builds: the runs are then new ones"
    )
    flops: PositiveFloat = Field(
        default=FLOPS, description="FLOPs of a training step on one image, from which time limits are computed"
    )

    def entry(self, name: str) -> NetworkEntry:
        """The entry of the network."""
        return own_entry(self.builder, self.version, name, self.flops)


class OwnBuilder(ConfigModel):
    """The builder of a network of one's own."""

    builder: str = Field(description="module:function")
    version: PositiveInt = Field(description="version of what it builds")


def network_entry(name: str, own: OwnBuilder | None) -> NetworkEntry:
    """The entry of a recipe's network: by its name, or from the builder of one's own that the recipe names."""
    if own is None:
        return NETWORKS[name]
    known = NETWORKS.get(name)  # if the configuration has that builder, it knows its FLOPs too
    if known and known.own and (known.build, known.version) == (own.builder, own.version):
        return known
    return own_entry(own.builder, own.version, name)


def own_entry(builder: str, version: int, title: str, flops: float = FLOPS) -> NetworkEntry:
    """The entry of a network of one's own."""
    return NetworkEntry(title, OwnNetworkOptions, builder, lambda *_: [], version=version, own=True, flops=flops)
