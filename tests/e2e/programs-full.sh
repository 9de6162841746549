#!/bin/bash
# programs-full.sh -- programs.sh with the loads of the fault catalogue
# long
FULL=1 exec "$(dirname "$0")/programs.sh"
