"""Hosts (namespaces.py) each of which has a disk of its own over the folder in which jobs run."""
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
import job  # noqa: E402
from namespaces import Hosts, ip  # noqa: E402

job.LIMIT_S, job.QUIET_S, job.LEAVING_S = 90, 60, 45  # only stop a hang


class HostsWithDisks:
    """Hosts a, b, c ... whose folders `disk(name)` are what each of them sees at `work`."""

    def __init__(self, names):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="candor_hosts_", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        self.names, self.work, self.mounted, self.job = list(names), self.root / "work", [], None
        self.work.mkdir()
        for name in self.names:
            self.disk(name).mkdir()
            (self.root / f"prepare.{name}").write_text(f"mount --bind {self.disk(name)} {self.work} && cd {self.work}\n")
        try:
            self.hosts = Hosts(self.root, self.names)
        except BaseException:
            shutil.rmtree(self.root, ignore_errors=True)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        job.end_all(str(self.root))
        for folder in self.mounted:
            ip("umount", str(folder), check=False)
        self.hosts.remove()
        shutil.rmtree(self.root, ignore_errors=True)

    def disk(self, name):
        return self.root / f"disk_{name}"

    def small_disk(self, name, size):
        ip("mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(self.disk(name)))
        self.mounted.append(self.disk(name))

    def grow_disk(self, name, size):
        ip("mount", "-o", f"remount,size={size}", str(self.disk(name)))

    def cut(self, name, is_cut=True):
        self.hosts.cut(self.names.index(name), is_cut)

    def slow(self, name, mbit):
        self.hosts.limit(self.names.index(name), mbit)

    def start(self, ranks, command, environment=None, launcher=("mpirun", "--oversubscribe", "--bind-to", "none")):
        """ranks: of each host, in order; the first host starts the job."""
        where = ",".join(f"{self.hosts.address(number)}:{count}" for number, count in enumerate(ranks))
        words = [*launcher, "-np", str(sum(ranks)), "--host", where]
        for name in environment or {}:
            words += ["-x", name]
        self.job = job.Job(self.hosts.on_first([*words, *command]), self.root, {**self.hosts.environment(), **(environment or {})}, "out")

    def processes(self):
        return job.processes_of(self.job.token)

    def wait(self):
        """Exit code, or why it counts as a hang, and output. All processes of the job are gone then, and should have gone by themselves, on all hosts."""
        ended = self.job.wait()
        return ended.hung or ended.code, ended.text
