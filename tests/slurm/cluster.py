"""A Slurm of one node, this machine, in a folder of its own: its own munge, its own ports, the loopback alone.

python tests/slurm/cluster.py FOLDER starts it, says how to use it, and stops it on Ctrl-C.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from getpass import getuser
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
# Ends a daemon with the process that started it, however that one ends.
BOUND = ("setpriv", "--pdeathsig", "TERM")
CONFIGURATION = """\
ClusterName=atlas
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobRequeue=1
MinJobAge=300
KillWait=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} Sockets=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={memory}
PartitionName=main Nodes={host} Default=YES MaxTime=1-00:00:00 PriorityTier=1 PreemptMode=REQUEUE
PartitionName=urgent Nodes={host} MaxTime=1:00:00 PriorityTier=100 PreemptMode=OFF
"""


class Cluster:
    """Slurm and munge as processes of ours; `environment` lets commands find them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        }
        self.processes: list[subprocess.Popen] = []

    def start(self) -> None:
        """Start the daemons, and wait for the node to be idle; raises RuntimeError with what they logged."""
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)  # munge refuses a socket in a folder that not all may enter
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        (self.folder / "slurm.conf").write_text(self._configuration())
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        paths = [f"--{option}={self.folder}/munge.{ending}" for option, ending in files.items()]
        # Snakemake's Slurm plugin takes SLURM_CONF away from the srun of a job.
        srun = self.folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        # A temporary folder lies below one that all may write to, which munge would not trust without --force.
        self._run("munged", "--foreground", "--force", *paths)
        self._run("slurmctld", "-D", "-i")
        self._run("slurmd", "-D")
        deadline = time.monotonic() + 60
        while self.command("sinfo", "--noheader", "--partition=main", "--format=%T").strip() != "idle":
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.processes):
                logs = [path.read_text()[-2000:] for path in self.folder.glob("*.log")]
                self.stop()
                raise RuntimeError("Slurm did not start:\n" + "\n".join(logs))
            time.sleep(0.2)

    def stop(self) -> None:
        """End every job and every process that was started here, the last started first."""
        if self.processes and self.processes[-1].poll() is None:
            self.command("scancel", "--state=RUNNING", "--state=PENDING", f"--user={getuser()}")
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def command(self, *arguments: str) -> str:
        """What a command of Slurm prints; nothing where it fails."""
        done = subprocess.run(arguments, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout

    def _run(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.out").open("w") as out:
            daemon = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
            self.processes.append(
                subprocess.Popen([*BOUND, daemon, *arguments], env=self.environment, stdout=out, stderr=out)
            )

    def _configuration(self) -> str:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        controller_port, node_port = _free_ports(2)
        return CONFIGURATION.format(
            folder=self.folder,
            host=socket.gethostname().partition(".")[0],
            user=getuser(),
            controller_port=controller_port,
            node_port=node_port,
            cpus=os.cpu_count(),
            memory=memory * 9 // 10,
        )


def missing() -> list[str]:
    """Daemons that are not installed."""
    return [name for name in DAEMONS if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    cluster = Cluster(Path(sys.argv[1]).absolute())
    cluster.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, frame: cluster.stop())
    print(*(f"export {name}={cluster.environment[name]}" for name in ("SLURM_CONF", "PATH")), sep="\n", flush=True)
    signal.pause()
