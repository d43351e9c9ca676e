#!/usr/bin/env bash
# Installs what the tests need, builds, and runs the tests. Safe and cheap to run again.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: launch/test.sh [--fast] [ctest arguments ...]
  --fast      only tests labelled fast
  -h, --help
Without arguments every test runs but those labelled gpu (launch/gpu_check.sh runs these).
TEXT
}

labels=(-LE '^gpu$')
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --fast) labels=(-L '^fast$' -LE '^gpu$'); shift ;;
esac

launch/setup/install.sh --tests
launch/setup/build.sh cpu
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
exec ctest --test-dir build/cpu --output-on-failure --no-tests=error -j "$(nproc)" "${labels[@]}" "$@"
