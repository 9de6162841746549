#!/bin/bash
# options.sh -- every command with every option it has: on golden traces as worked out by hand, and with a bad value, refused in one line
#
# The table is below. A row is `STATUS COMMAND WORD...`, then what is expected:
#   => FILTER   jq is content with what was printed; of record, with what `info --json` says of the trace that it wrote
#   ~> REGEX    a line of what was printed matches
#   !> TEXT     nothing was printed but one line that holds TEXT
# An option of `heaptap help COMMAND` that is in no row fails the test; so does one that takes a value and is in no row with !>.
# tree.htap has 8 blocks, by size: 100 (10 to 60 ns), 50 (from 12), 10 (15 to 22), 7 (from 25) and 8 (from 40) of process 1; 30 (39 until its exec at 70)
# and 5 (from 72) of process 2, 3 (from 106) of process 3. exec.htap: 16 (10 to 50), 32 (50 to 60), 8 (55, of the program that is gone).
# What needs more than a row has a test of its own, which `elsewhere` names.
. "$(dirname "$0")/lib.sh"
need jq
cp "$TOP"/tests/golden/{tree,exec,stacks,every}.htap .
echo 'leak:nothing' >known
echo 'max-peak = 195' >right.budget
echo 'max-peak = 1' >strict.budget
declare -A shown refused
wrong=0

complain() {
	echo "FAILED: $*"
	wrong=1
}

asked() { # asked STATUS COMMAND WORD...: out, says
	local expected=$1 status
	shift
	if [ "$1" = record ]; then
		"$HEAPTAP" record -o new.htap "${@:2}" >out 2>says
		status=$?
		[ ! -e new.htap ] || "$HEAPTAP" info --json new.htap >out
		rm -f new.htap
	else
		"$HEAPTAP" "$@" >out 2>says
		status=$?
	fi
	[ $status = "$expected" ] || complain "$*: status $status, expected $expected: $(cat says)"
}

noted() { # noted LIST COMMAND WORD...: which options there are
	local -n list=$1 # shown or refused
	local command=$2 word
	for word in "${@:3}"; do
		[ "$word" != -- ] || return 0
		# shellcheck disable=SC2034
		[[ $word != -* ]] || list["$command ${word%%=*}"]=1
	done
}

row() { # row LINE
	local how=' => ' words
	[[ $1 == *' ~> '* ]] && how=' ~> '
	[[ $1 == *' !> '* ]] && how=' !> '
	read -r -a words <<<"${1%%"$how"*}"
	local expected=${1#*"$how"}
	asked "${words[@]}"
	case $how in
	' => ') jq -e "$expected" out >/dev/null || complain "${words[*]:1}: not $expected: $(cat out says)" ;;
	' ~> ') grep -qE -- "$expected" out || complain "${words[*]:1}: no line $expected: $(cat out says)" ;;
	' !> ')
		[ ! -s out ] && [ "$(wc -l <says)" = 1 ] && grep -qF -- "$expected" says || complain "${words[*]:1}: no '$expected' alone: $(cat out says)"
		noted refused "${words[@]:1}"
		return
		;;
	esac
	noted shown "${words[@]:1}"
}

elsewhere() { # elsewhere COMMAND OPTION SCRIPT
	grep -q -- "heaptap.* $1 .*$2\|HEAPTAP\" $1 .*$2" "$TOP/tests/e2e/$3" || complain "$3 does not have $1 $2"
	noted shown "$1" "$2"
}
elsewhere record -p joined-ends.sh
elsewhere record --no-census joined-before.sh

while IFS= read -r line; do
	case $line in '' | '#'*) ;; *) row "$line" ;; esac
done <<'TABLE'
0 report --json --by=calls tree.htap => .totals.allocated_bytes == 213 and .sites[0].count == 8 and .totals.peak_bytes == 195 and .totals.peak_time_ns == 40
0 report --by=peak tree.htap ~> ^peak +195 B in 5 blocks, after 40 ns$
0 report --json --by=allocated --group=thread tree.htap => [.sites[] | [.thread, .bytes, .count]] == [[1, 158, 3], [3, 30, 1], [2, 17, 2], [4, 5, 1], [5, 3, 1]]
0 report --json --by=allocated --group=size tree.htap => [.sites[] | [.to_bytes, .bytes]] | sort == [[4, 3], [8, 20], [16, 10], [32, 30], [64, 50], [128, 100]]
0 report --json --by=allocated --tree=bottom-up tree.htap => .branches | length == 1 and .[0].own_bytes == 213
0 report --json --by=allocated --group=thread --limit=2 tree.htap => .places == 5 and (.sites | length) == 2
0 report --by=calls --frames=1 stacks.htap ~> called from 3 frames more
0 report --json --temporary=50ns tree.htap => .totals.temporary_bytes == 110 and .totals.temporary_count == 2
0 report --json --tail-cut=60ns tree.htap => .totals.leaked_bytes == 65 and .totals.late_bytes == 8 and .totals.late_count == 2
0 report --json --suppressions=known tree.htap => .totals.leaked_bytes == 73 and (.suppressions | length) == 1 and .suppressions[0].count == 0
0 report --json --process=#2 tree.htap => .totals.allocated_bytes == 35 and .totals.leaked_bytes == 5
0 report --json --thread=helper tree.htap => .totals.allocated_bytes == 17 and .totals.allocated_count == 2
0 report --json --min-size=30 tree.htap => .totals.allocated_bytes == 180 and .totals.allocated_count == 3
0 report --json --max-size=8 tree.htap => .totals.allocated_bytes == 23 and .totals.allocated_count == 4
0 report --json --stack=nothing tree.htap => .totals.allocated_count == 0
0 report --json --module=nothing tree.htap => .totals.allocated_count == 0
0 report --json --by=calls --min-lifetime=50ns tree.htap => .totals.allocated_bytes == 165 and .totals.allocated_count == 4
0 report --json --by=calls --max-lifetime=10ns tree.htap => .totals.allocated_bytes == 10 and .totals.allocated_count == 1
0 report --json --from=20ns --to=50ns tree.htap => .totals | .aifo_bytes == 45 and .aifi_bytes == 0 and .aofi_bytes == 10 and .aofo_bytes == 150 and .leaked_bytes == null
0 report --json --from=70ns tree.htap => .totals | .allocated_bytes == 8 and .allocated_count == 2 and .leaked_bytes == 8
0 report --json --at=40ns tree.htap => .by == "live" and .totals.live_bytes == 195 and .totals.live_count == 5
0 report --json --sysroot=. tree.htap => .totals.leaked_bytes == 73
0 report --no-symbols tree.htap ~> ^leaked +73 B in 5 blocks were never freed$
2 report --by=size x !> --by=size: none of leaked, peak
2 report --group=none x !> --group=none: none of stack
2 report --tree=x x !> neither top-down nor bottom-up
2 report --limit=-1 x !> not a number
2 report --frames=x x !> not a number
2 report --temporary=1 x !> not a time
2 report --tail-cut=x tree.htap !> not a time
3 report --suppressions=nowhere tree.htap !> nowhere: cannot be opened
2 report --process=41 tree.htap !> there are 42 prog, 44 next, 44 prog
2 report --thread=nobody tree.htap !> there are 1 (main), 2 (helper)
2 report --min-size=x x !> not a size
2 report --max-size=-1 x !> not a size
2 report --min-size=2 --max-size=1 tree.htap !> nothing lies between
2 report --stack=( x !> no regular expression
2 report --module=* x !> no regular expression
2 report --min-lifetime=1 x !> not a time
2 report --max-lifetime=x x !> not a time
2 report --from=1s tree.htap !> the recording ends at
2 report --to=x x !> not a time
2 report --from=3ns --to=2ns tree.htap !> nothing lies between
2 report --at=1 x !> not a time
2 report --at=1ns --from=1ns x !> --at is one moment
2 report --sysroot=nowhere tree.htap !> not a directory
2 report --json=1 tree.htap !> takes no value
2 report --nothing tree.htap !> --nothing
2 report !> something is missing
2 report tree.htap tree.htap !> one word too many

0 script --json -p #3 tree.htap ~> "time_ns": ?106,.*"size": ?3,
0 script -p #3 tree.htap ~> malloc.*0x1000
2 script --process=41 tree.htap !> no process of the trace

0 timeline --json -n 3 --places=1 tree.htap => .peak_bytes == 195 and [.points[] | [.start_ns, .most_bytes, .bytes]] == [[0, 160, 157], [36, 195, 65], [72, 70, 68]] and .places[0].most_bytes == [160, 195, 70]
0 timeline --csv --points=2 --no-symbols tree.htap ~> ^54,68,4,195,5,2,1,8,100$
0 timeline --blocks --sysroot=. tree.htap ~> ^ +5 \|
0 timeline --places=1 --frames=1 stacks.htap ~> ^peak: 104 bytes in 13 blocks
0 timeline --json --process=#3 tree.htap => .peak_bytes == 3 and .peak_ns == 106
2 timeline --points=0 tree.htap !> not a number from 1
2 timeline --places=x tree.htap !> not a number from 1
2 timeline --frames=-1 tree.htap !> not a count
2 timeline --process=41 tree.htap !> no process of the trace
2 timeline --sysroot=nowhere tree.htap !> not a directory
2 timeline --json --csv tree.htap !> contradict

0 lifetimes --json --within=1 --by=kept tree.htap => .blocks == 8 and .brief_blocks == 1 and .brief_bytes == 10 and .kept_blocks == 5 and .kept_bytes == 73
0 lifetimes --json --within=50ns --limit=0 tree.htap => .brief_blocks == 2 and .brief_bytes == 110
0 lifetimes --csv --no-symbols tree.htap ~> ^replaced,,,1,30$
0 lifetimes --frames=1 --sysroot=. tree.htap ~> ^kept to the end +5 +62\.5 % +73 B
0 lifetimes --json --process=#2 tree.htap => .blocks == 2 and .bytes == 35
0 lifetimes --json --thread=helper tree.htap => .blocks == 2 and .bytes == 17
0 lifetimes --json --min-size=30 --max-size=50 tree.htap => .blocks == 2 and .bytes == 80
0 lifetimes --json --stack=nothing --module=nothing tree.htap => .blocks == 0
0 lifetimes --json --min-lifetime=10ns --max-lifetime=50ns tree.htap => .blocks == 2 and .bytes == 130
0 lifetimes --json --from=20ns --to=50ns tree.htap => .blocks == 3 and .bytes == 45
2 lifetimes --within=x x !> not a count
2 lifetimes --by=x x !> none of brief
2 lifetimes --limit=x x !> not a
2 lifetimes --frames=x x !> not a
2 lifetimes --process=41 tree.htap !> no process of the trace
2 lifetimes --thread=nobody tree.htap !> no such thread
2 lifetimes --min-size=x x !> not a size
2 lifetimes --max-size=x x !> not a size
2 lifetimes --stack=( x !> no regular expression
2 lifetimes --module=( x !> no regular expression
2 lifetimes --min-lifetime=x x !> not a time
2 lifetimes --max-lifetime=x x !> not a time
2 lifetimes --from=1s tree.htap !> the recording ends at
2 lifetimes --to=x tree.htap !> not a time
2 lifetimes --sysroot=nowhere tree.htap !> not a directory
2 lifetimes --json --csv tree.htap !> contradict

0 sizes --json --by=bytes tree.htap => .blocks == 8 and [.by_size[] | [.to, .blocks, .bytes]] == [[4, 1, 3], [8, 3, 20], [16, 1, 10], [32, 1, 30], [64, 1, 50], [128, 1, 100]]
0 sizes --csv --no-symbols tree.htap ~> ^5,8,3,20$
0 sizes --limit=1 --frames=1 --sysroot=. tree.htap ~> 1\.  8 blocks, 213 B
0 sizes --json --process=#2 tree.htap => .blocks == 2 and .bytes == 35
0 sizes --json --thread=helper tree.htap => .blocks == 2 and .bytes == 17
0 sizes --json --min-size=30 --max-size=50 tree.htap => .blocks == 2 and .bytes == 80
0 sizes --json --stack=nothing --module=nothing tree.htap => .blocks == 0
0 sizes --json --min-lifetime=10ns --max-lifetime=50ns tree.htap => .blocks == 2 and .bytes == 130
0 sizes --json --from=20ns --to=50ns tree.htap => .blocks == 3 and .bytes == 45
2 sizes --by=x x !> none of blocks
2 sizes --limit=x x !> not a
2 sizes --frames=x x !> not a
2 sizes --process=41 tree.htap !> no process of the trace
2 sizes --thread=nobody tree.htap !> no such thread
2 sizes --min-size=x x !> not a size
2 sizes --max-size=x x !> not a size
2 sizes --stack=( x !> no regular expression
2 sizes --module=( x !> no regular expression
2 sizes --min-lifetime=x x !> not a time
2 sizes --max-lifetime=x x !> not a time
2 sizes --from=1s tree.htap !> the recording ends at
2 sizes --to=x tree.htap !> not a time
2 sizes --sysroot=nowhere tree.htap !> not a directory

0 block --json tree.htap 0x1000 => [.lifetimes[] | [.size, .end, .lived_ns]] == [[100, "freed", 50], [30, "exec", null], [5, "kept", null], [3, "kept", null]]
0 block --process=#2 --no-symbols tree.htap 0x1000 ~> gone when the program was replaced
0 block --sysroot=. tree.htap 3 ~> 10 bytes at 0x4000
1 block --json tree.htap 0x9999 => .lifetimes == []
2 block tree.htap zzz !> neither an address
2 block tree.htap 15 !> the last is 14
2 block --process=41 tree.htap 1 !> no process of the trace
2 block --sysroot=nowhere tree.htap 1 !> not a directory

0 errors --json --process=#1 --sysroot=. tree.htap => .errors == 0 and .judged == 2
0 errors --no-symbols tree.htap ~> .
2 errors --process=41 tree.htap !> no process of the trace
2 errors --sysroot=nowhere tree.htap !> not a directory

0 diff --json --by=allocated exec.htap tree.htap => .totals.allocated | [.before_bytes, .after_bytes, .before_count, .after_count] == [56, 213, 3, 8]
1 diff --threshold=72 --limit=1 --frames=1 --no-symbols exec.htap tree.htap ~> ABOVE
0 diff --threshold=73 --sysroot=. exec.htap tree.htap ~> ^leaked +0 B +73 B +\+73 B$
0 diff --json --process=prog tree.htap tree.htap => .same == 1 and .totals.allocated.after_bytes == .totals.allocated.before_bytes
0 diff --json --thread=1 exec.htap tree.htap => .totals.allocated | [.before_bytes, .after_bytes] == [16, 158]
0 diff --json --min-size=10 --max-size=30 exec.htap tree.htap => .totals.allocated | [.before_bytes, .after_bytes] == [16, 40]
0 diff --json --stack=nothing --module=nothing exec.htap tree.htap => .totals.allocated.after_count == 0
0 diff --json --by=allocated --max-lifetime=10ns exec.htap tree.htap => .totals.allocated | [.before_bytes, .after_bytes] == [40, 10]
0 diff --json --by=allocated --min-lifetime=50ns tree.htap tree.htap => .totals.allocated.after_bytes == 165
0 diff --json --by=allocated --from=20ns --to=50ns exec.htap tree.htap => .totals.allocated.after_bytes == 45
2 diff --by=aifo tree.htap tree.htap !> none of leaked
2 diff --limit=x x x !> not a count
2 diff --frames=x x x !> not a count
2 diff --threshold=x x x !> not a size
2 diff --process=41 tree.htap tree.htap !> no process of the trace
2 diff --thread=nobody tree.htap tree.htap !> no such thread
2 diff --min-size=x x x !> not a size
2 diff --max-size=x x x !> not a size
2 diff --stack=( x x !> no regular expression
2 diff --module=( x x !> no regular expression
2 diff --min-lifetime=x x x !> not a time
2 diff --max-lifetime=x x x !> not a time
2 diff --from=1s tree.htap tree.htap !> the recording ends at
2 diff --to=x tree.htap tree.htap !> not a time
2 diff --sysroot=nowhere tree.htap tree.htap !> not a directory

1 budget --json --max-peak=194 --max-leaked=73 --max-leaked-blocks=4 --max-allocated=213 --max-allocs=7 --max-temporary=1 tree.htap => [.limits[] | [.limit, .value, .exceeded]] == [["max-peak", 195, true], ["max-leaked", 73, false], ["max-leaked-blocks", 5, true], ["max-allocated", 213, false], ["max-allocs", 8, true], ["max-temporary", 1, false]]
1 budget --json --baseline=exec.htap --max-growth=1% --sysroot=. tree.htap => [.limits[] | select(.of == "allocated") | .before, .value] == [56, 213]
0 budget --budget=right.budget --no-symbols tree.htap ~> max-peak +195 B +195 B
0 budget --json --max-peak=0 --in=nothing tree.htap => .limits[0].within == "nothing" and .limits[0].value == 0
1 budget --github --limit=1 --frames=1 --junit=/dev/null --max-peak=1 tree.htap ~> ^::error title=max-peak exceeded::195 B
1 budget --json --process=#3 --max-peak=2 tree.htap => .limits[0].value == 3
4 budget --json --max-peak=1G every.htap => .complete == false
2 budget --max-peak=x x !> not a size
2 budget --max-leaked=x x !> not a size
2 budget --max-leaked-blocks=x x !> not a count
2 budget --max-allocated=x x !> not a size
2 budget --max-allocs=x x !> not a count
2 budget --max-temporary=x x !> not a
2 budget --max-growth=5 --baseline=x x !> not a share
2 budget --max-peak=1 --in= x !> a function has a name
3 budget --max-growth=5% --baseline=nowhere.htap tree.htap !> nowhere.htap
3 budget --budget=nowhere tree.htap !> cannot open the budget
2 budget --max-peak=1 --limit=x x !> not a count
2 budget --max-peak=1 --frames=x x !> not a count
3 budget --max-peak=1 --junit=no/where tree.htap !> cannot write the JUnit file
2 budget --max-peak=1 --process=41 tree.htap !> no process of the trace
2 budget --max-peak=1 --sysroot=nowhere tree.htap !> not a directory

0 verify --json --process=42 tree.htap => .entered == 7 and .live_blocks == 3 and .live_bytes == 65
0 verify tree.htap ~> .
1 verify --json every.htap => .complete == false
2 verify --process=41 tree.htap !> no process of the trace
0 info --json --process=#2 tree.htap => .allocs == 2 and .frees == 3 and .peak_bytes == 30
2 info --process=41 tree.htap !> no process of the trace
3 info nowhere.htap !> nowhere.htap: cannot be opened
0 doctor --json => .findings | length > 3
2 doctor x !> x is no process id
2 detach x !> x is no process id
2 detach 0 !> 0 is no process id
0 checkpoint tree.htap ~> ^no checkpoint added
3 checkpoint nowhere.htap !> nowhere.htap
0 help report ~> ^usage: heaptap report
2 help nothing !> no such command
2 nothing !> no such command

0 record --overflow=drop --no-stacks -- true => .policy == "drop" and .stacks == 0 and .end_reason == "exit"
0 record --free-stacks --follow=exec --wait=tree -- sh -c : => .policy == "block" and .stacks > 0
0 record --duration=1ms -- sleep 0.3 => .end_reason == "asked" and .duration_ns < 290000000
0 record --max-file=1M -- true => .end_reason == "exit"
1 record --budget=strict.budget -- sh -c : => .end_reason == "exit"
0 record --output=new.htap -- true => .end_reason == "exit" and .pid > 0
125 record --pid=x !> x is no process id
125 record --pid=0 !> 0 is no process id
125 record --duration=x -- touch ran !> not a time
125 record --overflow=maybe -- touch ran !> neither block nor drop
125 record --max-file=1K -- touch ran !> the least is
125 record --follow=x -- touch ran !> none of all, fork
125 record --wait=x -- touch ran !> neither root nor tree
125 record --budget=nowhere -- touch ran !> cannot open the budget
125 record --output=no/where -- touch ran !> cannot create no/where
TABLE

[ ! -e ran ] || complain "a program was started by a wrong command line"
for command in $("$HEAPTAP" help | sed -nE 's/^  ([a-z]+)  .*/\1/p'); do
	"$HEAPTAP" help "$command" >page || complain "help $command"
	"$HEAPTAP" "$command" --help | cmp -s page - || complain "$command --help says otherwise"
	while IFS='|' read -r letter name value; do
		[ "${shown[$command $name]:-}${shown[$command $letter]:-}" ] || complain "$command $name is in no row"
		[ ! "$value" ] || [ "${refused[$command $name]:-}" ] || complain "$command $name is in no row with a bad value"
	done < <(sed -nE 's/^  (-.|  )[, ] (--[a-z-]+)(=?).*/\1|\2|\3/p' page | grep -v -- '--help')
done
exit $wrong
