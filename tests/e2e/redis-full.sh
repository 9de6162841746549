#!/bin/bash
# redis-full.sh -- redis.sh with half a million requests of each kind
# long
FULL=1 exec "$(dirname "$0")/redis.sh"
