#!/bin/sh
# run.sh -- measures the figures of README.md on this machine: interleaved rounds, medians
#
# Run by `make bench`; nothing else should run meanwhile.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${O:-$here/../build}
mkdir -p "$out/bench"
gcc -O2 -g -fno-builtin-malloc -fno-builtin-free -pthread -o "$out/bench/micro" "$here/micro.c"
exec /usr/bin/python3 "$here/figures.py" "$out"
