#!/bin/bash
# kill-target-full.sh -- kill-target.sh, 300 times
# long
export RUNS=300
exec "$(dirname "$0")/kill-target.sh"
