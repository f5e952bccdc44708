#!/usr/bin/env bash
# All checks and all tests. Ends with 0 only when every one of them has passed.
#
#     tests/run.sh [quick]
#
# quick leaves out what boots kernels.

set -euo pipefail
# shellcheck source=tests/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

# Prints the path of the release binary.
release_binary() {
	cargo build --release --quiet --bin ocfs2box --message-format=json |
		sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

# One file for /sbin and an initramfs: it must not need any library.
check_static() {
	local binary=$1
	echo "static: $(file -b "$binary")"
	file -b "$binary" | grep -Fq 'statically linked'
	# What an initramfs is asked to carry: 1.5 MiB.
	[ "$(stat -c %s "$binary")" -le 1572864 ]
	if readelf -d "$binary" | grep NEEDED; then
		return 1
	fi
}

# How many tests run side by side. On a cluster they mostly wait for heartbeats,
# so five on each core; a lab's nodes hold some 400 MB at most.
test_threads() {
	local kilobytes by_cores by_memory
	kilobytes=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
	by_cores=$((5 * $(nproc)))
	by_memory=$((kilobytes / 400000))
	[ "$by_memory" -ge 1 ] || by_memory=1
	echo "$((by_cores < by_memory ? by_cores : by_memory))"
}

# Runs test programs to the end, even when one has failed. A shell has what it
# runs in the background ignore signals, which tests send.
run_tests() {
	env --default-signal=INT,QUIT cargo test --release --no-fail-fast "$@" -- --test-threads="$(test_threads)"
}

case "${1-}" in
	'' | quick) ;;
	*)
		echo "usage: tests/run.sh [quick]" >&2
		exit 2
		;;
esac

cargo fmt --check
cargo clippy --all-targets -- -D warnings
cargo clippy --test demo --test benchmark -- -D warnings
RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps
check_static "$(release_binary)"

quick=(--lib --test applets --test binary --test config --test volume)
if [ "${1-}" = quick ]; then
	run_tests "${quick[@]}"
	exit
fi

# All mostly wait, so half of them runs beside the other; what that prints comes at the end.
beside() {
	local failed=0
	run_tests "${quick[@]}" || failed=$?
	run_tests --test soak || failed=$?
	return "$failed"
}

cargo test --release --no-run
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
beside > "$printed" 2>&1 &
failed=0
run_tests --test dlm --test faults --test kernel || failed=$?
cargo test --release --doc || failed=$?
wait $! || failed=$?
cat "$printed"
exit "$failed"
