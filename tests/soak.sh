#!/usr/bin/env bash
# The soak: two nodes, two volumes, several workers on each that do at random all that can be
# done with a volume, and kill tools at random moments (tests/soak). Usage:
#
#     tests/soak.sh [SECONDS [SEED]]
#
# 600 s by default. It prints its seed, which repeats its choices, though not what the kernels
# make of the moments. It is no part of run.sh as long as it kills unmounts
# in the kernel, which freezes a node (docs/design.md, "Known limits").

set -euo pipefail
# shellcheck source=tests/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

exec cargo test --release --quiet --test soak -- --seconds="${1:-600}" ${2:+--seed="$2"}
