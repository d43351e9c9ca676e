# To be sourced by a batch script in its Slurm allocation: what train.slurm and sweep.slurm share. Sets
#   $candor   the program: $CANDOR, else build/cuda/candor where the job was given GPUs, else build/cpu/candor
#   $hosts    a hostfile of the allocation, removed at the end; $ranks: its slots
# run_and_requeue COMMAND...: runs it, passes signals on to it, and ends the script with its exit code. Where SIGUSR1 stopped it (the time limit is near),
# the job is queued again. Not after SIGTERM: that is scancel, or a preemption, after which Slurm itself queues the job again.
source "$launch/passing_signals.sh"

candor=${CANDOR:-}
if [ -z "$candor" ]; then
  preset=cpu
  if [ -n "${SLURM_GPUS_ON_NODE:-}${SLURM_JOB_GPUS:-}" ]; then preset=cuda; fi
  candor=$(dirname "$launch")/build/$preset/candor
fi
if [ ! -x "$candor" ]; then
  echo "no program $candor: build it (launch/setup/build.sh), or say where it is: sbatch --export=ALL,CANDOR=build/cpu/candor ..." >&2
  exit 2
fi

# Without this a second srun of the job waits until the first has ended, and mpirun starts its daemons with one.
export SLURM_OVERLAP=1
export CANDOR_REMOTE_SHELL="srun --overlap --nodes=1 --ntasks=1 --ntasks-per-node=1 --nodelist"

hosts=$(mktemp)
trap 'rm -f "$hosts"' EXIT
ranks=0
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
for part in ${SLURM_TASKS_PER_NODE//,/ }; do  # such as 8(x2),4
  slots=${part%%(*} times=1
  if [[ $part == *"(x"* ]]; then times=${part##*(x} times=${times%)}; fi
  for ((; times > 0; --times)); do
    echo "${nodes[0]} slots=$slots"
    nodes=("${nodes[@]:1}")
    ranks=$((ranks + slots))
  done
done > "$hosts"

run_and_requeue() {
  if [ -z "$asked" ]; then run_passing_signals "$@"; else code=6; fi
  # A command that had no time to look at the signal was ended by it.
  case $code in 0 | 2 | 5) ;; *) if [ -n "$asked" ]; then code=6; fi ;; esac
  if [ $code = 6 ] && [ "$asked" = USR1 ]; then
    echo "slurm: queued again, to go on from what is saved"
    scontrol requeue "$SLURM_JOB_ID"
  fi
  exit "$code"
}
