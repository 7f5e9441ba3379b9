"""Snakemake, imported once: answers each call on standard input from a fork of this process.

Two thirds of a dry run are imports. The fork is a process as any other, with a folder, an environment, an output and an
exit status of its own; of what the Snakefile imports, only packages are there before it, never the library.
"""

import json
import os
import sys

import pydantic  # noqa: F401
import smart_open  # noqa: F401
import yaml  # noqa: F401
from snakemake.cli import get_argument_parser, main

get_argument_parser()  # imports Snakemake's plugins


def become(call: dict) -> None:
    """Make this process the one that a shell would have started."""
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv = ["snakemake", *call["arguments"]]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in ((1, call["stdout"]), (2, call["stderr"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)


for line in sys.stdin:
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    else:
        become(json.loads(line))
        sys.exit(main())
