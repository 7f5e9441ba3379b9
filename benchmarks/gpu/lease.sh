#!/usr/bin/env bash
# Run lease.py on a machine that has PyTorch and no network. Beside the repository's files there may be
#   .whl/       wheels of the packages it lacks
#   .gpudata/   raw datasets, as torchvision lays them out, or archives (*.tar.xz) of them
# Both are unpacked into $WORK, so that a second call on the same machine needs neither. Arguments are those of lease.py;
# with none, nothing is run.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${WORK:=${TMPDIR:-/tmp}/collapse-lease}" "${OUT:=$WORK/out}" "${PYTHON:=python3}"
mkdir -p "$WORK/raw" "$WORK/site" "$OUT"

for wheel in .whl/*.whl; do
    [ ! -f "$wheel" ] || "$PYTHON" -m zipfile -e "$wheel" "$WORK/site" || exit
done
if [ -d .gpudata ]; then
    cp -ru .gpudata/. "$WORK/raw/" || exit
    for archive in "$WORK"/raw/*.tar.xz; do
        [ ! -f "$archive" ] || { tar -xf "$archive" -C "$WORK/raw" && rm "$archive"; } || exit
    done
fi
[ $# -gt 0 ] || exit 0

export PYTHONPATH="$WORK/site:$PWD/workflow" PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
if command -v nvidia-smi > /dev/null; then
    query=timestamp,utilization.gpu,clocks.sm,power.draw,memory.used
    nvidia-smi --query-gpu="$query" --format=csv,nounits -l 5 >> "$WORK/gpu.csv" &
    watching=$!
    trap 'kill "$watching"; cp "$WORK/gpu.csv" "$OUT/"' EXIT
fi
[ ! -f "$WORK/log.txt" ] || cp "$WORK/log.txt" "$OUT/"
"$PYTHON" benchmarks/gpu/lease.py --out "$OUT" --work "$WORK" --data "$WORK/raw" "$@" 2>&1 |
    tee -a "$WORK/log.txt" "$OUT/log.txt"
