#!/usr/bin/env bash
# Searches for inputs that break a parser: builds the fuzz preset and runs each target for a while: its saved findings once, then from its seeds on.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  cat <<'TEXT'
usage: tests/fuzz/run.sh [--seconds N] [target ...]

Builds the preset "fuzz" (clang 14) and runs each target (default: all) for N seconds (default 60), one after another.
Inputs that crash, hang or take too much memory are saved in tests/fuzz/findings/TARGET/, where fuzz_replay_test finds them.
New inputs that reach new code stay in build/fuzz/found/TARGET/ and are used the next time.
Exit code: 0 nothing found, 1 something found, 2 a wrong option or target.
TEXT
}

seconds=60
targets=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --seconds) seconds=${2:-}; shift ;;
    -*) echo "unknown option \"$1\"; see tests/fuzz/run.sh --help" >&2; exit 2 ;;
    *) targets+=("$1") ;;
  esac
  shift
done
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then echo "--seconds: expected a whole number of at least 1, got \"$seconds\"" >&2; exit 2; fi
known=()
for file in tests/fuzz/*_fuzz.cc; do known+=("$(basename "$file" _fuzz.cc)"); done
if [ ${#targets[@]} -eq 0 ]; then targets=("${known[@]}"); fi
for target in "${targets[@]}"; do
  if ! [[ " ${known[*]} " == *" $target "* ]]; then echo "unknown target \"$target\": expected one of ${known[*]}" >&2; exit 2; fi
done

launch/setup/build.sh fuzz "${targets[@]/%/_fuzz}"

# A slow sanitizer on a busy machine must not look like a hang; what a reader may use is far below the memory limits.
limits=(-timeout=30 -rss_limit_mb=2048 -malloc_limit_mb=512)
found=0
inputs=0
for target in "${targets[@]}"; do
  saved=tests/fuzz/findings/$target corpus=build/fuzz/found/$target log=build/fuzz/$target.log
  mkdir -p "$saved" "$corpus"
  before=$(find "$saved" -type f | wc -l)
  end=$((SECONDS + seconds))
  runs=0
  : > "$log"
  # Not among the seeds: many are as slow as the limits allow, and so would be what is made of them.
  if [ "$before" -gt 0 ]; then build/fuzz/tests/fuzz/"$target"_fuzz "${limits[@]}" -artifact_prefix="$saved/" "$saved"/* >> "$log" 2>&1 || true; fi
  # A target ends with its first finding: it is started again until the time is over, or until it finds nothing new.
  while [ $SECONDS -lt $end ]; do
    here=$(find "$saved" -type f | wc -l)
    build/fuzz/tests/fuzz/"$target"_fuzz "${limits[@]}" -max_total_time=$((end - SECONDS)) -print_final_stats=1 -artifact_prefix="$saved/" \
      "$corpus" tests/fuzz/corpus/"$target" >> "$log" 2>&1 || true
    if [ "$(find "$saved" -type f | wc -l)" -eq "$here" ]; then break; fi
  done
  runs=$(awk '/stat::number_of_executed_units/ {sum += $2} END {print sum + 0}' "$log")
  new=$(($(find "$saved" -type f | wc -l) - before))
  # It also ended badly where it didn't save anything new: a saved finding is broken again.
  if [ "$new" -eq 0 ] && grep -qE "^SUMMARY|^==[0-9]+== ?ERROR" "$log"; then new=1; fi
  rmdir --ignore-fail-on-non-empty "$saved"
  echo "$target: $new found in $runs runs, $seconds s (log: $log)"
  found=$((found + new))
  inputs=$((inputs + runs))
done
echo "${#targets[@]} targets, $inputs runs, $found found"
[ "$found" -eq 0 ]
