#!/bin/bash
# kill-recorder-full.sh -- kill-recorder.sh, 50 times
# long
# alone
export RUNS=50
exec "$(dirname "$0")/kill-recorder.sh"
