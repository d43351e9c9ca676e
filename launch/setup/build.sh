#!/usr/bin/env bash
# Configures and builds one preset (cpu, cuda, ulfm, asan, asan_parsers, tsan, fuzz) into build/<preset>. Needs launch/setup/install.sh before it.
set -euo pipefail
cd "$(dirname "$0")/../.."

case "${1:-cpu}" in
  -h | --help) echo "usage: launch/setup/build.sh [cpu|cuda|ulfm|asan|asan_parsers|tsan|fuzz] [target ...]"; exit 0 ;;
  cpu | cuda | ulfm | asan | asan_parsers | tsan | fuzz) preset=${1:-cpu} ;;
  *) echo "unknown preset \"$1\": expected cpu, cuda, ulfm, asan, asan_parsers, tsan or fuzz" >&2; exit 2 ;;
esac
shift || true
targets=()
if [ $# -gt 0 ]; then targets=(--target "$@"); fi

log=build/$preset/configure.log
mkdir -p "build/$preset"
if ! cmake --preset "$preset" > "$log" 2>&1; then cat "$log" >&2; exit 1; fi
# A compiler of ATen headers needs about 1.5 GB.
jobs=$(nproc)
by_memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
if [ "$by_memory" -lt "$jobs" ]; then jobs=$((by_memory > 0 ? by_memory : 1)); fi
cmake --build --preset "$preset" -j "$jobs" "${targets[@]}"
