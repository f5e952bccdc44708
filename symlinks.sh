#!/bin/sh
# Installs ocfs2box: symlinks.sh [DESTDIR]
#
# Always: the executable, the links it is called by, where mount(8) and the kernel look for
# them, and the manual pages. Where DESTDIR has the directory for it: systemd units or else the
# init script, the configuration file, and shell completions. The names of the links come from
# the program itself, so they cannot differ from what it answers to.
#
# A file that is not from ocfs2box is left alone. These variables change what happens:
#
#   OCFS2BOX=FILE  the executable; by default the release build beside this script, or the one
#                  in PATH
#   DIVERT=1       keep the programs of ocfs2-tools that are in the way as NAME.distrib, where
#                  dpkg-divert(1) has their updates go as well
#   FORCE=1        replace programs that are in the way
#   PREFIX=DIR     where manual pages and completions go: /usr/local; /usr for a package
#   UNITDIR=DIR    where systemd units go: /etc/systemd/system; for a package
#                  /usr/lib/systemd/system
set -eu

die() {
	echo "symlinks.sh: $*" >&2
	exit 1
}

find_program() {
	if [ -n "${OCFS2BOX:-}" ]; then
		echo "$OCFS2BOX"
		return
	fi
	target=${CARGO_TARGET_DIR:-$here/target}
	for built in "$target"/*/release/ocfs2box "$target"/release/ocfs2box; do
		if [ -x "$built" ]; then
			echo "$built"
			return
		fi
	done
	command -v ocfs2box
}

# mount(8) looks for helpers in /sbin. A DESTDIR that has one decides by what it has; an
# empty one, as package builders pass it, gets the layout of this system, so that a package
# never brings a real directory where the system has a link.
sbin_of() {
	if [ -L "$1/sbin" ]; then
		echo "$1/usr/sbin"
	elif [ -d "$1/sbin" ] || [ ! -L /sbin ]; then
		echo "$1/sbin"
	else
		echo "$1$(cd -P /sbin && pwd)"
	fi
}

# copy FILE TARGET [MODE]: writes a draft beside the target and renames it. A process that runs
# the old file keeps it, and at no moment is there half a file.
copy() {
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2.new"
	chmod "${3:-644}" "$2.new"
	mv -f "$2.new" "$2"
	echo "$2: copied from $1"
}

# put FILE TARGET [MODE]: copies a file that is missing, or replaces an earlier one of ocfs2box.
put() {
	if cmp -s "$1" "$2"; then
		return
	fi
	if { [ -e "$2" ] || [ -L "$2" ]; } && ! grep -qs ocfs2box "$2"; then
		echo "symlinks.sh: $2: not from ocfs2box, left alone" >&2
		return
	fi
	copy "$@"
}

# The path by which a package owns a program: with a merged /usr there are two.
owned_path() {
	for path in "/sbin/$1" "/usr/sbin/$1"; do
		if dpkg-query ${root:+--root="$root"} --search "$path" > /dev/null 2>&1; then
			echo "$path"
			return
		fi
	done
	return 1
}

# Keeps the programs of packages under another name. None is missing meanwhile: the kernel or
# mount(8) may run one at any time. The caller then replaces what is in the way.
divert() {
	found=
	for name in $("$installed" --list); do
		file=$sbin/$name
		# shellcheck disable=SC3013 # every sh has -ef, and POSIX since 2024
		if { [ -e "$file" ] || [ -L "$file" ]; } && ! [ "$file" -ef "$installed" ]; then
			path=$(owned_path "$name") ||
				die "$file: belongs to no package (move it away, or FORCE=1 replaces it)"
			found="$found $path"
		fi
	done
	for path in $found; do
		dpkg-divert ${root:+--root="$root"} --local --no-rename --add "$path"
		cp -pP "$sbin/${path##*/}" "$sbin/${path##*/}.distrib"
	done
}

put_pages() {
	for page in "$here"/docs/*.[1-9]; do
		put "$page" "$root$prefix/share/man/man${page##*.}/${page##*/}"
	done
}

# The init system's files. systemd prefers a unit to an init script of the same name.
put_service() {
	running=$root/etc/systemd/system
	[ -n "$root" ] || running=/run/systemd/system
	if [ -n "${UNITDIR:-}" ] || [ -d "$running" ]; then
		for unit in "$here"/docs/systemd/*; do
			put "$unit" "$root${UNITDIR:-/etc/systemd/system}/${unit##*/}"
		done
	elif [ -d "$root/etc/init.d" ]; then
		put "$here/docs/o2cb.init" "$root/etc/init.d/o2cb" 755
	fi
}

# o2cb(8) reads the first of the two that exists, so one must not hide the other.
put_configuration() {
	if [ -e "$root/etc/sysconfig/o2cb" ] || [ -e "$root/etc/default/o2cb" ]; then
		return
	fi
	for directory in "$root/etc/sysconfig" "$root/etc/default"; do
		if [ -d "$directory" ]; then
			copy "$here/docs/o2cb.sysconfig" "$directory/o2cb"
			return
		fi
	done
}

# bash and fish look for a file by the name of the program; zsh's file lists its programs.
put_completions() {
	shells=$root/usr/share
	own=$root$prefix/share
	if [ -d "$shells/zsh" ]; then
		put "$here/docs/completions/_o2cb" "$own/zsh/site-functions/_o2cb"
	fi
	for name in $("$installed" --list); do
		if [ -d "$shells/bash-completion" ]; then
			put "$here/docs/completions/o2cb.bash" "$own/bash-completion/completions/$name"
		fi
		if [ -d "$shells/fish" ]; then
			put "$here/docs/completions/o2cb.fish" "$own/fish/vendor_completions.d/$name.fish"
		fi
	done
}

[ $# -le 1 ] || die "usage: symlinks.sh [DESTDIR]"
case ${1:-} in
-*) die "usage: symlinks.sh [DESTDIR]" ;;
*) root=${1:-} ;;
esac
root=${root%/}
here=$(cd "$(dirname "$0")" && pwd)
prefix=${PREFIX:-/usr/local}

program=$(find_program) || die "no ocfs2box: build it (cargo build --release) or set OCFS2BOX"
[ -x "$program" ] || die "$program: not an executable"
sbin=$(sbin_of "$root")
installed=$sbin/ocfs2box
cmp -s "$program" "$installed" || copy "$program" "$installed" 755

force=${FORCE:-}
if [ "${DIVERT:-}" = 1 ]; then
	divert
	force=1
fi
if [ "$force" = 1 ]; then
	"$installed" --install -s -f "$sbin"
else
	"$installed" --install -s "$sbin" ||
		die "links not made (DIVERT=1 keeps the programs of a Debian package, FORCE=1 replaces any)"
fi
"$installed" --list | while read -r name; do
	echo "$sbin/$name -> $(readlink "$sbin/$name")"
done
put_pages
put_service
put_configuration
put_completions
