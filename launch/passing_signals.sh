# To be sourced. run_passing_signals COMMAND...: runs it, passes SIGTERM and SIGUSR1 of this shell on to it, SIGINT (Ctrl-C) and SIGHUP (a
# closed terminal) as SIGTERM, because a shell starts background commands with SIGINT ignored, and leaves its exit code in $code.
# $asked is the last such signal, also of a moment when nothing ran; empty: none.
child="" asked="" held="" code=0
pass_on() {
  asked=$1
  if [ -n "$child" ]; then kill -s "$2" "$child" 2>/dev/null || true; else held=$2; fi
}
for signal in TERM INT HUP; do trap "pass_on $signal TERM" $signal; done
trap "pass_on USR1 USR1" USR1

run_passing_signals() {
  "$@" &
  child=$!
  if [ -n "$held" ]; then kill -s "$held" "$child" 2>/dev/null || true; held=""; fi  # it came before the command's number was known
  code=0
  wait $child || code=$?
  while kill -0 $child 2>/dev/null; do code=0; wait $child || code=$?; done  # a signal interrupts the first wait
  child=""
}
