#!/bin/bash
# agent-symbols.sh -- the agent leans on nothing: no needed library, and no import that agent-symbols.allow does not list
#
# A stray printf in the agent would allocate inside somebody else's malloc; here it cannot even be linked in unnoticed.
set -u
agent=$O/libheaptap-agent.so
allow=tests/house/agent-symbols.allow
bad=0

if ! dynamic=$(readelf --wide --dynamic "$agent"); then
	echo "$agent: cannot be read"
	exit 1
fi
if grep NEEDED <<<"$dynamic"; then
	echo "$agent: needs a library; it must need none"
	bad=1
fi
if grep TEXTREL <<<"$dynamic"; then
	echo "$agent: has relocations in its text"
	bad=1
fi
imports=$(nm --dynamic --undefined-only "$agent" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u)
extra=$(comm -23 <(echo "$imports") <(sed 's/#.*//; s/[[:space:]]//g; /^$/d' $allow | sort -u) | sed '/^$/d')
if [ -n "$extra" ]; then
	echo "$agent imports what $allow does not list:"
	echo "$extra"
	bad=1
fi
exit $bad
