#!/usr/bin/env bash
# Shows the tools at work: two machines, one shared disk, about half a minute.
# Safe to run anywhere: the machines are processes (user-mode Linux), which
# change nothing outside of a temporary directory.

set -euo pipefail
# shellcheck source=tests/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

cargo build --release --quiet
exec cargo test --release --quiet --test demo
