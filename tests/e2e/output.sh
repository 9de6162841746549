#!/bin/bash
# output.sh -- where the trace goes: names, modes, links, limits, a full disk; the target never notices (RES-05)
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq unshare

# The default name, for the user alone.
mkdir here && cd here || exit 3
(umask 0 && "$HEAPTAP" record -- sh -c 'exec ls' >/dev/null) || fail "default name: exit $?"
file=$(ls heaptap.*.htap)
[[ $file =~ ^heaptap\.[a-z]+\.[0-9]+\.htap$ ]] || fail "default name: $file"
[ "$(stat -c %a "$file")" = 600 ] || fail "mode $(stat -c %a "$file")"
verified "$file"
cd .. || exit 3

not_written() { # not_written FILE REASON: refused before the command runs
	local before after
	before=$(stat -c '%i %s %Y' "$1" 2>&1)
	rm -f ran
	"$HEAPTAP" record -o "$1" -- touch ran 2>err
	[ $? = 125 ] || fail "$1: exit $?: $(cat err)"
	[ -e ran ] && fail "$1: the command ran"
	[ "$(wc -l <err)" = 1 ] || fail "$1: not one line: $(cat err)"
	grep -qi "$2" err || fail "$1: no '$2': $(cat err)"
	after=$(stat -c '%i %s %Y' "$1" 2>&1)
	[ "$before" = "$after" ] || fail "$1: it was touched"
}

echo mine >existing
not_written existing exist
ln -s nowhere dangling
not_written dangling 'exist\|link'
[ -e nowhere ] && fail "a symbolic link was followed"
ln -s existing link
not_written link 'exist\|link'
not_written /nowhere/file.htap 'no such'
not_written "$TMP" 'exist\|directory'
mkfifo fifo
not_written fifo 'exist\|file'

# --max-file: recording stops, the target runs on, the file is whole and says why.
HT_CONFESS=$TMP/tally "$HEAPTAP" record --max-file=300K -o small.htap -- "$TARGETS/storm" random 1 2 300000 2>err || fail "max-file: exit $?: $(cat err)"
[ "$(stat -c %s small.htap)" -le 307200 ] || fail "max-file: $(stat -c %s small.htap) bytes"
grep -qi 'limit\|max-file' err || fail "max-file: nothing said: $(cat err)"
[ "$(od -A n -t u8 -j 24 -N 8 tally | tr -d ' ')" = 1 ] || fail "max-file: the target did not end"
"$HEAPTAP" verify --json small.htap >account
[ "$(jq '.damaged_blocks + .history_violations' account)" = 0 ] || fail "max-file: $(cat account)"
[ "$(jq .recorded account)" -gt 10000 ] || fail "max-file: $(cat account)"
"$HEAPTAP" info small.htap | grep -qi limit || fail "max-file: info does not say why it ends"

# A full disk: the same, and what is there can be read.
unshare -m true 2>/dev/null || skip "no private mounts here: a full disk is not tested"
# shellcheck disable=SC2016
HT_CONFESS=$TMP/tally2 unshare -m bash -c 'mkdir disk && mount -t tmpfs -o size=1m none disk &&
	"$HEAPTAP" record -o disk/full.htap -- "$TARGETS/storm" random 1 2 600000 2>err; echo $? >status; cp disk/full.htap .; df disk | tail -1'
[ "$(od -A n -t u8 -j 24 -N 8 tally2 | tr -d ' ')" = 1 ] || fail "full disk: the target did not end"
[ "$(cat status)" = 125 ] || fail "full disk: exit $(cat status): $(cat err)"
grep -qi 'space' err || fail "full disk: nothing said: $(cat err)"
"$HEAPTAP" verify --json full.htap >account
case $? in 1 | 4) ;; *) fail "full disk: verify must not be content: $(cat account)" ;; esac
[ "$(jq .recorded account)" -gt 10000 ] || fail "full disk: $(cat account)"
[ "$(jq .history_violations account)" = 0 ] || fail "full disk: $(cat account)"
[ "$(jq .complete account)" = false ] || fail "full disk: it looks complete"
exit 0
