"""Names that files of an earlier version use: renaming a key must not cause finished runs to be trained again.

Identities, which are compared with old files, are written under the old names; options read from old files get the new
names. This module goes when runs are named by their content.
"""

from typing import Any


def former_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a network under the old names, which the identities of runs use.

    `options` holds only options that are not at their defaults.
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
    """Options of a network under the present names, from old or present ones."""
    options = dict(options)
    if "depth" in options:
        options["layers"] = options.pop("depth") + 1
    if "head" in options:
        options["dense_layers"] = {"dense": 2, "none": 0}[options.pop("head")]
    if options.get("classifier") == "simplex":
        options["classifier"] = "fixed_etf"
    return options
