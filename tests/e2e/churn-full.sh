#!/bin/bash
# churn-full.sh -- churn.sh with 200 000 threads in turn and 10 000 alive at once
# long
export TURN=200000 CROWD=10000
exec "$(dirname "$0")/churn.sh"
