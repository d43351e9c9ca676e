#!/usr/bin/env bash
# Installs what the tests need, builds, and runs the tests, those of what reads files also with sanitizers. Safe and cheap to run again.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: launch/test.sh [--fast|--clusters] [ctest arguments ...]
  --fast      only tests labelled fast, and no sanitizers
  --clusters  only the tests of several hosts and of Slurm: they need root, network namespaces, and Slurm's programs
  -h, --help
Without arguments every test runs but those, and those labelled gpu (launch/gpu_check.sh runs these).
TEXT
}

sanitized=asan_parsers clusters=()
labels=(-LE '^(gpu|hosts|slurm)$')
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --fast) labels=(-L '^fast$' -LE '^gpu$') sanitized=""; shift ;;
  --clusters) labels=(-L '^(hosts|slurm)$') sanitized="" clusters=(--clusters); shift ;;
esac

launch/setup/install.sh --tests "${clusters[@]}"
launch/setup/build.sh cpu
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
if [ -n "$sanitized" ] && [ $# = 0 ]; then
  launch/setup/build.sh $sanitized
  ctest --preset $sanitized -j "$(nproc)" >build/$sanitized/tests.log || { cat build/$sanitized/tests.log; exit 1; }
fi
exec ctest --test-dir build/cpu --output-on-failure --no-tests=error -j "$(nproc)" "${labels[@]}" "$@"
