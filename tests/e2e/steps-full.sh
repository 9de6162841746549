#!/bin/bash
# steps-full.sh -- steps.sh where stacks are taken, on releases too, and with the policy drop; STRIDE=1 tries every instruction
#
# long
STRIDE=${STRIDE:-20} exec "$(dirname "$0")/steps.sh"
