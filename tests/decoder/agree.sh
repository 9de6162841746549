#!/bin/bash
# agree.sh -- does heaptap answer script, verify and info as the second decoder does? agree.sh FILE...
#
# For any trace. The values of every key the decoder knows must be equal, and the exit status; what differs first is
# printed. To refuse the file is no answer. The program is $HEAPTAP, or the one in ${HEAPTAP_BUILD:-build}. Status 0 if all
# agree, 77 without the Python modules of the decoder.
set -u
here=$(dirname "$(realpath "$0")")
heaptap=${HEAPTAP:-$here/../../${HEAPTAP_BUILD:-build}/heaptap}
export PYTHONDONTWRITEBYTECODE=1
if ! /usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null; then
	echo "python3-xxhash or python3-zstandard is not installed"
	exit 77
fi
scratch=$(mktemp -d "${TMPDIR:-/tmp}/heaptap-agree.XXXXXX") || exit 3
trap 'rm -rf "$scratch"' EXIT
status=0
for file in "$@"; do
	for question in script verify info; do
		/usr/bin/python3 "$here/decode.py" $question "$file" >"$scratch/expected" 2>"$scratch/expected.says"
		expected=$?
		"$heaptap" $question --json "$file" >"$scratch/got" 2>"$scratch/got.says"
		got=$?
		if [ $expected != $got ] || [ $expected = 3 ]; then
			echo "$file: $question: the decoder exits with $expected, heaptap with $got"
			cat "$scratch/expected.says" "$scratch/got.says"
			status=1
		fi
		if ! /usr/bin/python3 "$here/same.py" "$scratch/expected" "$scratch/got"; then
			echo "$file: $question: heaptap disagrees with the decoder"
			status=1
		fi
	done
done
exit $status
