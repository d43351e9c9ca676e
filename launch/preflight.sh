#!/usr/bin/env bash
# Looks whether a job could run on all hosts of a hostfile, before it is started: first without MPI, host by host, then with candor doctor. --help says more.
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: launch/preflight.sh --hostfile FILE [options] [my.yaml] [-- MPIRUN-ARGUMENTS]
  --hostfile FILE      lines "HOST slots=N", as for mpirun
  -np N                ranks (default: all slots)
  --program FILE       candor, by the path that every host has it under (default: build/cuda/candor if it is there, else build/cpu/candor)
  --expected-gbit R    the link's rate: below half of it is a warning
  --no-bandwidth       leave the all-reduce out
  --timeout S          the longest wait for one rank, or one host's answer (default 60)
  --limit S            for the whole doctor (default 300 and a second a rank; more where a model takes minutes to read)
  --mpirun COMMAND     in place of mpirun, such as launch/mpirun_survive.sh
  -h, --help
First asks every host, through ssh or $CANDOR_REMOTE_SHELL: does it answer, is this folder there, the same program with the same SHA-256, does the program
start, is mpirun the same version. Then runs candor doctor on all of them, which compares the rest: libraries, processors, threads, GPUs, clocks, and with
my.yaml the config, the questions and the model that each host reads; and measures the all-reduce. What stands behind -- goes to mpirun, for example
  launch/preflight.sh --hostfile hosts my.yaml --expected-gbit 100 -- --mca btl_tcp_if_include eth0
The last line is the verdict: "ready: ..." or "not ready: ...". Exit codes: 0 ready, perhaps with warnings; 2 something differs or is wrong; 4 a host or the
network doesn't answer.
TEXT
}

say() { echo "preflight: $*"; }
wrong() { echo "preflight: $* (--help says more)" >&2; exit 2; }
number() { [[ ${2:-} =~ ^[0-9]+([.][0-9]+)?$ ]] || wrong "$1: expected a number, got \"${2:-}\""; }

hostfile="" ranks="" program="" gbit="" bandwidth=yes timeout_s=60 limit_s="" mpirun=mpirun config="" mpirun_arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --hostfile) hostfile=${2:-}; [ -n "$hostfile" ] || wrong "--hostfile: expected a file"; shift ;;
    -np) [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || wrong "-np: expected a number from 1, got \"${2:-}\""; ranks=$2; shift ;;
    --program) program=${2:-}; [ -n "$program" ] || wrong "--program: expected a file"; shift ;;
    --expected-gbit) number "$@"; gbit=$2; shift ;;
    --no-bandwidth) bandwidth="" ;;
    --timeout) number "$@"; timeout_s=$2; shift ;;
    --limit) number "$@"; limit_s=$2; shift ;;
    --mpirun) mpirun=${2:-}; [ -n "$mpirun" ] || wrong "--mpirun: expected a command"; shift ;;
    --) shift; mpirun_arguments=("$@"); break ;;
    -*) wrong "unknown option $1" ;;
    *) [ -z "$config" ] || wrong "expected one config, got $config and $1"; config=$1 ;;
  esac
  shift
done
[ -n "$hostfile" ] || wrong "--hostfile is missing"
[ -r "$hostfile" ] || wrong "--hostfile: $hostfile can't be read"
if [ -z "$program" ]; then if [ -x build/cuda/candor ]; then program=build/cuda/candor; else program=build/cpu/candor; fi; fi
[ -x "$program" ] || wrong "$program isn't there: build it with launch/setup/build.sh, or name it with --program"

hosts=() slots_in_all=0
while read -r host rest || [ -n "$host" ]; do
  if [[ -z $host || $host == \#* ]]; then continue; fi
  slots=1
  if [[ $rest =~ slots=([0-9]+) ]]; then slots=${BASH_REMATCH[1]}; fi
  hosts+=("$host") slots_in_all=$((slots_in_all + slots))
done < "$hostfile"
[ ${#hosts[@]} -gt 0 ] || wrong "--hostfile: no host in $hostfile; expected lines \"HOST slots=N\""
ranks=${ranks:-$slots_in_all}
limit_s=${limit_s:-$((300 + ranks))}

# One host's answers as "key value" lines; runs there by `bash -s`, with folder, program and mpirun set before it.
read -r -d '' QUESTIONS <<'TEXT' || true
echo "answers $(uname -n)"
if ! cd "$folder" 2>/dev/null; then echo "folder missing"; exit 0; fi
if [ ! -e "$program" ]; then echo "program missing"; exit 0; fi
echo "sha256 $(sha256sum "$program" | cut -d ' ' -f 1)"
if started=$("$program" --version 2>&1); then echo "version $started"; else echo "broken $(head -1 <<<"$started")"; fi
echo "mpirun $({ $mpirun --version 2>&1 || echo "$mpirun doesn't start"; } | head -1)"
TEXT

remote_shell=${CANDOR_REMOTE_SHELL:-ssh -o BatchMode=yes -o ConnectTimeout=10}
answers=$(mktemp -d)
trap 'rm -rf "$answers"' EXIT
ask() {  # HOST FILE
  local shell=($remote_shell "$1")
  if [ "$1" = localhost ] || [ "$1" = "$(uname -n)" ]; then shell=(); fi
  { printf 'folder=%q program=%q mpirun=%q\n' "$PWD" "$program" "$mpirun"; echo "$QUESTIONS"; } |
    timeout -k 5 "$timeout_s" "${shell[@]}" bash -s > "$2" 2> "$2.error"
  echo $? > "$2.code"
}
answer() { sed -n "s/^$2 //p" "$answers/$1" | head -1; }  # NUMBER KEY

say "asking every host of $hostfile (${#hosts[@]})"
asked=()
for i in "${!hosts[@]}"; do
  ask "${hosts[i]}" "$answers/$i" &
  asked+=($!)
  if [ $(((i + 1) % 32)) = 0 ]; then wait "${asked[@]}"; asked=(); fi
done
wait "${asked[@]}"

here_sha256=$(sha256sum "$program" | cut -d ' ' -f 1)
here_mpirun=$({ $mpirun --version 2>&1 || echo "$mpirun doesn't start"; } | head -1)
problems=0 silent=0
problem() { echo "PROBLEM: $*"; problems=$((problems + 1)); }
for i in "${!hosts[@]}"; do
  host=${hosts[i]} before=$problems
  if [ -z "$(answer "$i" answers)" ]; then
    why=$(grep -v '^$' "$answers/$i.error" | tail -1)
    if [ "$(cat "$answers/$i.code")" = 124 ]; then why="no answer within $timeout_s s"; fi
    problem "$host: doesn't answer to \`$remote_shell $host\`: ${why:-no output}"
    silent=$((silent + 1))
    continue
  fi
  name="$host"
  if [ "$(answer "$i" answers)" != "$host" ]; then name="$host ($(answer "$i" answers))"; fi
  if [ -n "$(answer "$i" folder)" ]; then problem "$name: the folder $PWD isn't there: copy or share it"; continue; fi
  if [ -n "$(answer "$i" program)" ]; then problem "$name: $program isn't in $PWD: copy this build there, or share the folder"; continue; fi
  sha256=$(answer "$i" sha256) broken=$(answer "$i" broken) its_mpirun=$(answer "$i" mpirun)
  if [ "$sha256" != "$here_sha256" ]; then
    problem "$name: $program is another one: SHA-256 ${sha256:0:12}..., here ${here_sha256:0:12}...: copy one build to every host"
  fi
  if [ -n "$broken" ]; then problem "$name: $program doesn't start: $broken"; fi
  if [ "$its_mpirun" != "$here_mpirun" ]; then
    problem "$name: $mpirun is \"$its_mpirun\", here \"$here_mpirun\": set PATH for shells that aren't interactive"
  fi
  if [ $problems = $before ]; then say "$name answers, with the same program and mpirun"; fi
done
if [ $problems -gt 0 ]; then
  if [ $problems = 1 ]; then counted="1 problem"; else counted="$problems problems"; fi
  echo "not ready: $counted, found before MPI was started"
  if [ $silent -gt 0 ]; then exit 4; fi
  exit 2
fi

if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
doctor=("$program" doctor --timeout "$timeout_s")
if [ -n "$config" ]; then doctor+=("$config"); fi
if [ -n "$bandwidth" ]; then doctor+=(--bandwidth); fi
if [ -n "$bandwidth" ] && [ -n "$gbit" ]; then doctor+=(--expected-gbit "$gbit"); fi
command=($mpirun --hostfile "$hostfile" -np "$ranks" --bind-to none "${mpirun_arguments[@]}" "${doctor[@]}")
say "${command[*]}"
exec 3>&2 2> /dev/null  # until the job has ended, whenever the shell notices it: it would say that it was killed
: > "$answers/doctor"   # so that tail finds it, whichever of the two starts first
setsid "${command[@]}" > "$answers/doctor" 2>&1 3>&- &
job=$!
trap 'kill -TERM -- -$job; exit 4' INT TERM
tail -n +1 -s 0.2 -f --pid=$job "$answers/doctor" 3>&- &
shown=$!
find_verdict() { verdict=$(grep -aE '^(not )?ready: ' "$answers/doctor" | tail -1); }
# Where a host is cut off, mpirun waits for its daemon there long after the ranks have given up; and a SIGTERM then makes Open MPI 4's crash.
verdict="" since=$SECONDS limit=${limit_s%.*} ended=""
while kill -0 $job; do
  sleep 0.2
  if [ -z "$verdict" ]; then
    find_verdict
    if [ -n "$verdict" ]; then since=$SECONDS limit=10; fi
  fi
  if [ -z "$ended" ] && [ $((SECONDS - since)) -gt "$limit" ]; then ended=yes; kill -KILL -- -$job; fi
done
code=0
wait $job || code=$?
wait $shown
exec 2>&3 3>&-
find_verdict
if [ -n "$ended" ] && [ -z "$verdict" ]; then
  echo "not ready: no verdict within $limit_s s (--limit): look at the network interfaces that MPI takes (docs/clusters.md)"
  exit 4
elif [ -n "$ended" ]; then
  echo "not ready: $mpirun didn't end 10 s after the verdict, and was ended: a host is cut off"
  exit 4
elif [ -n "$verdict" ] && { [ $code = 0 ] || [ $code = 2 ]; }; then
  exit $code
fi
echo "not ready: $mpirun ended with $code${verdict:+ ($verdict)}"
if [ $code = 2 ]; then exit 2; fi
exit 4
