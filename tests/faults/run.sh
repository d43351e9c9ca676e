#!/usr/bin/env bash
# The fault campaign; --help says how.
set -euo pipefail
exec python3 -B "$(dirname "$0")/campaign.py" "$@"
