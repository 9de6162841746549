#!/bin/sh
# run.sh -- measures heaptap and its peers on this machine, in interleaved rounds, and writes docs/benchmarks.md
#
# Run by `make bench`; nothing else should run meanwhile. ROUNDS (7) and PAIRS (1000000, of bench/micro.c) set how long it takes, AREAS="peers
# reading" which areas (bench/area_*.py) run, OUT where the page goes. Peers come from Debian (group bench of scripts/packages.txt).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${O:-$here/../build}
"$here/../scripts/setup.sh" bench
mkdir -p "$out/bench"
gcc -O2 -g -fno-builtin-malloc -fno-builtin-free -pthread -o "$out/bench/micro" "$here/micro.c"
gcc -O2 -shared -fPIC -D_GNU_SOURCE -o "$out/bench/gauge.so" "$here/gauge.c"
exec /usr/bin/python3 -B "$here/compare.py" "$out"
