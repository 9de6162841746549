#!/bin/bash
# steps-full.sh -- steps.sh with stacks, without, on releases too, and with the policy drop
#
# long
STRIDE=${STRIDE:-3} exec "$(dirname "$0")/steps.sh"
