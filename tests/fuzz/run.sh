#!/bin/bash
# run.sh -- fuzzes everything that reads bytes of strangers: tests/fuzz/run.sh [SECONDS]
#
# Every tests/fuzz/fuzz_*.c is built with clang's fuzzer and sanitizers, and all run at the same time, for SECONDS (600). Before
# that one of them gets a reader whose bound was left out (-DHT_PLANT_BUG, src/format/columns.c), and has to find it from
# legal seeds within a minute: a fuzzer that finds nothing must be one that could have.
#
# Everything stays in $O/fuzz: corpus-NAME grows from run to run, NAME.log is what the fuzzer said, NAME-crash-* and its like
# are inputs that broke the property. Status 1 if there is one, or if the planted bug was not found.
set -u
cd "$(dirname "$0")/../.." || exit 3
seconds=${1:-600}
work=${O:-build}/fuzz
flags=(-O1 -g -std=gnu11 -Iinclude -Isrc "-Wa,-I${O:-build}" -D_GNU_SOURCE -fno-sanitize-recover=all)
sources=(src/util/*.c src/format/*.c src/attach/*.c src/inspect/*.c src/api/*.c src/collect/*.c tests/fuzz/judge.c)
limits=(-max_len=65536 -len_control=0 -handle_xfsz=0 -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=512)
bad=0

build() { # build NAME SOURCE FLAG...
	local name=$1 source=$2
	shift 2
	clang "${flags[@]}" "$@" -o "$work/$name" "$source" "${sources[@]}" -lzstd -ldw -lelf -liberty -lZydis || exit 1
}

become() { # become NAME SECONDS SEEDS...: the shell turns into the fuzzer, so that its process id is the fuzzer's
	local name=$1 time=$2
	shift 2
	mkdir -p "$work/corpus-$name"
	exec "$work/$name" "${limits[@]}" -max_total_time="$time" -artifact_prefix="$work/$name-" "$work/corpus-$name" "$@" \
		>"$work/$name.log" 2>&1
}

# Small libraries with all kinds of debug information, each behind 16 bytes that say where to ask (fuzz_symbols.c).
make_libraries() { # make_libraries DIR
	local flags n=0
	mkdir -p "$1"
	while read -r flags; do
		# shellcheck disable=SC2086
		$flags -std=c++17 -O2 -nostdlib -fno-exceptions -shared -fPIC -o "$work/library" tests/fuzz/library.cc || exit 1
		{ printf '\0\020\0\0\017\0\0\0\0\0\0\0\0\0\0\0' && cat "$work/library"; } >"$1/library-$((n++))"
	done <<-END
		g++ -g
		g++ -gdwarf-4
		g++ -gdwarf-3
		g++ -g1 -gz=zlib
		g++ -gsplit-dwarf -g
		clang++ -g
		clang++ -gdwarf-4
		clang++ -g -gz=zlib
		clang++ -s
		g++
	END
	rm -f "$work"/*.dwo
}

scripts/setup.sh fuzz || exit 3
mkdir -p "$work/seeds"
rm -rf "$work"/*-crash-* "$work"/*-oom-* "$work"/*-timeout-* "$work"/*-leak-* "$work/corpus-planted"
build make-seeds tests/fuzz/seeds.c -fsanitize=address,undefined
"$work/make-seeds" "$work/seeds" || exit 1
make_libraries "$work/seeds-fuzz_symbols"

build planted tests/fuzz/fuzz_trace.c -fsanitize=fuzzer,address,undefined -DHT_PLANT_BUG
if (become planted 60 "$work/seeds"); then
	echo "not ok  the planted bug was not found in 60 s"
	bad=1
else
	echo "ok      the planted bug was found: $(grep -m 1 SUMMARY "$work/planted.log")"
fi

names=()
pids=()
trap 'kill "${pids[@]}" 2>/dev/null' EXIT
trap 'exit 130' INT TERM
for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	build "$name" "$source" -fsanitize=fuzzer,address,undefined
	seeds=("$work/seeds" tests/golden)
	[ -d "$work/seeds-$name" ] && seeds=("$work/seeds-$name")
	become "$name" "$seconds" "${seeds[@]}" &
	names+=("$name")
	pids+=($!)
done
for i in "${!names[@]}"; do
	name=${names[i]}
	if wait "${pids[i]}"; then
		echo "ok      $name: $(grep '^Done' "$work/$name.log")"
	else
		echo "not ok  $name: $(grep -m 1 SUMMARY "$work/$name.log"), see $work/$name.log"
		bad=1
	fi
done
exit $bad
