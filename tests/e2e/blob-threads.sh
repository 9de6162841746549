#!/bin/bash
# blob-threads.sh -- the blob's places for threads come free again: 45 000 threads, each where none was before, are all recorded
# long
. "$(dirname "$0")/lib.sh"
need jq

# shellcheck disable=SC2016
record threads.htap sh -c 's=$HEAPTAP_SESSION; unset HEAPTAP_SESSION; exec "$0" "$s" "$@"' "$TARGETS/self-blob" "$O/blob.bin" threads >confession || fail "self-blob: $(cat confession)"
verified threads.htap
recorded=$("$HEAPTAP" info --json threads.htap | jq '[.thread_list[] | select(.image == 2) | .calls] | add')
[ "$(cat confession)" = "allocs 45000" ] || fail "confessed: $(cat confession)"
[ "$recorded" = 90000 ] || fail "of 90000 calls $recorded were recorded"
