#!/usr/bin/env python3
"""Breaks real jobs of candor in many ways and looks whether they end, keep their work, give the same bytes and say what happened (README.md)."""
import argparse
import concurrent.futures
import copy
import itertools
import json
import pathlib
import signal
import sys
import time

import bench as benches
import cases
import job
import network
import tally
from trial import Trial


def arguments():
    parser = argparse.ArgumentParser(prog="tests/faults/run.sh", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--faults", type=int, default=100, metavar="N", help="go on until so many faults were injected")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="with the number of a case it fixes the case")
    parser.add_argument("--case", type=int, metavar="K", help="only this case, whatever its kind, with the output of its jobs")
    parser.add_argument("--only", default="", metavar="KIND", help=f"only kinds that begin so: {', '.join(cases.KINDS)}")
    parser.add_argument("--ways", default=",".join(cases.WAYS), help="how jobs are started")
    parser.add_argument("--ranks", default="1-4", help="a number or FIRST-LAST")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("--add-to", type=pathlib.Path, metavar="FILE", help="results.json that this run is added to; the last line is then the sum")
    parser.add_argument("--keep-failures", type=pathlib.Path, metavar="DIR", help="keeps the folders of failing cases there")
    parser.add_argument("--confirm", action="store_true",
                        help="try a case with problems again, and count what happens twice, or gives wrong results (for busy machines)")
    parser.add_argument("--build", default=str(benches.ROOT / "build" / "cpu"), help="build folder")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="cuda: ranks share the GPUs that are there; with --build build/cuda")
    parser.add_argument("--self-check", action="store_true", help="instead: programs that hang, lose, spoil and mumble must be found out")
    chosen = parser.parse_args()
    chosen.ways = [way for way in chosen.ways.split(",") if way]
    for way in chosen.ways:
        if way not in cases.WAYS:
            parser.error(f"--ways: expected some of {', '.join(cases.WAYS)}, got {way}")
    first, _, last = chosen.ranks.partition("-")
    if not first.isdigit() or not (last or first).isdigit():
        parser.error(f"--ranks: expected a number or FIRST-LAST, got {chosen.ranks}")
    chosen.ranks = range(int(first), int(last or first) + 1)
    if not any(kind.startswith(chosen.only) for kind in cases.KINDS):
        parser.error(f"--only: expected the beginning of one of {', '.join(cases.KINDS)}")
    return chosen


def chosen_cases(options):
    for index in itertools.count():
        case = cases.make_case(options.seed, index)
        if case.kind.startswith(options.only) and case.way in options.ways and case.ranks in options.ranks:
            yield case


def try_case(bench, case, keep_in, confirm=False):
    if case.link:
        missing = network.what_is_missing(case.kind, str(bench.folder))
        if missing:
            return None, missing
    trial = Trial(bench, copy.deepcopy(case))
    try:
        verdict = trial.go()
    finally:
        trial.close(keep_in)
    if confirm and verdict.problems and not any(column == "W" for column, _ in verdict.problems):
        again, jobs = try_case(bench, case, keep_in)
        if not again.problems:
            print(f"case {case.index}: seen once: {verdict.problems}; tests/faults/run.sh --seed {case.seed} --case {case.index}", flush=True)
            return again, jobs
    return verdict, trial.jobs


def one_case(bench, options):
    case = cases.make_case(options.seed, options.case)
    print(f"case {case.index}: {case}", flush=True)
    verdict, jobs = try_case(bench, case, options.keep_failures)
    if verdict is None:
        print(f"not run: {jobs}")
        return 1
    for number, ended in enumerate(jobs, 1):
        print(f"--- job {number}: ended with {ended.code} after {ended.seconds:.1f} s\n{ended.text}", flush=True)
    totals = tally.Tally()
    totals.add(case, verdict)
    for column, what in verdict.problems:
        print(f"{column}: {what}")
    print(totals.line())
    return 0 if totals.is_clean() else 1


def many_cases(bench, options):
    totals, progress, source = tally.Tally(options.add_to), tally.Progress(options.faults), chosen_cases(options)
    began, running, faults = time.monotonic(), {}, 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        while faults < options.faults or running:
            while faults < options.faults and len(running) < options.jobs:
                case = next(source)
                running[pool.submit(try_case, bench, case, options.keep_failures, options.confirm)] = case
            done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                case = running.pop(future)
                verdict, detail = future.result()
                if verdict is None:
                    totals.not_run(case, detail)
                    if len(totals.left_out) > 1000 and faults == 0:
                        raise benches.NotUsable(f"nothing of this kind can be run here: {detail}")
                    continue
                faults += verdict.faults
                totals.add(case, verdict)
                if verdict.problems:
                    progress.clear()
                    print(f"case {case.index}: {case}")
                    for column, what in verdict.problems:
                        print(f"  {column}: {what}")
                    print(f"  alone: tests/faults/run.sh --seed {case.seed} --case {case.index}", flush=True)
                progress.show(faults, totals)
    progress.clear()
    seconds = time.monotonic() - began
    for line in totals.details():
        print(line)
    print(f"{faults} faults in {seconds:.0f} s, {seconds / max(faults, 1):.2f} s each")
    totals.save(seconds)
    print(totals.line())
    return 0 if totals.is_clean() else 1


def main():
    options = arguments()
    for ignored in (signal.SIGINT, signal.SIGHUP):  # under nohup the jobs would ignore them too
        if signal.getsignal(ignored) == signal.SIG_IGN:
            signal.signal(ignored, signal.SIG_DFL)
    if options.self_check:
        import self_check
        return self_check.run()
    if options.device == "cuda":
        job.LIMIT_S, job.QUIET_S = 60, 40
    try:
        ways = [cases.make_case(options.seed, options.case).way] if options.case is not None else options.ways
        for way in ways:
            needed = benches.WAY_FILES[way]
            if needed and not (benches.ROOT / needed).exists():
                raise benches.NotUsable(f"way {way} isn't there: {needed} is missing; --ways without it leaves it out")
        if options.keep_failures:
            options.keep_failures.mkdir(parents=True, exist_ok=True)
        bench = benches.Bench(options.build, device=options.device)
        try:
            bench.prepare()
            return one_case(bench, options) if options.case is not None else many_cases(bench, options)
        finally:
            bench.close()
    except benches.NotUsable as error:
        print(f"campaign: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
