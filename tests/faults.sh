#!/usr/bin/env bash
# The whole fault matrix (docs/faults.md): every command at every system call, killed there
# or made to fail. Takes an hour or more; run.sh has a slice of it. Words are parts of cases'
# names: only those are tried. --said prints all that the commands said.

set -euo pipefail
# shellcheck source=tests/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

exec cargo test --release --quiet --test faults -- --all --test-threads="$((3 * $(nproc)))" "$@"
