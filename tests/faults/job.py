"""Runs one job with a time limit, sends it signals when they are due, and leaves no process behind.

Every process of a job carries CANDOR_FAULT_CASE in its environment, so the ranks, their guardians and MPI's own daemons are found whoever their
parent is, and nothing else is ever killed.
"""
import dataclasses
import os
import pathlib
import signal
import subprocess
import time

LIMIT_S, QUIET_S, MOST_S, LEAVING_S = 25, 12, 150, 5
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "CANDOR_THREADS_SET": "1",
               "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "PRTE_ALLOW_RUN_AS_ROOT": "1",
               "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "CANDOR_SHARE_GPUS": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


@dataclasses.dataclass
class Ended:
    code: int
    text: str
    seconds: float
    hung: str = ""  # why it counts as a hang


def processes_of(token):
    """Pids of all live processes whose environment has CANDOR_FAULT_CASE=token."""
    wanted, found = f"CANDOR_FAULT_CASE={token}".encode(), []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry.name}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    found.append(int(entry.name))
        except OSError:
            pass
    return found


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace").rpartition("/")[2]
    except OSError:
        return "?"


def send(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def live_rank(notes, rank):
    """The newest process that announced itself as this rank and still runs."""
    announced = sorted(notes.glob(f"rank.{rank}.*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in announced:
        pid = int(path.name.rpartition(".")[2])
        if pathlib.Path(f"/proc/{pid}").exists() and name_of(pid).startswith("candor"):
            return pid
    return None


def newest_change(folder):
    newest = 0.0
    for path, folders, files in os.walk(folder):
        for name in files + folders:
            try:
                newest = max(newest, os.stat(os.path.join(path, name)).st_mtime)
            except OSError:
                pass
    return newest


def end_all(token):
    for _ in range(20):
        pids = processes_of(token)
        if not pids:
            return
        for pid in pids:
            send(pid, signal.SIGKILL)
        time.sleep(0.05)


class Job:
    """command: argument list, run in `folder`; `actions`: objects whose due(job, seconds) is called again and again until it says it is done."""

    def __init__(self, command, folder, environment, output):
        self.folder, self.notes, self.output = folder, folder / "notes", folder / output
        self.token = str(folder)
        self.notes.mkdir(exist_ok=True)
        with open(self.output, "wb") as out:
            self.front = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                                          env={**os.environ, **ENVIRONMENT, **environment, "CANDOR_FAULT_CASE": self.token,
                                               "CANDOR_FAULT_NOTES": str(self.notes)})
        self.begun = time.monotonic()

    def is_quiet(self):
        return time.time() - newest_change(self.folder) > QUIET_S

    def wait(self, actions=()):
        hung, left, seconds = "", list(actions), 0.0
        try:
            while self.front.poll() is None:
                seconds = time.monotonic() - self.begun
                left = [action for action in left if not action.due(self, seconds)]
                if seconds > MOST_S or (seconds > LIMIT_S and self.is_quiet()):
                    hung = f"still there after {seconds:.0f} s"
                    break
                time.sleep(0.004 if left else 0.01)
            seconds = time.monotonic() - self.begun
            if not hung:
                hung = self.left_behind()
        finally:
            end_all(self.token)
            self.front.wait()
        code = self.front.returncode
        return Ended(128 - code if code < 0 else code, self.output.read_text(errors="replace"), seconds, hung)

    def left_behind(self):
        until = time.monotonic() + LEAVING_S
        while pids := processes_of(self.token):
            if time.monotonic() > until:
                return f"ended, but {', '.join(sorted(name_of(pid) for pid in pids))} still ran {LEAVING_S} s later"
            time.sleep(0.02)
        return ""
