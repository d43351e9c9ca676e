#!/usr/bin/env bash
# mpirun of Open MPI 5 with ULFM: a training goes on when one of its ranks dies. Takes mpirun's arguments: launch/mpirun_survive.sh -np 4 build/cpu/candor run my.yaml
set -euo pipefail
launch=$(cd "$(dirname "$0")" && pwd)
python=$launch/../.deps/python

if [ $# = 0 ] || [ "$1" = -h ] || [ "$1" = --help ]; then
  cat <<'TEXT'
usage: launch/mpirun_survive.sh MPIRUN-ARGUMENTS...
Starts candor under Open MPI 5 with fault tolerance (ULFM): when a rank dies, the others go on without it, to the same result (docs/reliability.md).
Arguments are those of Open MPI 5's mpirun, such as -np 4, --hostfile FILE, --bind-to none. launch/setup/install.sh installs it.
TEXT
  exit 0
fi
if [ ! -x "$python/bin/prterun" ]; then
  echo "Open MPI 5 isn't in $python: run launch/setup/install.sh first" >&2
  exit 2
fi
# The program was linked with the system's libmpi.so.40, which has the same interface; the newer one is found first here, on every host.
export LD_LIBRARY_PATH="$python/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

# With fault tolerance mpirun gives 0 even if every rank was killed, so candor leaves its exit code in a file (of this folder, which all hosts see).
CANDOR_EXIT_CODE_FILE=$(mktemp "$PWD/.candor-exit-code.XXXXXX")
export CANDOR_EXIT_CODE_FILE
trap 'rm -f "$CANDOR_EXIT_CODE_FILE"' EXIT
source "$launch/passing_signals.sh"
run_passing_signals "$python/bin/mpirun" --with-ft ulfm -x LD_LIBRARY_PATH -x CANDOR_EXIT_CODE_FILE "$@"
told=$(cat "$CANDOR_EXIT_CODE_FILE" 2>/dev/null || true)
if [ -n "$told" ]; then exit "$told"; fi
if [ $code = 0 ]; then
  echo "candor: no rank is left (all were killed or ended); give the same command again to go on" >&2
  code=4
fi
exit $code
