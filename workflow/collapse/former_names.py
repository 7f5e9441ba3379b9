"""Names of an earlier version in what it left on disk: a better name for a key makes no finished run anew.

What is compared with old files is written under the old names, and what is read from them is given the new ones. This
module goes when runs are named by their content.
"""

from typing import Any


def former_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a network under the names that identities of runs are made of.

    `options` are those that are not at their defaults.
    """
    options = dict(options)
    if "layers" in options:
        options["depth"] = options.pop("layers") - 1
    return options


def present_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a network under the names of today, whichever they were written under."""
    options = dict(options)
    if "depth" in options:
        options["layers"] = options.pop("depth") + 1
    return options
