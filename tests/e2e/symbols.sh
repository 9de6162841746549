#!/bin/bash
# symbols.sh -- names, lines and inlined frames are those that llvm-symbolizer gives, wherever the debug information is
#
# One C++ program is built by gcc and by clang, and looked up whole, with compressed sections, with a debug file beside it or under
# its build-id, stripped, replaced, gone and damaged. The answers must be the same wherever they can be known, and a
# warning must say so where not. Damaged files may give less; they must not end the program.
. "$(dirname "$0")/lib.sh"
need g++ clang++ llvm-symbolizer c++filt readelf objcopy strip python3
agree=$TOP/tests/e2e/symbols-agree.py
ask() { # ask OPTION... FILE: into answers
	"$O/e2e/symbolize" -x "$@" <addresses >answers 2>/dev/null || fail "symbolize $*: status $?"
}
same() { # same WHAT [PATTERN]: the frames of the whole program, and a warning only if PATTERN says so
	diff <(grep -v '^warning' whole) <(grep -v '^warning' answers) >difference || fail "$1: $(head -5 difference)"
	warned "$1" "${2:-}"
}
warned() { # warned WHAT PATTERN
	if [ -z "$2" ]; then
		! grep '^warning' answers || fail "$1: an unexpected warning"
	else
		grep -q "^warning: .*$2" answers || fail "$1: no warning of '$2': $(grep '^warning' answers)"
	fi
}
nameless() { # nameless WHAT PATTERN
	! grep -vE '^(0x|warning|\?\?)' answers || fail "$1: names out of nowhere"
	warned "$1" "$2"
}

cat >program.cc <<'CODE'
#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>
namespace { struct Hidden { int n; __attribute__((noinline)) void *leak(int k) { return std::malloc(n * k); } }; }
static __attribute__((noinline)) void *plain(int n) { return std::malloc(n); }
template <class T> struct Box { static inline __attribute__((always_inline)) T *make(int n) { return (T *)Hidden{n}.leak(sizeof(T)); } };
static inline __attribute__((always_inline)) void *outer(int n) { return n & 1 ? Box<long>::make(n) : plain(n); }
int main(int argc, char **)
{
	std::map<std::string, std::vector<int>> m;
	for (int i = 0; i < argc; i++)
		m[std::to_string(i)].push_back(i);
	auto longest = [&](int k) { int best = 0; for (auto &e : m) best = std::max(best, (int)e.second.size() + k); return best; };
	return outer(argc) != nullptr && longest(argc) > 1000;
}
CODE
for cxx in g++ clang++; do
	$cxx -O2 -g -Wl,--build-id -o program program.cc || fail "$cxx"
	$agree addresses "$TMP/program" 400 >addresses
	ask "$TMP/program"
	cp answers whole
	$agree compare llvm "$TMP/program" whole || fail "$cxx: names"
	warned "$cxx" ''
	grep -q 'inlined' whole || fail "$cxx: nothing was inlined"

	cp program keep
	objcopy --compress-debug-sections program
	ask "$TMP/program"
	same "$cxx, compressed"
	cp keep program

	objcopy --only-keep-debug program program.debug
	strip program
	objcopy --add-gnu-debuglink=program.debug program
	ask "$TMP/program"
	same "$cxx, debug file beside"
	mkdir -p .debug && mv program.debug .debug/
	ask "$TMP/program"
	same "$cxx, debug file in .debug"
	id=$(readelf -n program | awk '/Build ID/ { print $3 }')
	mkdir -p "dir/.build-id/${id:0:2}" && mv .debug/program.debug "dir/.build-id/${id:0:2}/${id:2}.debug"
	ask -d "$TMP/dir" "$TMP/program"
	same "$cxx, debug file under its build-id"
	ask "$TMP/program"
	warned "$cxx, stripped" 'no debug information'
	mkdir -p root/bin && cp program root/bin/
	ELF_FILE=program ask -s "$TMP/root" -d / /bin/program
	warned "$cxx, below a sysroot" 'no debug information'

	mv program moved
	ELF_FILE=moved ask -d "$TMP/dir" "$TMP/program"
	nameless "$cxx, only its debug file is left" 'No such file'
	ELF_FILE=moved ask "$TMP/program"
	nameless "$cxx, gone" 'No such file'
	cp "$HEAPTAP" program
	ELF_FILE=moved ask -b "$id" "$TMP/program"
	nameless "$cxx, replaced" 'not the file that was recorded'
	cp keep program
	ask -b - "$TMP/program"
	same "$cxx, no build-id recorded" 'no build-id'
	strip -g program
	ask "$TMP/program"
	warned "$cxx, symbols only" 'no debug information: functions are named by the symbol table'
	grep -q '^main	' answers || fail "$cxx, symbols only: main has no name"
done

# The kernel's own module is in no file: that is not worth a warning.
ELF_FILE=keep ask '[vdso]'
nameless 'the vdso' ''

# Damage: cut short, and with bytes changed anywhere in the debug sections.
cp keep whole-file
cat >damage.py <<'CODE'
import random, sys
data = bytearray(open("whole-file", "rb").read())
rng = random.Random(int(sys.argv[1]))
if rng.random() < 0.3:
    del data[rng.randrange(64, len(data)):]
for _ in range(rng.choice([1, 20, 400])):
    data[rng.randrange(64, len(data))] = rng.randrange(256)
open("program", "wb").write(data)
CODE
id=$(readelf -n keep | awk '/Build ID/ { print $3 }')
for seed in $(seq "${SEEDS:-20}"); do
	python3 damage.py "$seed"
	ELF_FILE=keep timeout 20 "$O/e2e/symbolize" -x -b "$id" "$TMP/program" <addresses >answers 2>&1 ||
		fail "damage $seed: status $?: $(tail -3 answers)"
done
