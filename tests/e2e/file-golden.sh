#!/bin/bash
# file-golden.sh -- heaptap and the second decoder both give the answers worked out by hand for every golden trace
#
# And the golden files are what their maker makes: bytes, answers and the document cannot drift apart unnoticed.
. "$(dirname "$0")/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"
golden=$TOP/tests/golden
status=0

same() { # same WHO EXPECTED GOT
	if ! /usr/bin/python3 "$TOP/tests/decoder/same.py" "$2" "$3"; then
		echo "FAILED: $1 differs from $2"
		status=1
	fi
}

mkdir made
"$golden/make.py" made || fail "the maker"
for file in made/*; do
	cmp "$file" "$golden/${file#made/}" || status=1
done
for file in "$golden"/*.htap; do
	base=${file%.htap}
	for answer in script.jsonl verify.json info.json; do
		question=${answer%.*}
		"$TOP/tests/decoder/decode.py" "$question" "$file" >got 2>says
		same "the decoder's $question" "$base.$answer" got
		"$HEAPTAP" "$question" --json "$file" >got 2>says
		same "heaptap's $question" "$base.$answer" got
	done
	"$TOP/tests/decoder/agree.sh" "$file" || status=1
done
exit $status
