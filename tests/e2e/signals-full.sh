#!/bin/bash
# signals-full.sh -- signals.sh for longer
# long
export MS=2000
exec "$(dirname "$0")/signals.sh"
