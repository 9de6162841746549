#!/bin/bash
# setup.sh -- installs the Debian packages that a group of tasks needs, or says which are missing: scripts/setup.sh GROUP...
#
# The groups are those of packages.txt. What is installed already is left alone; nothing is asked. Without the right to install (root,
# or sudo without a password) it prints the command to give to somebody who has it, and ends with 3.
set -u
list=$(dirname "$0")/packages.txt
missing=()

mapfile -t wanted < <(for group in "$@"; do awk -v g="$group" '$1 == g { print $2 }' "$list"; done | sort -u)
if ! command -v dpkg-query >/dev/null; then
	echo "setup: this is not a Debian system; heaptap needs what these packages of Debian 12 hold:" "${wanted[@]}" >&2
	exit 0
fi
for package in "${wanted[@]}"; do
	status=$(dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null)
	[[ $status == ?i* ]] || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0

if [ "$(id -u)" = 0 ]; then
	as_root=(env)
elif sudo -n true 2>/dev/null; then
	as_root=(sudo env)
else
	echo "setup: missing Debian packages, and no right to install them. Ask somebody who has it to type:" >&2
	echo "    apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 3
fi

apt() { # a mirror may stumble, and another apt may hold the lock: three attempts
	for attempt in 1 2 3; do
		"${as_root[@]}" DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 \
			-o Dpkg::Use-Pty=0 "$@" </dev/null >&2 && return 0
		[ "$attempt" = 3 ] || sleep $((attempt * 5))
	done
	return 1
}
echo "setup: installing ${missing[*]}" >&2
apt update || echo "setup: the package lists could not be renewed; trying with those that are here" >&2
if ! apt install --no-install-recommends "${missing[@]}"; then
	echo "setup: apt-get could not install: ${missing[*]}" >&2
	exit 3
fi
