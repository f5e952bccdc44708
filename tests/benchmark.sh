#!/usr/bin/env bash
# Measures `o2cb online` and `o2cb status` beside the C tools' init script, on one machine in
# one boot (user-mode Linux), some three minutes. Fails if ours takes a tenth or more.
# Times are no test's business: tests/run.sh does not run this.

set -euo pipefail
# shellcheck source=tests/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

cargo build --release --quiet
exec cargo test --release --quiet --test benchmark
