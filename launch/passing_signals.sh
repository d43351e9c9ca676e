# To be sourced. run_passing_signals COMMAND...: runs it, passes SIGTERM, SIGINT and SIGUSR1 of this shell on to it, and leaves its exit code in $code.
# $asked is the last such signal, also of a moment when nothing ran; empty: none.
child="" asked="" code=0
pass_on() {
  asked=$1
  if [ -n "$child" ]; then kill -s "$1" "$child" 2>/dev/null || true; fi
}
for signal in TERM INT USR1; do trap "pass_on $signal" $signal; done

run_passing_signals() {
  "$@" &
  child=$!
  code=0
  wait $child || code=$?
  while kill -0 $child 2>/dev/null; do code=0; wait $child || code=$?; done  # a signal interrupts the first wait
  child=""
}
