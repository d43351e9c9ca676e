#!/usr/bin/env bash
# What takes too long for every change: fuzzing each parser, a campaign of faults, the recipes, the sanitizers. Some hours on two cores; --help says how to shorten it.
set -uo pipefail
cd "$(dirname "$0")/.."

seconds=60 faults=1000 seed=$(date +%j)
while [ $# -gt 0 ]; do
  case "$1" in
    --seconds) seconds=$2; shift 2 ;;
    --faults) faults=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    *) echo "usage: launch/nightly.sh [--seconds 60 a fuzz target] [--faults 1000] [--seed S, else the day of the year]"; [ "$1" = --help ] || [ "$1" = -h ]; exit ;;
  esac
done

launch/setup/install.sh --tests && launch/setup/build.sh cpu || exit
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
failed=()
attempt() { echo "=== $*"; "$@" || failed+=("$*"); }
attempt tests/fuzz/run.sh --seconds "$seconds"
attempt launch/test.sh --clusters
attempt python3 -B tests/architecture/recipes_test.py . --whole
attempt tests/faults/run.sh --faults "$faults" --seed "$seed"
for sanitizer in asan tsan; do
  if launch/setup/build.sh $sanitizer; then attempt ctest --preset $sanitizer; else failed+=("build $sanitizer"); fi
done
if [ ${#failed[@]} = 0 ]; then echo "all well"; else printf 'failed: %s\n' "${failed[@]}"; exit 1; fi
