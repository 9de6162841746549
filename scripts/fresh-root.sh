#!/bin/bash
# fresh-root.sh -- proves the README: a new Debian 12 root, a clone, ./quickstart, ./check: scripts/fresh-root.sh FOLDER [COMMAND...]
#
# Run as root. FOLDER is made (about 2 GB at the end) and left for a look; remove it when done, after it has been unmounted, which
# happens at the end of each run. A FOLDER made before is used again, with a new clone. What is cloned is the last commit. COMMAND
# replaces ./quickstart and ./check. The package mirror is this machine's, or MIRROR.
set -eu
if [ $# -lt 1 ] || [ "$(id -u)" != 0 ]; then
	echo "usage, as root: scripts/fresh-root.sh FOLDER [COMMAND...]" >&2
	exit 2
fi
top=$(cd "$(dirname "$0")/.." && pwd)
root=$1
shift
[ $# -gt 0 ] || set -- ./quickstart ./check
mirror=${MIRROR:-$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | sed -n 1p)}

leave() {
	for place in dev/shm dev/pts dev proc sys; do
		if mountpoint -q "$root/$place"; then umount -l "$root/$place"; fi
	done
}
trap leave EXIT

if [ ! -e "$root/etc/debian_version" ]; then
	debootstrap --variant=minbase bookworm "$root" "${mirror%% *}"
	# As a container image has it: no service is started by a package.
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
fi
mkdir -p "$root/proc" "$root/sys" "$root/dev"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --bind --make-private /dev "$root/dev"
mount --bind --make-private /dev/pts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
cp /etc/resolv.conf "$root/etc/resolv.conf"
for f in /etc/apt/apt.conf.d/*proxy*; do
	if [ -e "$f" ]; then cp "$f" "$root/etc/apt/apt.conf.d/"; fi
done
rm -rf "$root/root/heaptap"
git clone --quiet "$top" "$root/root/heaptap"
for command in "$@"; do
	echo "---- $command, in $root"
	chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
		${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} /bin/sh -c "cd /root/heaptap && $command"
done
