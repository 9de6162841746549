#!/bin/bash
# kill-recorder-full.sh -- kill-recorder.sh, 50 times
# long
export RUNS=50
exec "$(dirname "$0")/kill-recorder.sh"
