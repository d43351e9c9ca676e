"""Two hosts on one machine: network namespaces joined by a virtual cable, which is cut for a while or made slow in the middle of a job.

Needs root and a kernel with namespaces and veth; a slow cable also netem. what_is_missing() tries, so that a case is never skipped without a word.
"""
import functools
import itertools
import os
import pathlib
import subprocess

from case_parts import Expected
from job import Job

NUMBERS = itertools.count()
CUT_S = 8  # longer than run.timeout_s
# Starts MPI's daemon "on the other host": in the other namespace, under another host name, or the ranks would share memory.
AGENT = """#!/bin/sh
shift
exec ip netns exec "$CANDOR_FAULT_OTHER_HOST" unshare -u sh -c 'hostname other; exec sh -c "$0"' "$*"
"""


def ip(*words, check=True):
    return subprocess.run(words, capture_output=True, text=True, check=check)


class Cable:
    def __init__(self, folder):
        name = f"cf{os.getpid()}_{next(NUMBERS)}"
        self.here, self.there, self.agent = name + "a", name + "b", folder / "agent.sh"
        self.agent.write_text(AGENT)
        self.agent.chmod(0o755)
        ip("ip", "netns", "add", self.here)
        ip("ip", "netns", "add", self.there)
        ip("ip", "-n", self.here, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.there)
        for place, address in ((self.here, "10.77.0.1/24"), (self.there, "10.77.0.2/24")):
            ip("ip", "-n", place, "addr", "add", address, "dev", "cable")
            for device in ("lo", "cable"):
                ip("ip", "-n", place, "link", "set", device, "up")

    def cut(self, is_cut):
        ip("ip", "-n", self.there, "link", "set", "cable", "down" if is_cut else "up")

    def slow(self):
        ip("tc", "-n", self.here, "qdisc", "add", "dev", "cable", "root", "netem", "delay", "20ms", "10ms", "loss", "1%")

    def environment(self):
        subnet = "10.77.0.0/24"
        return {"CANDOR_FAULT_OTHER_HOST": self.there, "OMPI_MCA_plm_rsh_agent": str(self.agent), "PRTE_MCA_plm_ssh_agent": str(self.agent),
                "OMPI_MCA_btl": "tcp,self", "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl_tcp_if_include": subnet, "OMPI_MCA_oob_tcp_if_include": subnet,
                "PRTE_MCA_prte_if_include": subnet}

    def remove(self):
        for place in (self.here, self.there):
            ip("ip", "netns", "del", place, check=False)


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
    command = bench.command(case.way, case.ranks, launcher=("--host", f"10.77.0.1:{case.ranks - there},10.77.0.2:{there}"))
    return Job(["ip", "netns", "exec", cable.here, *command], folder, {**environment, **cable.environment()}, output)


@functools.lru_cache(maxsize=None)
def what_is_missing(kind, folder):
    """Why this machine can't do cases of this kind; "" where it can."""
    cable = None
    try:
        cable = Cable(pathlib.Path(folder))
        if kind == "link-delay":
            cable.slow()
        return ""
    except FileNotFoundError as error:
        return f"{error.filename} isn't there"
    except subprocess.CalledProcessError as error:
        return f"{' '.join(error.cmd[:3])} ...: {error.stderr.strip().splitlines()[-1] if error.stderr.strip() else error.returncode}"
    finally:
        if cable:
            cable.remove()
