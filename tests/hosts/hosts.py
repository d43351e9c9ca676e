"""Several hosts on one machine, each with a name, an address and a disk of its own: network namespaces on one bridge, and a private mount over the
folder in which the job runs. mpirun reaches them by an agent script.

Needs root, `ip`, `unshare` and a kernel with network and mount namespaces, veth, bridge and (for a slow link) tbf; whatever is missing is an error.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "CANDOR_THREADS_SET": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "PRTE_ALLOW_RUN_AS_ROOT": "1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
SUBNET = "10.78.0.0/24"
MPI = {"OMPI_MCA_btl": "tcp,self", "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl_tcp_if_include": SUBNET, "OMPI_MCA_oob_tcp_if_include": SUBNET,
       "PRTE_MCA_prte_if_include": SUBNET, "OMPI_MCA_plm_rsh_no_tree_spawn": "1", "PRTE_MCA_plm_ssh_no_tree_spawn": "1"}
LIMIT_S, LEAVING_S = 90, 45  # only stop a hang


class Missing(Exception):
    """This machine can't play hosts; the message says what it lacks."""


def run(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except FileNotFoundError:
        raise Missing(f"{words[0]} isn't installed") from None
    if done.returncode != 0:
        raise Missing(f"`{' '.join(words)}` fails: {done.stderr.strip() or done.returncode} (needs root and a kernel with namespaces, veth and bridge)")


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:80]
    except OSError:
        return "?"


class Hosts:
    """Hosts a, b, c ... whose folders `disk(name)` are what each of them sees at `work`."""

    def __init__(self, names):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="candor_hosts_", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        self.names, self.work, self.mounted = list(names), self.root / "work", []
        self.switch = f"ch{os.getpid()}"
        self.work.mkdir()
        try:
            run("ip", "netns", "add", self.switch)
            run("ip", "-n", self.switch, "link", "add", "bridge", "type", "bridge")
            run("ip", "-n", self.switch, "link", "set", "bridge", "up")
            for number, name in enumerate(self.names, 1):
                self.disk(name).mkdir()
                self.enter_script(name).write_text(f"#!/bin/sh\nexec ip netns exec {self.space(name)} unshare --uts --mount sh -c 'hostname {name} && "
                                                   f"mount --bind {self.disk(name)} {self.work} && cd {self.work} && exec \"$@\"' sh \"$@\"\n")
                self.enter_script(name).chmod(0o755)
                run("ip", "netns", "add", self.space(name))
                run("ip", "-n", self.switch, "link", "add", f"to_{name}", "type", "veth", "peer", "name", "cable", "netns", self.space(name))
                run("ip", "-n", self.switch, "link", "set", f"to_{name}", "master", "bridge", "up")
                run("ip", "-n", self.space(name), "addr", "add", f"10.78.0.{number}/24", "dev", "cable")
                for device in ("lo", "cable"):
                    run("ip", "-n", self.space(name), "link", "set", device, "up")
                run(str(self.enter_script(name)), "true")
        except BaseException:
            self.close()
            raise
        cases = "".join(f"10.78.0.{number}) enter={self.enter_script(name)} ;;\n" for number, name in enumerate(self.names, 1))
        self.agent = self.root / "agent.sh"
        self.agent.write_text(f"#!/bin/sh\ncase \"$1\" in\n{cases}esac\nshift\nexec \"$enter\" sh -c \"$*\"\n")
        self.agent.chmod(0o755)

    def disk(self, name):
        return self.root / f"disk_{name}"

    def space(self, name):
        return f"{self.switch}{name}"

    def enter_script(self, name):
        return self.root / f"enter_{name}.sh"

    def small_disk(self, name, size):
        run("mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(self.disk(name)))
        self.mounted.append(self.disk(name))

    def grow_disk(self, name, size):
        run("mount", "-o", f"remount,size={size}", str(self.disk(name)))

    def cut(self, name, is_cut=True):
        run("ip", "-n", self.switch, "link", "set", f"to_{name}", "down" if is_cut else "up")

    def slow(self, name, rate):
        run("tc", "-n", self.switch, "qdisc", "add", "dev", f"to_{name}", "root", "tbf", "rate", rate, "burst", "16kb", "latency", "400ms")

    def start(self, ranks, command, environment=None, launcher=("mpirun", "--oversubscribe", "--bind-to", "none")):
        """ranks: of each host, in order; the first host starts the job."""
        where = ",".join(f"10.78.0.{number}:{count}" for number, count in enumerate(ranks, 1))
        words = [str(self.enter_script(self.names[0])), *launcher, "-np", str(sum(ranks)), "--host", where]
        for name in environment or {}:
            words += ["-x", name]
        with open(self.root / "out", "wb") as out:
            self.job = subprocess.Popen([*words, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                                        env={**os.environ, **ENVIRONMENT, **MPI, "OMPI_MCA_plm_rsh_agent": str(self.agent),
                                             "PRTE_MCA_plm_ssh_agent": str(self.agent), **(environment or {}), "CANDOR_TEST_HOSTS": str(self.root)})

    def wait(self):
        """Exit code (or what was wrong) and output. All processes of the job are gone then, and should have gone by themselves, on all hosts."""
        try:
            code = self.job.wait(timeout=LIMIT_S)
            until = time.monotonic() + LEAVING_S
            while self.processes() and time.monotonic() < until:
                time.sleep(0.05)
            if left := self.processes():
                code = f"{code}, but processes that stay: {', '.join(map(name_of, left))}"
        except subprocess.TimeoutExpired:
            code = "a hang"
        self.end_all()
        self.job.wait()
        text = (self.root / "out").read_text(errors="replace")
        return (128 - code if isinstance(code, int) and code < 0 else code), text

    def processes(self):
        wanted, found = f"CANDOR_TEST_HOSTS={self.root}".encode(), []
        for entry in os.scandir("/proc"):
            try:
                if entry.name.isdigit() and wanted in pathlib.Path(entry.path, "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def end_all(self):
        for _ in range(100):
            pids = self.processes()
            if not pids:
                return
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)

    def close(self):
        self.end_all()
        undoing = [["umount", str(folder)] for folder in self.mounted] + [["ip", "netns", "del", n] for n in [self.switch, *map(self.space, self.names)]]
        for words in undoing:
            try:
                subprocess.run(words, capture_output=True)
            except FileNotFoundError:  # then there was nothing to do either
                pass
        shutil.rmtree(self.root, ignore_errors=True)
