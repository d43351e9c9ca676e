"""Adds up verdicts, over several runs where a results.json is given, and shows how far a run is."""
import collections
import json
import sys
import time

from judging import COLUMNS


class Tally:
    def __init__(self, path=None):
        self.path, self.left_out, self.not_injected = path, collections.Counter(), 0
        self.by_kind = collections.defaultdict(lambda: collections.Counter())
        self.failures, self.seconds = [], 0.0
        if path and path.exists():
            stored = json.loads(path.read_text())
            self.seconds, self.failures, self.not_injected = stored["seconds"], stored["failures"], stored["cases_without_a_fault"]
            self.left_out.update(stored["not_run"])
            for kind, counts in stored["kinds"].items():
                self.by_kind[kind].update(counts)

    def add(self, case, verdict):
        counts = self.by_kind[f"{case.kind} {case.way}"]
        counts["cases"] += 1
        counts["faults"] += verdict.faults
        self.not_injected += verdict.faults == 0
        for column, is_so in verdict.counts().items():
            counts[column] += is_so
        if verdict.problems:
            self.failures.append({"seed": case.seed, "case": case.index, "what": str(case), "problems": [f"{c}: {what}" for c, what in verdict.problems]})

    def not_run(self, case, why):
        self.left_out[f"{case.kind}: {why}"] += 1

    def sum_of(self, column):
        return sum(counts[column] for counts in self.by_kind.values())

    def is_clean(self):
        return all(self.sum_of(column) == 0 for column in COLUMNS)

    def line(self):
        return f"{self.sum_of('faults')} faults, " + ", ".join(f"{self.sum_of(column)} {name}" for column, name in COLUMNS.items())

    def details(self):
        for kind in sorted(self.by_kind):
            counts = self.by_kind[kind]
            problems = ", ".join(f"{counts[column]} {name}" for column, name in COLUMNS.items() if counts[column])
            yield f"{kind:22} {counts['cases']:5} cases {counts['faults']:5} faults  {problems or 'all well'}"
        if self.not_injected:
            yield f"{self.not_injected} cases ended before their fault was due, and don't count"
        for why, number in sorted(self.left_out.items()):
            yield f"not run, {number} cases: {why}"

    def save(self, seconds):
        if self.path:
            self.path.write_text(json.dumps({"line": self.line(), "seconds": round(self.seconds + seconds, 1), "cases_without_a_fault": self.not_injected,
                                             "kinds": self.by_kind, "not_run": self.left_out, "failures": self.failures}, indent=1) + "\n")


class Progress:
    """One line that is written over; where the output is no terminal, one line a minute."""

    def __init__(self, total):
        self.total, self.begun, self.terminal, self.last, self.width = total, time.monotonic(), sys.stderr.isatty(), 0.0, 0

    def clear(self):
        if self.width:
            print("\r" + " " * self.width + "\r", end="", file=sys.stderr, flush=True)
        self.width = 0

    def show(self, faults, totals):
        now = time.monotonic()
        if not self.terminal and now - max(self.last, self.begun) < 60:
            return
        self.last = now
        left = (now - self.begun) / max(faults, 1) * max(self.total - faults, 0)
        text = f"{faults}/{self.total} faults, {totals.line().partition(', ')[2]}, {left / 60:.1f} min left"
        if self.terminal:
            print("\r" + text.ljust(self.width), end="", file=sys.stderr, flush=True)
            self.width = len(text)
        else:
            print(text, file=sys.stderr, flush=True)
