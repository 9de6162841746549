#!/bin/bash
# symbols-apart.sh -- debug information in yet another file: .dwo and .dwp, what dwz moved, and what a debuginfod server has
#
# The program built whole gives the frames that llvm-symbolizer gives; with its information apart it must give the same ones, and
# where a file is missing fewer, with a warning. (LLVM 14 itself misses inlined frames of split units.) No name comes from a file with another id; a pipe in the place of a file holds nothing up.
. "$(dirname "$0")/lib.sh"
need g++ clang++ llvm-symbolizer c++filt readelf objcopy strip python3
agree=$TOP/tests/e2e/symbols-agree.py
ask() { # ask OPTION... FILE: into answers
	timeout 20 "$O/e2e/symbolize" -x "$@" <addresses >answers 2>/dev/null || fail "symbolize $*: status $?"
}
warned() { # warned WHAT PATTERN: that warning, or none at all if it is empty
	if [ -z "$2" ]; then
		! grep '^warning' answers || fail "$1: an unexpected warning"
	else
		grep -q "^warning: .*$2" answers || fail "$1: no warning of '$2': $(grep '^warning' answers)"
	fi
}
same() { # same WHAT
	diff <(grep -v '^warning' whole) <(grep -v '^warning' answers) >difference || fail "$1: $(head -5 difference)"
	warned "$1" ''
}
id_of() {
	readelf -n "$1" | awk '/Build ID/ { print $3 }'
}

cat >part.cc <<'CODE'
#include <cstdlib>
template <class T> struct Pile {
	T *at = nullptr;
	int count = 0, room = 0;
	void grow() { at = (T *)std::realloc(at, sizeof(T) * (room = 2 * room + 1)); }
	void push(T t) { if (count == room) grow(); at[count++] = t; }
	template <class F> void each(F f) { for (int i = 0; i < count; i++) f(at[i]); }
};
static inline __attribute__((always_inline)) void *least(int n) { return std::malloc(n + 1); }
static inline __attribute__((always_inline)) void *most(int n) { return n > 3 ? least(n * 2) : nullptr; }
namespace { struct Hidden { int n; __attribute__((noinline)) void *leak(int k) { return most(n * k); } }; }
__attribute__((noinline)) std::size_t PART(int n)
{
	Pile<long> longs;
	Pile<char> chars;
	for (int i = 0; i < n; i++) {
		longs.push(i * n);
		chars.push((char)i);
	}
	std::size_t sum = 0;
	longs.each([&](long v) { sum += v % 7; });
	chars.each([&](char c) { sum ^= c; });
	return sum + (Hidden{n}.leak(3) != nullptr);
}
CODE
cat >main.cc <<'CODE'
#include <cstddef>
std::size_t first(int), second(int);
int main(int argc, char **) { return first(argc) + second(argc) == 4; }
CODE
build() { # build COMPILER FLAG...: ./program, of three units
	local cxx=$1
	shift
	rm -f ./*.o ./*.dwo
	$cxx -O2 "$@" -DPART=first -c -o first.o part.cc && $cxx -O2 "$@" -DPART=second -c -o second.o part.cc &&
		$cxx -O2 "$@" -c main.cc && $cxx -Wl,--build-id -o program ./*.o || fail "$cxx $*"
}

# Functions in .dwo files.
for how in 'g++ -gdwarf-4' 'g++ -g' 'clang++ -gdwarf-4' 'clang++ -g'; do
	# shellcheck disable=SC2086
	build $how
	$agree addresses "$TMP/program" 400 >addresses
	ask "$TMP/program"
	$agree compare llvm "$TMP/program" answers || fail "$how: names"
	cp answers whole
	objcopy -O binary -j .text program whole.text
	# shellcheck disable=SC2086
	build $how -gsplit-dwarf
	objcopy -O binary -j .text program split.text
	cmp whole.text split.text || skip "$how -gsplit-dwarf makes other code: nothing to compare with"
	ask "$TMP/program"
	same "$how -gsplit-dwarf"
	grep -q '	inlined' answers || fail "$how: nothing was inlined"

	mkdir -p away && mv ./*.dwo away/
	cp away/first.dwo second.dwo
	ask "$TMP/program"
	warned "$how, without its .dwo files" 'not all .dwo files'
	! grep -q '	inlined' answers || fail "$how: inlined by a .dwo of another unit"
	grep -q '^first(int)	.*part.cc:[1-9]' answers || fail "$how: without .dwo, neither name nor line"
	rm second.dwo
	mkfifo first.dwo
	ask "$TMP/program"
	warned "$how, a pipe for a .dwo" 'not all .dwo files'
	rm first.dwo
	mv away/*.dwo .
	ask "$TMP/program"
	same "$how, .dwo files back again"
done

# All of the last ones in one .dwp: a libdw of 0.191 or later reads it, an older one cannot, and then we say so.
if command -v llvm-dwp >/dev/null; then
	llvm-dwp -e program -o program.dwp && rm ./*.dwo || fail "llvm-dwp"
	ask "$TMP/program"
	grep -q '	inlined' answers && same 'a .dwp' || warned 'a .dwp' 'not all .dwo files'
fi

# What two programs have in common, moved away by dwz.
build g++ -g
strip -g -o other program && cp program other
$agree addresses "$TMP/program" 400 >addresses
ask "$TMP/program"
cp answers whole
$agree compare llvm "$TMP/program" whole || fail "names"
cp program keep
if command -v dwz >/dev/null; then
	mkdir -p common
	dwz -m common/both.debug -r program other || fail "dwz"
	readelf -SW program | grep -q gnu_debugaltlink || fail "dwz moved nothing"
	ask "$TMP/program"
	same 'dwz'
	id=$(id_of common/both.debug)
	mkdir -p "dir/.build-id/${id:0:2}" && mv common/both.debug "dir/.build-id/${id:0:2}/${id:2}.debug"
	ask -d "$TMP/dir" "$TMP/program"
	same 'dwz, the common file under its build-id'
	ask "$TMP/program"
	warned 'dwz, without the common file' 'that dwz moved its debug information to was not found'
	grep -q '^main	' answers || fail "dwz: main has no name"
	cp keep common/both.debug
	ask "$TMP/program"
	warned 'dwz, another file in its place' 'that dwz moved its debug information to was not found'
	cp keep program
fi

# What is not here comes from a server, if the user named one; the program too.
/sbin/ldconfig -p | grep -q 'libdebuginfod.so.1' || skip "libdebuginfod1 is not installed; the rest is as it should be"
# What libdebuginfod loads leaks when it is unloaded, where LeakSanitizer can no longer say whose it was.
if grep -q __asan_init "$HEAPTAP"; then skip "sanitized: the libraries of libdebuginfod leak at their end; the rest is as it should be"; fi
id=$(id_of program)
mkdir -p "served/buildid/$id"
objcopy --only-keep-debug program "served/buildid/$id/debuginfo"
strip program
cp program "served/buildid/$id/executable"
python3 -u -m http.server 0 --bind 127.0.0.1 --directory served >server.says 2>requests &
server=$!
trap 'kill $server' EXIT
until grep -q 'port [0-9]' server.says; do
	kill -0 $server || fail "the server: $(cat server.says requests)"
done
url=http://127.0.0.1:$(sed -E 's/.* port ([0-9]+) .*/\1/;q' server.says)
export DEBUGINFOD_CACHE_PATH=$TMP/cache-0

ask "$TMP/program"
warned 'no server named' 'no debug information'
[ ! -s requests ] || fail "a server was asked that nobody named"
export DEBUGINFOD_URLS=$url
ask "$TMP/program"
same 'a server has the debug file'
mv program away/
ELF_FILE=away/program ask -b "$id" "$TMP/program"
same 'a server has the program, too'
export DEBUGINFOD_CACHE_PATH=$TMP/cache-1
cp served/buildid/"$id"/debuginfo keep-debug
cp "$TARGETS/edges" "served/buildid/$id/debuginfo"
cp away/program .
ask "$TMP/program"
warned 'a server with a wrong file' 'no debug information'
export DEBUGINFOD_CACHE_PATH=$TMP/cache-2
cp keep-debug "served/buildid/$id/debuginfo"
ask "$TMP/program"
same 'a server with the right one again'
kill $server
wait $server 2>/dev/null
trap - EXIT
export DEBUGINFOD_CACHE_PATH=$TMP/cache-3
ask "$TMP/program"
warned 'no server there' 'DEBUGINFOD_URLS: no server gives an answer'
warned 'no server there' 'no debug information'
