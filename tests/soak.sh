#!/usr/bin/env bash
# The soak: two nodes, two volumes, several workers on each that do at random all that can be
# done with a volume, and kill tools at random moments (tests/soak). Usage:
#
#     tests/soak.sh [SECONDS [SEED]]
#
# 600 s by default; run.sh has a minute of it. It prints its seed, which repeats its choices, though
# not what the kernels make of the moments.

set -euo pipefail
# shellcheck source=tests/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

exec cargo test --release --quiet --test soak -- --seconds="${1:-600}" ${2:+--seed="$2"}
