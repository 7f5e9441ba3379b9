"""The datasets and networks of one's own that the configuration names, beside those of the library."""

from collapse.config import Config
from collapse.data.entries import DATASETS
from collapse.data.own import BadDataset
from collapse.models.entries import NETWORKS
from collapse.strict import ConfigError


def register(config: Config) -> None:
    """Add the configuration's own datasets and networks to those by name, in place of those of an earlier call.

    Raises ConfigError for a name that the library has already, and for images that can not be used.
    """
    source = "config/config.yaml or --config"
    for kind, entries, own in (("datasets", DATASETS, config.datasets), ("networks", NETWORKS, config.networks)):
        for name in [name for name, entry in entries.items() if entry.own]:
            del entries[name]
        for name, described in own.items():
            if name in entries:
                raise ConfigError(f"{source}: {kind}.{name} is a name of the library's own: choose another")
            try:
                entries[name] = described.entry(name)  # pyright: ignore[reportArgumentType]
            except BadDataset as error:
                raise ConfigError(f"{source}: {kind}.{name} can not be used:\n  {error}") from None
