#!/bin/bash
# symbols.sh -- names for 20 000 addresses of a large C++ program: CPU time, peak of memory, and 1 000 of them checked
#
# O (build) is the build directory; the program is built in $O/bench-symbols by big-binary.sh when it is not there (six minutes).
# The goals are 2.5 s of CPU time and 300 MB. The frames of the sample must be llvm-symbolizer's.
# One thing alone may differ: of identical functions that the compiler folded into one, each tool names another. That is accepted only
# where nm has both names as symbols at the very address where the function begins; how often it happened is said.
set -u
cd "$(dirname "$0")/.." || exit 3
o=$(realpath -m "${O:-build}") dir=$(realpath -m "${O:-build}")/bench-symbols agree=tests/e2e/symbols-agree.py
[ -e "$dir/big" ] || bench/big-binary.sh "$dir" || exit 3
$agree addresses "$dir/big" 20000 >"$dir/all"
$agree addresses "$dir/big" 1000 7 >"$dir/sample"
TIMEFORMAT='%U s user, %S s system'
time "$o/e2e/symbolize" -x "$dir/big" <"$dir/all" >"$dir/answers" || exit 1
"$o/e2e/symbolize" -x "$dir/big" <"$dir/sample" >"$dir/answers" 2>/dev/null || exit 1
$agree compare llvm "$dir/big" "$dir/answers" folded
