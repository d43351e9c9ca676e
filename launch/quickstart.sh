#!/usr/bin/env bash
# The whole main job on the embedded model, from nothing to a report: installs what is missing, builds, runs configs/quickstart.yaml.
# Run again, it does only what isn't done.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: launch/quickstart.sh [--ranks N]
  --ranks N   MPI ranks (default 2); results don't depend on it
  -h, --help
The report is runs/quickstart/report.html.
TEXT
}

ranks=2
while [ $# -gt 0 ]; do
  case "$1" in
    --ranks)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "--ranks: expected a number from 1, got \"${2:-}\"" >&2; exit 2; }
      ranks=$2
      shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

launch/setup/install.sh
launch/setup/build.sh cpu candor
# Open MPI refuses to run as root unless told twice; in a container there is often nobody else.
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
exec mpirun -np "$ranks" --oversubscribe --bind-to none build/cpu/candor run configs/quickstart.yaml
