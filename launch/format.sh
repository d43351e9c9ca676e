#!/usr/bin/env bash
# Formats the C++ sources with the clang-format that launch/setup/install.sh --tests installs, whose
# version is pinned because each version formats a little differently.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: launch/format.sh [--check] [FILE ...]
  --check   change nothing; list what isn't formatted and end with 1 if there is any
  -h, --help
Without files: every .cc, .h and .cu file of the project.
TEXT
}

options=(-i)
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --check) options=(--dry-run -Werror); shift ;;
  -*) usage >&2; exit 2 ;;
esac

clang_format=.deps/python/bin/clang-format
if [ ! -x $clang_format ]; then
  echo "launch/format.sh: no $clang_format: run launch/setup/install.sh --tests first" >&2
  exit 1
fi
if [ $# -gt 0 ]; then files=("$@"); else
  mapfile -t files < <(find trainer comm data_pipeline launch tests benchmarks \
    -name '*.cc' -o -name '*.h' -o -name '*.cu' | sort)
fi
printf '%s\0' "${files[@]}" | xargs -0 -n 50 -P "$(nproc)" $clang_format --style=file "${options[@]}"
