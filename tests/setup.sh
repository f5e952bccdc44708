#!/usr/bin/env bash
# What the tests and the demonstration need on this machine, installed where it
# is missing: Debian or Ubuntu packages, as root or by sudo. Sourced by run.sh
# and demo.sh; leaves the shell in the repository's top directory with cargo in PATH.
# Only a Rust toolchain has to be there already.

set -euo pipefail

# Each program and the package that has it. Ordinary users have no sbin in PATH.
needed=(
	/usr/bin/linux.uml:user-mode-linux
	/usr/sbin/mkfs.ocfs2:ocfs2-tools
	/usr/sbin/corosync:corosync
	/usr/sbin/dlm_controld:dlm-controld
	/usr/sbin/modprobe:kmod
	/usr/sbin/ip:iproute2
	/usr/bin/mount:mount
	/usr/sbin/dmsetup:dmsetup
	/usr/bin/perl:perl-base
	/usr/bin/findmnt:util-linux
	/usr/bin/cc:gcc
	/usr/bin/strace:strace
	/usr/bin/script:bsdutils
	/usr/bin/file:file
	/usr/bin/mandoc:mandoc
	/usr/bin/readelf:binutils
	/usr/bin/pgrep:procps
	/lib/systemd/systemd:systemd
	/lib/systemd/systemd-udevd:udev
	# cargo fetches by https, and trusts whom this package tells it to.
	/usr/sbin/update-ca-certificates:ca-certificates
)

# Prints the packages whose programs are missing, one a line.
missing_packages() {
	local entry
	for entry in "${needed[@]}"; do
		[ -x "${entry%%:*}" ] || echo "${entry##*:}"
	done
	# A static binary needs the C library's archive.
	[ -n "$(find /usr/lib /usr/lib64 -maxdepth 2 -name libc.a -print -quit 2> /dev/null)" ] ||
		echo libc6-dev
}

# Runs a command as root; fails where that is not allowed.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif ! command -v sudo > /dev/null; then
		return 1
	elif [ -t 0 ]; then
		sudo "$@"
	else
		sudo -n "$@" # nobody there to type a password
	fi
}

# They must neither ask nor start daemons: the policy file is how Debian's
# packages are told. An update may fail for a source that has none of them.
install_packages() {
	# shellcheck disable=SC2016 # the inner shell expands it
	as_root env DEBIAN_FRONTEND=noninteractive sh -eu -c '
		policy=/usr/sbin/policy-rc.d
		if [ ! -e "$policy" ]; then
			trap "rm -f $policy" EXIT
			trap "exit 1" HUP INT TERM
			printf "#!/bin/sh\nexit 101\n" > "$policy"
			chmod 755 "$policy"
		fi
		apt-get -qq update || echo "going on with the old lists of packages" >&2
		apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 \
			-o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 \
			install "$@" < /dev/null > /dev/null
		# Nor at the next boot: nodes start these by themselves.
		case " $* " in
		*" corosync "* | *" dlm-controld "*)
			[ ! -d /run/systemd/system ] || systemctl --quiet disable corosync dlm || :
			;;
		esac
	' install "$@"
}

set_up() {
	local packages
	cd "$(dirname "${BASH_SOURCE[0]}")/.."
	mapfile -t packages < <(missing_packages)
	if [ "${#packages[@]}" != 0 ]; then
		echo "installing: ${packages[*]}"
		if ! command -v apt-get > /dev/null || ! install_packages "${packages[@]}"; then
			echo "please install these packages, then run this again:" >&2
			echo "    ${packages[*]}" >&2
			exit 1
		fi
	fi
	# mkfs.ocfs2 wants the link that systemd makes, and a bare chroot lacks.
	if [ ! -e /etc/mtab ] && ! as_root ln -sf ../proc/self/mounts /etc/mtab; then
		echo "please run this as root, then run this again:" >&2
		echo "    ln -sf ../proc/self/mounts /etc/mtab" >&2
		exit 1
	fi
	if ! command -v cargo > /dev/null; then
		PATH=$HOME/.cargo/bin:$PATH
	fi
	if ! command -v cargo > /dev/null; then
		echo "please install a stable Rust toolchain (https://rustup.rs)" >&2
		exit 1
	fi
}

set_up
