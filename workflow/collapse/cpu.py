"""The processor of this machine, as far as Linux says it: its name, and which vector instructions it has."""

import platform
from dataclasses import dataclass
from pathlib import Path

# Of x86 and Arm. Without any of these, bfloat16 is emulated: a twelfth of float32's speed where we measured it (AVX2
# alone). With AVX-512 PyTorch converts at speed, with the others the processor computes in bfloat16.
BFLOAT16 = ("avx512f", "avx512_bf16", "amx_bf16", "bf16")
VECTORS = ("avx2", *BFLOAT16, "asimd", "sve")


@dataclass(frozen=True)
class Cpu:
    """A processor: its name, and the flags of its instructions; none where nobody says."""

    name: str
    flags: frozenset[str]

    @property
    def vectors(self) -> str:
        """Its vector instructions, as avx2 avx512f."""
        return " ".join(flag for flag in VECTORS if flag in self.flags)

    @property
    def emulates_bfloat16(self) -> bool:
        """Whether it is known to have no instructions for bfloat16."""
        return bool(self.flags) and not self.flags.intersection(BFLOAT16)


def read_cpu(path: Path = Path("/proc/cpuinfo")) -> Cpu:
    """The first processor that Linux lists; elsewhere its name alone."""
    lines = path.read_text().splitlines() if path.exists() else []
    said: dict[str, str] = {}
    for key, _, value in (line.partition(":") for line in lines):
        said.setdefault(key.strip(), value.strip())
    flags = said.get("flags") or said.get("Features", "")
    return Cpu(said.get("model name") or platform.processor() or platform.machine(), frozenset(flags.split()))
