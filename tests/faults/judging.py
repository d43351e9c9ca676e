"""What became of a case: each of its problems has a column, H hang, L lost, W wrong, U unnamed."""
import dataclasses
import re

import run_folder
import tiny_folder

COLUMNS = {"H": "hangs", "L": "lost", "W": "wrong", "U": "unnamed"}


@dataclasses.dataclass
class Verdict:
    faults: int = 0  # that were injected
    problems: list = dataclasses.field(default_factory=list)  # (column, what)

    def add(self, column, what):
        self.problems.append((column, what))

    def counts(self):
        return {column: any(c == column for c, _ in self.problems) for column in COLUMNS}


@dataclasses.dataclass
class Before:
    """What a job finds, so that nothing of it need be done again."""
    checkpoint: int
    stages: set
    groups: set
    last_step: int  # logged by any job before
    preempted: bool

    @classmethod
    def of(cls, run, last_step=0, preempted=False):
        return cls(run_folder.newest_checkpoint(run), run_folder.finished_stages(run), run_folder.finished_groups(run), last_step, preempted)


def judge_words(verdict, ended, expectations, what):
    """Documented exit codes, and a line that tells each fault."""
    allowed = {0}.union(*(e.codes for e in expectations))
    if ended.code not in allowed:
        verdict.add("U", f"{what} ended with {ended.code}, documented: {sorted(allowed)}")
    for expected in expectations:
        if not expected.says or ended.code in expected.quiet_codes:
            continue
        if not any(re.search(pattern, ended.text) for pattern in expected.says):
            verdict.add("U", f"{what} doesn't tell its fault: expected one of {' | '.join(expected.says)}")


def judge_survival(verdict, ended, expectations, what):
    if ended.code != 0 and any(e.must_survive for e in expectations):
        verdict.add("L", f"{what} ended with {ended.code} where it was to go on by itself")


def judge_steps(verdict, before, events, text, way, what):
    """No step, group of answers or stage is done again that was whole before."""
    steps = [(pid, int(number)) for pid, kind, number in events if kind == "step"]
    if steps:
        first, every = steps[0][1], tiny_folder.CHECKPOINT_EVERY
        if first <= before.checkpoint:
            verdict.add("L", f"{what} began with step {first}, though checkpoint {before.checkpoint} was whole")
        if before.preempted and first <= before.last_step:
            verdict.add("L", f"{what} began with step {first}, though step {before.last_step} was saved on a signal")
        for (pid, last), (next_pid, following) in zip(steps, steps[1:]):
            restarted = way == "keep" and pid != next_pid
            # Checkpoints are written behind the training: two may wait when the fault meets the job, beside the one being written.
            least = (last - 1) // every * every + 1 - 2 * every if restarted else last
            if following < least:
                verdict.add("L", f"{what} did step {following} again after step {last}")
    again = [number for _, kind, number in events if kind == "group" and number in before.groups]
    if again:
        verdict.add("L", f"{what} answered again: group {', '.join(again)}")
    for stage in before.stages:
        if re.search(rf"(?m)^run  {re.escape(stage)}: running", text):
            verdict.add("L", f"{what} did the stage {stage} again, which was finished")


def judge_results(verdict, run, reference, with_curve=True):
    """with_curve: the training curve in report.json counts too; it is drawn from metrics.jsonl, which isn't made again."""
    found = run_folder.results(run)
    if not with_curve:
        found, reference = run_folder.without_curve(found), run_folder.without_curve(reference)
    for difference in run_folder.differing(found, reference):
        verdict.add("W", f"{difference} (compared with a run without faults)")
