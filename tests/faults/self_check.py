"""Shows that the campaign notices: programs that hang, lose steps, spoil results and mumble, each counted in its own column, and one that behaves."""
import os
import pathlib
import time

import bench as benches
import cases
import job
import tally
from case_parts import Case, LibraryFault
from trial import Trial

FAKE = pathlib.Path(__file__).resolve().parent / "fake_candor.py"
# What the program does, what happens to it -> the columns that must count it.
CHECKS = [("good", "SIGKILL", ""), ("good", "ENOSPC", ""), ("hang", "SIGKILL", "H"), ("lose", "SIGKILL", "L"), ("wrong", "SIGKILL", "W"), ("vague", "ENOSPC", "U")]


def fault_of(action):
    if action == "SIGKILL":
        return LibraryFault((("rank", 0), ("call", "MPI_Iallreduce"), ("do", "SIGKILL")), cases.expected_signal("SIGKILL", 0, "plain", 2))
    return cases.file_fault(None, "write", ("optimizer.safetensors", "optimizer.safetensors"), "ENOSPC")


def run():
    job.LIMIT_S, job.QUIET_S, job.LEAVING_S = 5, 2, 3
    problems = []
    for index, (manner, action, columns) in enumerate(CHECKS):
        begun = time.monotonic()
        os.environ["FAKE_CANDOR"] = manner
        bench = benches.Bench(benches.ROOT, program=FAKE)
        try:
            bench.prepare()
            case = Case(0, index, manner, "plain", 2, faults=[fault_of(action)])
            trial = Trial(bench, case)
            verdict = trial.go()
            trial.close()
        finally:
            bench.close()
        totals = tally.Tally()
        totals.add(case, verdict)
        found = "".join(column for column, is_so in verdict.counts().items() if is_so)
        print(f"{manner:6} {action:8} {totals.line()}  ({time.monotonic() - begun:.1f} s)", flush=True)
        if found != columns or verdict.faults != 1 or totals.is_clean() != (not columns):
            problems.append(f"{manner} with {action}: expected columns \"{columns}\" for 1 fault, got \"{found}\" for {verdict.faults}: {verdict.problems}")
    if len({str(cases.make_case(1, 7)), str(cases.make_case(1, 7))}) != 1 or str(cases.make_case(1, 7)) == str(cases.make_case(2, 7)):
        problems.append("a case isn't a pure function of seed and index")
    print("\n".join(problems) or "the campaign notices")
    return 1 if problems else 0
