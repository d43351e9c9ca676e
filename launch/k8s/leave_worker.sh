#!/usr/bin/env bash
# A worker pod's preStop hook: asks the training to save and stop (all ranks do, at the end of the step), and waits until no rank is left here.
# Kubernetes ends the wait, and the pod, after its terminationGracePeriodSeconds.
ranks() { grep -lsx candor /proc/[0-9]*/comm; }
for rank in $(ranks); do
  rank=${rank#/proc/}
  kill -USR1 "${rank%/comm}"
done
while [ -n "$(ranks)" ]; do sleep 0.5; done
