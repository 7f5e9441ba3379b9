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
    if options.get("dense_layers") == 0:
        del options["dense_layers"]
        options["head"] = "none"
    if options.get("classifier") == "fixed_etf":
        options["classifier"] = "simplex"
    return options


def present_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a network under the names of today, whichever they were written under."""
    options = dict(options)
    if "depth" in options:
        options["layers"] = options.pop("depth") + 1
    if "head" in options:
        options["dense_layers"] = {"dense": 2, "none": 0}[options.pop("head")]
    if options.get("classifier") == "simplex":
        options["classifier"] = "fixed_etf"
    return options
