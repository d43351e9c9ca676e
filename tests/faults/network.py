"""Two hosts on one machine (tests/hosts/namespaces.py), whose link is cut for a while or made slow in the middle of a job.

what_is_missing() tries, so that a case is never skipped without a word.
"""
import functools
import pathlib
import subprocess
import sys

from case_parts import Expected
from job import Job

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "hosts"))
from namespaces import Hosts, problem_text  # noqa: E402

CUT_S = 8  # longer than run.timeout_s


class Cable(Hosts):
    def __init__(self, folder):
        super().__init__(folder, ("this", "other"))

    def cut(self, is_cut):
        super().cut(1, is_cut)

    def slow(self):
        self.delay(0)


class LinkFault:
    """In a trial's signals: due() cuts the cable and mends it CUT_S later, or makes it slow; after `share` of a usual job's time, or once `file` is there."""

    def __init__(self, cable, kind, share, file):
        self.cable, self.kind, self.share, self.file, self.usual_s, self.sent, self.cut_at = cable, kind, share, file, 1.0, False, None
        told = (r"not complete after", r"not all ranks arrived", r"no sign of life", r"rank \d", r"lost", r"[Nn]etwork", r"unreachable", r"timed out")
        # A slow cable is no fault to a job: it only takes longer.
        self.expected = Expected((4, 137, 143, 1), told, quiet_codes=(0,)) if kind == "cut" else Expected((), ())

    def due(self, running, seconds):
        if not self.sent and not ((running.folder / self.file).exists() if self.file else seconds > self.share * self.usual_s):
            return False
        if not self.sent:
            self.sent, self.cut_at = True, seconds
            self.cable.cut(True) if self.kind == "cut" else self.cable.slow()
        if self.kind == "cut" and seconds < self.cut_at + CUT_S:
            return False
        self.mend()
        return True

    def mend(self):
        if self.kind == "cut":
            self.cable.cut(False)


def open_link(case, folder):
    cable = Cable(folder)
    kind, _, share, file = (case.link + " ").split(" ")[:4]
    case.signals.append(LinkFault(cable, kind, float(share), file))
    return cable


def start(bench, case, folder, environment, output, cable=None):
    if cable is None:
        return Job(bench.command(case.way, case.ranks), folder, environment, output)
    cable.cut(False)
    there = case.ranks // 2
    command = bench.command(case.way, case.ranks, launcher=("--host", f"{cable.address(0)}:{case.ranks - there},{cable.address(1)}:{there}"))
    return Job(cable.on_first(command), folder, {**environment, **cable.environment()}, output)


@functools.lru_cache(maxsize=None)
def what_is_missing(kind, folder):
    """Why this machine can't do cases of this kind; "" where it can."""
    cable = None
    try:
        cable = Cable(pathlib.Path(folder))
        if kind == "link-delay":
            cable.slow()
        return ""
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        return problem_text(error)
    finally:
        if cable:
            cable.remove()
