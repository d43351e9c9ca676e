#!/usr/bin/env bash
# An mpirun whose first try of some trainings goes wrong: CANDOR_BAD_TRIALS percent of the points crash, hang, or lose a rank as if memory had run out.
set -u
point=${CANDOR_SWEEP_POINT:-}
if [ -z "$point" ]; then exec mpirun "$@"; fi
number=$((10#${point%%.*} * 7919 % 100))
tried=${CANDOR_BAD_FOLDER:?}/$point
if [ $number -ge "${CANDOR_BAD_TRIALS:-30}" ] || [ -e "$tried" ]; then exec mpirun "$@"; fi
touch "$tried"
case $((number % 3)) in
  0) exit 1 ;;
  1) exec sleep 1000 ;;
  2)
    mpirun "$@" &
    sleep 0.7
    # The training itself, not its guardian.
    for pid in $(pgrep -x candor); do
      if tr '\0' '\n' 2>/dev/null < "/proc/$pid/environ" | grep -qx "CANDOR_SWEEP_POINT=$point"; then kill -9 "$pid"; fi
    done
    wait $!
    exit $? ;;
esac
