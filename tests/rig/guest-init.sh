#!/bin/bash
# The first process of a node: makes a private, writable root, then runs the
# commands that the test sends over the serial line.
#
# Started by the kernel with the host's own tree as a read-only root. It lies in
# the node's directory on the host; RIG_NODE names the node. Every process costs
# some 20 ms here, so what can be prepared on the host is (see tree.rs).

set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TERM=dumb

# The root: host tree, over it the node's own tree, over that memory. Nothing
# that happens in here can reach the host, but for the exchange directory /rig.
mount -t proc proc /proc
read -r release < /proc/sys/kernel/osrelease
modules=/usr/lib/uml/modules
insmod "$modules/$release/kernel/fs/overlayfs/overlay.ko"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/upper /run/work /run/root /run/node
# A mount of its own, since overlay refuses a lower directory inside another one.
# sync: what a command wrote is on the host when the command is reported done,
# even if a process that it left behind keeps the file open.
mount -t hostfs -o "sync,${0%/*}" none /run/node
mount -t overlay \
	-o "lowerdir=/run/node/tree:/,upperdir=/run/upper,workdir=/run/work" \
	overlay /run/root
cd /run/root
# Not chroot: the kernel's own call-outs (/sbin/ocfs2_hb_ctl, modprobe) start
# in its first processes' root, which pivot_root changes as well.
pivot_root . host
cd /

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount --move /host/dev /dev
for directory in run tmp mnt dev/shm; do
	[ -d "/$directory" ] || mkdir "/$directory"
	mount -t tmpfs -o mode=1777 tmpfs "/$directory"
done
mount --bind "/host$modules" /usr/lib/modules

echo "$RIG_NODE" > /proc/sys/kernel/hostname
HOSTNAME=$RIG_NODE
# A distribution's units do this by themselves (see boot.rs).
if [ "${RIG_SYSTEMD-}" != multi-user.target ]; then
	ip -batch - <<- END
		link set lo up
		addr add 192.0.2.${RIG_NODE#n}/24 dev vec0
		link set vec0 up
	END
fi

exec 3<> /dev/ttyS0
stty -F /dev/ttyS0 raw -echo
# Through a pipe, which bash reads no further than to the line's end. What it has read
# ahead of the serial line, every command would find before its own first input.
coproc lines { exec cat <&3; }
exec 4<&"${lines[0]}"
set +eu
unset modules release directory

# One command: /rig/ID.sh, in a shell of its own so that it may exit or die.
run_command() {
	# shellcheck source=/dev/null
	(. "/rig/$1.sh") < /dev/null > "/rig/$1.out" 2> "/rig/$1.err" 3>&- 4<&-
	echo "done $1 $?" >&3
}

serve() {
	echo ready >&3
	while read -r id <&4; do
		[ "$id" = off ] && break
		run_command "$id" &
	done
	sync
	echo o > /proc/sysrq-trigger
	exec sleep 60
}

# RIG_SYSTEMD: the first process becomes systemd, on the way to this target. What the host's
# admin has enabled is none of the node's business.
if [ -n "${RIG_SYSTEMD-}" ]; then
	# That the host may be a container as well.
	rm -f /.dockerenv
	mount -t tmpfs -o mode=755 tmpfs /etc/systemd/system
	cp -a /host/run/node/tree/etc/systemd/system/. /etc/systemd/system
	serve &
	exec /lib/systemd/systemd --unit="$RIG_SYSTEMD" 3>&- 4<&-
fi
serve
