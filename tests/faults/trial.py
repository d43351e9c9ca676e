"""Tries one case: jobs of the same command until one ends with 0, as its user would give them, and the judgement of each."""
import shutil

import network
import run_folder
from case_parts import Damage
from judging import Before, Verdict, judge_results, judge_steps, judge_survival, judge_words

MOST_JOBS = 8


class Trial:
    def __init__(self, bench, case):
        self.bench, self.case, self.verdict = bench, case, Verdict()
        self.usual = bench.usual_of(case.way, case.ranks)
        self.folder = bench.new_folder(f"case_{case.index}", case.start)
        self.trace = run_folder.Trace(self.folder / "notes")
        self.injected, self.jobs, self.last_step, self.lossy = set(), [], 0, False
        if case.damage:
            self.before_damage = (self.folder / case.damage.file).read_bytes() if case.kind == "labels" else b""
            case.damage.do(self.folder)
            self.edited = (self.folder / case.damage.file).read_bytes() if case.kind == "labels" else b""
        self.pending_damage = case.damage
        self.damages_metrics = bool(case.damage) and case.damage.file.endswith("metrics.jsonl")
        self.cable = network.open_link(case, self.folder) if case.link else None

    @property
    def run_dir(self):
        renamed = self.folder / Damage.new_name
        return renamed if renamed.exists() else self.folder / "run"

    def marker(self, i):
        return self.folder / f"fired_{i}"

    def fault_text(self):
        return ";".join(fault.text(self.marker(i), self.marker(0), self.usual.counts) for i, fault in enumerate(self.case.faults) if i not in self.injected)

    def injected_now(self):
        """The expectations of the faults that the last job met."""
        met = []
        for i, fault in enumerate(self.case.faults):
            if i not in self.injected and self.marker(i).exists():
                self.injected.add(i)
                met.append(fault.expected)
        for signal in list(self.case.signals):
            if signal.sent:
                self.case.signals.remove(signal)
                met.append(signal.expected)
        if self.pending_damage:
            met.append(self.pending_damage.expected)
            self.pending_damage = None
        self.verdict.faults += len(met)
        return met

    def one_job(self, preempted):
        number = len(self.jobs) + 1
        what = f"job {number}"
        before = Before.of(self.run_dir, self.last_step, preempted)
        if self.case.damage and not self.jobs and "step_000006" in self.case.damage.file:
            before.checkpoint = min(before.checkpoint, 4)  # a damaged state.json may still look whole
        for signal in self.case.signals:
            signal.usual_s = self.usual.seconds
        if self.jobs and self.case.later_ranks:
            self.case.ranks, self.case.later_ranks = self.case.later_ranks, 0
        ended = network.start(self.bench, self.case, self.folder, {"CANDOR_FAULT": self.fault_text()}, f"out{number}", self.cable).wait(self.case.signals)
        self.jobs.append(ended)
        met, events = self.injected_now(), self.trace.new_events()
        if ended.hung:
            self.verdict.add("H", f"{what}: {ended.hung}")
            return ended, met
        if met:
            judge_words(self.verdict, ended, met, what)
        judge_survival(self.verdict, ended, met, what)
        if not self.lossy and not (self.case.damage and self.case.damage.loses):
            judge_steps(self.verdict, before, events, ended.text, self.case.way, what)
        self.last_step = max([self.last_step] + [int(step) for _, kind, step in events if kind == "step"])
        return ended, met

    def remedy(self, ended):
        """What the messages ask of the user. Whether there was something to do."""
        damage, remove = self.case.damage, self.case.remove_after
        if damage and self.case.kind in ("labels", "renamed"):
            self.undo(damage)
            self.case.damage = None
            return True
        if damage and damage.remedy and (ended.code != 0 or self.differs()):
            path = self.folder / damage.file
            if damage.remedy == "restore":
                shutil.copyfile(self.bench.template / damage.file, path)
            else:
                path.unlink(missing_ok=True)
            self.case.damage = None
            self.lossy = True
            return True
        if remove and ended.code != 0:
            (self.folder / remove).unlink(missing_ok=True)
            self.lossy = True
            return True
        return False

    def undo(self, damage):
        if damage.how == "rename":
            damage.rename(self.folder, damage.new_name, damage.file)
            return
        path = self.folder / damage.file
        if path.read_bytes() != self.edited:
            self.verdict.add("L", "the label that a person turned isn't as they left it")
        path.write_bytes(self.before_damage)
        self.lossy = True

    def differs(self):
        found, reference = run_folder.results(self.run_dir), self.bench.reference
        if self.damages_metrics:
            found, reference = run_folder.without_curve(found), run_folder.without_curve(reference)
        return run_folder.differing(found, reference)

    def go(self):
        preempted, idle = False, 0
        while len(self.jobs) < MOST_JOBS:
            ended, met = self.one_job(preempted)
            if ended.hung:
                return self.verdict
            preempted = ended.code == 6
            if self.remedy(ended):
                continue
            if ended.code == 0:
                break
            idle = 0 if met else idle + 1
            if idle > 1:
                self.verdict.add("L", f"job {len(self.jobs)}, without a fault, can't go on: it ended with {ended.code}")
                return self.verdict
            if idle == 1 and len(self.jobs) > 1:
                self.verdict.add("L", f"job {len(self.jobs)}, without a fault, ended with {ended.code}")
        judge_results(self.verdict, self.run_dir, self.bench.reference, with_curve=not self.damages_metrics)
        return self.verdict

    def close(self, keep_in=None):
        if self.cable:
            self.cable.remove()
        if keep_in and self.verdict.problems:
            target = keep_in / self.folder.name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(self.folder, target)
            (target / "problems.txt").write_text(f"{self.case}\n" + "".join(f"{c}  {what}\n" for c, what in self.verdict.problems))
        shutil.rmtree(self.folder, ignore_errors=True)
