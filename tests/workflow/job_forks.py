"""An environment's Python, its packages imported once: runs each job of a project's rules in a fork of this process.

Most of a short job is the import of torch or pandas. The fork is a process as any other, with the job's folder,
environment, output and exit status; only packages are there before it, never the library.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import socket
import sys
from collections.abc import Callable
from typing import Any

PACKAGES = {
    "torch": ("torch", "safetensors.torch", "pydantic", "filelock", "scipy.spatial.distance", "scipy.stats"),
    "convex": ("cvxpy", "pandas", "pydantic", "scipy.optimize"),
    "figures": ("pandas", "seaborn", "matplotlib.pyplot", "pydantic", "scipy.stats"),
    "atlas": ("pandas", "pyarrow", "vl_convert", "itables", "jinja2", "PIL.Image", "pydantic", "scipy.stats"),
}


def received(connection: socket.socket) -> tuple[dict, list[int]]:
    """The call, a line of JSON, and the job's standard streams."""
    message, streams, *_ = socket.recv_fds(connection, 2**16, 3)
    while part := connection.recv(2**20):
        message += part
    return json.loads(message), streams


def become(call: dict, streams: list[int]) -> None:
    """Make this process the one that a shell would have started, and run the module: python -P -m <module> ..."""
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    safe, option, module, *arguments = call["arguments"]
    assert (safe, option) == ("-P", "-m"), call["arguments"]
    sys.path[:0] = os.environ["PYTHONPATH"].split(":")
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def leave(main: Callable, *arguments: Any) -> None:
    """End as an interpreter does after `main`, but without taking down its modules, which takes a second with torch."""
    try:
        main(*arguments)
        status = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def answer(connection: socket.socket) -> None:
    """Run one job, and say how it ended."""
    call, streams = received(connection)
    if job := os.fork():
        status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
        connection.sendall(f"{status}\n".encode())
        os._exit(0)
    connection.close()
    leave(become, call, streams)


def reap(wait: int) -> None:
    """Let go of the forks that have ended: the seconds they took count as this process's."""
    try:
        while os.waitpid(-1, wait)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    environment, path = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(64)
        print("ready", flush=True)
        # Until the test process ends, which closes standard input.
        while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
            for package in PACKAGES[environment]:  # not before a job asks: many tests have none
                importlib.import_module(package)
            gc.freeze()  # forks share the memory of what is not looked at again
            connection, _ = server.accept()
            if not os.fork():
                server.close()
                answer(connection)
            connection.close()
            reap(os.WNOHANG)
    reap(0)
