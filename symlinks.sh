#!/bin/sh
# Puts ocfs2box and the links it is called by where mount(8) and the kernel look for them:
# symlinks.sh [DESTDIR]
#
# The names come from the program itself, so they cannot differ from what it answers to.
# OCFS2BOX names the executable to install; otherwise it is the release build beside this
# script, or the one in PATH. Files that are not links to it are left alone, unless FORCE=1.
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
	here=$(cd "$(dirname "$0")" && pwd)
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

[ $# -le 1 ] || die "usage: symlinks.sh [DESTDIR]"
case ${1:-} in
-*) die "usage: symlinks.sh [DESTDIR]" ;;
*) root=${1:-} ;;
esac
root=${root%/}

program=$(find_program) || die "no ocfs2box: build it (cargo build --release) or set OCFS2BOX"
[ -x "$program" ] || die "$program: not an executable"
sbin=$(sbin_of "$root")
mkdir -p "$sbin"
installed=$sbin/ocfs2box

# Copied beside its place and renamed: whoever runs the old one meanwhile keeps it, and at
# no moment is there half a file.
if ! cmp -s "$program" "$installed"; then
	cp "$program" "$installed.new"
	chmod 755 "$installed.new"
	mv -f "$installed.new" "$installed"
	echo "$installed: copied from $program"
fi
case ${FORCE:-} in
1) "$installed" --install -s -f "$sbin" ;;
*) "$installed" --install -s "$sbin" || die "links not made (FORCE=1 replaces what is in the way)" ;;
esac
"$installed" --list | while read -r name; do
	echo "$sbin/$name -> $(readlink "$sbin/$name")"
done
