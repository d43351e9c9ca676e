#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every test. Safe and cheap to run again.
set -euo pipefail
cd "$(dirname "$0")/.."
launch/setup/install.sh
cmake -S . -B build/cpu -G Ninja
cmake --build build/cpu
ctest --test-dir build/cpu --output-on-failure --no-tests=error
