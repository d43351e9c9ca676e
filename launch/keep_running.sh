#!/usr/bin/env bash
# Gives a command again until it is done: candor goes on from its newest whole checkpoint, to the same bits. --help says more.
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: launch/keep_running.sh [--failures N] [--run-dir DIR] mpirun ... candor run my.yaml
Gives the command again when it ends because of a rank, a host, the network or a disk, until it is done.
  --failures N   give up after so many failures one after the other without progress (default 3)
  --run-dir DIR  where the run writes, to see progress by (default: what the config or --set run.dir says, which the program reads:
                 $CANDOR, the command's, the one built beside this script, or that of PATH)
Hosts of a --hostfile that don't answer (ssh, or $CANDOR_REMOTE_SHELL) are left out of the next try, and -np is cut to the slots that are left.
Ends with candor's exit code where giving the command again can't help: 0 done, 2 config or data, 5 NaN or infinity, 6 stopped as asked.
TEXT
}

failures_allowed=3 run_dir=""
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --failures) failures_allowed=${2:?--failures needs a number}; shift 2 ;;
    --run-dir) run_dir=${2:?--run-dir needs a folder}; shift 2 ;;
    *) break ;;
  esac
done
if [ $# = 0 ]; then usage >&2; exit 2; fi
command=("$@")
say() { echo "keep_running: $*" >&2; }

# The program that reads a config as the run will: $CANDOR, else the command's own, else one that was built beside this script, else that of PATH.
find_candor() {
  local word
  for word in "${CANDOR:-}" "${command[@]}"; do
    case "${word##*/}" in
      candor) if type -P "$word"; then return; fi ;;
      *) if [ -n "$word" ] && [ "$word" = "${CANDOR:-}" ]; then echo "$word"; return; fi ;;
    esac
  done
  for word in "$(dirname "$0")"/../build/{cpu,cuda,*}/candor candor; do
    if type -P "$word"; then return; fi
  done
  return 1
}

# run.dir as the command says it: the last --set, else its config. Sets run_dir.
find_run_dir() {
  local config empty candor argument previous="" overrides=()
  empty=$(mktemp) config=$empty  # --set alone may say it
  for argument in "${command[@]}"; do
    case "$argument" in
      run.dir=* | run=*) [ "$previous" = --set ] && overrides+=("--set=$argument") ;;
      --set=run.dir=* | --set=run=*) overrides+=("$argument") ;;
      *.yaml | *.yml) [ -f "$argument" ] && config=$argument ;;
    esac
    previous=$argument
  done
  if ! candor=$(find_candor); then
    rm -f "$empty"
    say "no candor is found to read run.dir with: set CANDOR to the program, or add --run-dir DIR before the command"
    exit 2
  fi
  run_dir=$("$candor" value "$config" run.dir "${overrides[@]}")
  rm -f "$empty"
  if [ -z "$run_dir" ]; then
    say "no run.dir in the command or its config: add --run-dir DIR before the command"
    exit 2
  fi
}
if [ -z "$run_dir" ]; then find_run_dir; fi

# What a try has got done that the next one needn't: checkpoints, groups of answers, finished stages.
progress() {
  (cd "$run_dir" 2>/dev/null && find . \( -name 'step_*' -o -name 'group_*' -o -name stages.json -o -name '*.safetensors' \) ! -name '*.tmp*' \
    -printf '%p %s\n' 2>/dev/null | sort | sha256sum)
}

# The command with the hosts that answer: sets `try`. False if none is left.
choose_hosts() {
  try=("${command[@]}")
  local i hostfile_at=-1 ranks_at=-1 host slots total=0 left
  for ((i = 0; i < ${#try[@]}; ++i)); do
    case "${try[i]}" in
      --hostfile | -hostfile | --machinefile | -machinefile) hostfile_at=$((i + 1)) ;;
      -np | -n | --np | -c) [ $ranks_at = -1 ] && ranks_at=$((i + 1)) ;;
    esac
  done
  [ $hostfile_at -ge 0 ] || return 0
  left=$(mktemp)
  while read -r host slots; do
    if [[ -z $host || $host == \#* ]]; then continue; fi
    if [ "$host" = localhost ] || [ "$host" = "$(hostname)" ] ||
      timeout 15 ${CANDOR_REMOTE_SHELL:-ssh -o BatchMode=yes -o ConnectTimeout=5} "$host" true </dev/null >/dev/null 2>&1; then
      echo "$host $slots" >> "$left"
      slots=${slots##*slots=} slots=${slots%% *}
      total=$((total + ${slots:-1}))
    else
      say "host $host doesn't answer and is left out"
    fi
  done < "${command[hostfile_at]}"
  if [ $total = 0 ]; then rm -f "$left"; return 1; fi
  try[hostfile_at]=$left
  if [ $ranks_at -ge 0 ] && [ "${try[ranks_at]}" -gt $total ]; then
    say "$total slots are left, so $total ranks instead of ${try[ranks_at]}"
    try[ranks_at]=$total
  fi
}

source "$(dirname "$0")/passing_signals.sh"

# A training that was broken off goes on only if it is told to.
case " ${command[*]} " in
  *" train "*) resumable=("--resume") ;;
  *) resumable=() ;;
esac

failures=0 tries=0
while :; do
  before=$(progress)
  if ! choose_hosts; then say "no host of ${command[*]} answers"; exit 4; fi
  if [ ${#resumable[@]} -gt 0 ] && [[ " ${try[*]} " != *" --resume "* ]] && compgen -G "$run_dir/checkpoints/step_*" > /dev/null; then
    try+=("${resumable[@]}")
  fi
  tries=$((tries + 1))
  if [ -n "$asked" ]; then say "stopped by SIG$asked before try $tries; give the same command again to go on"; exit 6; fi
  run_passing_signals "${try[@]}"
  case $code in
    0) [ $tries = 1 ] || say "done, at the $tries. try"; exit 0 ;;
    2 | 5 | 6) exit $code ;;
  esac
  if [ -n "$asked" ]; then say "stopped by SIG$asked; give the same command again to go on"; exit 6; fi
  if [ "$(progress)" = "$before" ]; then failures=$((failures + 1)); else failures=1; fi
  if [ $failures -ge "$failures_allowed" ]; then
    say "exit code $code; giving up after $failures failures without progress in $run_dir"
    exit $code
  fi
  say "exit code $code; going on with try $((tries + 1)) (failure $failures of $failures_allowed without progress)"
  sleep "${CANDOR_RESTART_PAUSE_S:-1}"
done
