#!/usr/bin/env bash
# The whole fault matrix (docs/faults.md): every command at every system call, killed there
# or made to fail, with each error in turn. Takes an hour on two cores; run.sh has a slice
# of it. With --every-error each call fails with each of the errors, which takes some two hours.
# Words are parts of cases' names: only those are tried. --said prints all that was said.

set -euo pipefail
# shellcheck source=tests/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

exec cargo test --release --quiet --test faults -- --in-turn --test-threads="$((6 * $(nproc)))" "$@"
