#!/bin/bash
# allocators-full.sh -- allocators.sh with 8 seeds and up to 128 threads
# long
export SEEDS="1 2 3 4 5 6 7 8" THREADS="2 8 32 128" OPS=6000
exec "$(dirname "$0")/allocators.sh"
