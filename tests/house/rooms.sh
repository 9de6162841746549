#!/bin/bash
# rooms.sh -- who may include whom: every #include "room/file.h" under src points at a room that its own room may know
#
# The table is the architecture (docs/tour.md draws it); include/heaptap is the contract that api keeps. Includes are written "room/file.h" from src, or "file.h" within a room.
set -u
declare -A may=(
	[channel]=""
	[agent]="channel"
	[util]=""
	[format]="util"
	[collect]="channel format util"
	[inspect]="format util"
	[attach]="channel util"
	[api]="inspect util"
	[show]="inspect util collect attach"
)
# `record` and its kin are the only commands that may know the collector, or touch another process.
show_kin=' src/show/record.c src/show/running.c src/show/running.h src/show/detach.c src/show/machine.c src/show/patient.c '
bad=0

complain() {
	echo "$1"
	bad=1
}

for room in src/*/; do
	room=$(basename "$room")
	[ "${may[$room]+known}" ] || complain "src/$room: a room that rooms.sh does not know"
done
while IFS=: read -r file line text; do
	room=${file#src/} room=${room%%/*}
	target=${text#*\"} target=${target%%\"*}
	if [[ $target != */* ]]; then
		[ -e "src/$room/$target" ] || complain "$file:$line: \"$target\" is not in src/$room; write the room's name"
		continue
	fi
	known=${target%%/*}
	[ -e "src/$target" ] || complain "$file:$line: there is no src/$target"
	[ "$known" = "$room" ] && continue
	if [[ " ${may[$room]:-} " != *" $known "* ]]; then
		complain "$file:$line: $room may not know $known"
	elif [[ $room == show && $known =~ ^(collect|attach)$ && $show_kin != *" $file "* ]]; then
		complain "$file:$line: only${show_kin}may know $known"
	fi
done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' src/*/*.[ch])
exit $bad
