"""A Slurm of one's own on this machine: slurmctld and two slurmd, each with a port, in a folder. Nothing of it is left when it is over.

Authentication is Slurm's "none", which needs no munge: fine among the processes of one user. A node's name is not the host's, so Open MPI starts its
daemons by srun on both, as on a real cluster.
"""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from job import end_all, name_of, processes_of

PROGRAMS = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "scontrol": "slurm-client", "scancel": "slurm-client",
            "srun": "slurm-client", "mpirun": "openmpi-bin"}
NODES = ("candor-a", "candor-b")
HANG_S = 150  # only stops a hang


def missing_packages():
    found = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return sorted({package for program, package in PROGRAMS.items() if not shutil.which(program, path=found)})


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def wait_until(is_so, what, seconds=HANG_S, pause=0.05):
    until = time.monotonic() + seconds
    while not (value := is_so()):
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(pause)
    return value


class Cluster:
    """with Cluster(folder) as cluster: ..."""

    def __init__(self, folder):
        self.folder, self.token, self.daemons = folder, str(folder), []
        user = pathlib.Path("/proc/self").owner()
        controller, *node_ports = free_ports(1 + len(NODES))
        host = socket.gethostname().split(".")[0]
        lines = ["ClusterName=candor", f"SlurmctldHost={host}(127.0.0.1)", f"SlurmctldPort={controller}", f"SlurmUser={user}", f"SlurmdUser={user}",
                 "AuthType=auth/none", "CredType=cred/none", "AuthInfo=cred_expire=5",  # so long a job that is queued again waits at least
                 f"StateSaveLocation={folder}/state", f"SlurmdSpoolDir={folder}/%n", f"SlurmctldPidFile={folder}/slurmctld.pid",
                 f"SlurmdPidFile={folder}/%n.pid", f"SlurmctldLogFile={folder}/slurmctld.log", f"SlurmdLogFile={folder}/%n.log",
                 "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "SwitchType=switch/none", "MpiDefault=none",
                 "SelectType=select/cons_tres", "SelectTypeParameters=CR_Core", "SchedulerParameters=sched_interval=2,bf_interval=2",
                 "KillWait=20", "ReturnToService=2", "SlurmdParameters=config_overrides", "PropagateResourceLimits=NONE",
                 "AccountingStorageType=accounting_storage/none", "JobAcctGatherType=jobacct_gather/none", "JobCompType=jobcomp/none"]
        lines += [f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=1000" for name, port in zip(NODES, node_ports)]
        lines += [f"PartitionName=main Nodes={','.join(NODES)} Default=YES MaxTime=INFINITE State=UP"]
        (folder / "state").mkdir(parents=True)
        self.config = folder / "slurm.conf"
        self.config.write_text("\n".join(lines) + "\n")
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
        self.environment = {**{k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_", "OMPI_", "PMIX_"))}, "PATH": path,
                            "SLURM_CONF": str(self.config), "CANDOR_FAULT_CASE": self.token}

    def __enter__(self):
        try:
            self._daemon("slurmctld", "-D", "-f", self.config)
            for node in NODES:
                (self.folder / node).mkdir()
                self._daemon("slurmd", "-D", "-N", node, "-f", self.config)
            wait_until(lambda: self._said("sinfo", "-h", "-o", "%t %D").strip() == f"idle {len(NODES)}", "both nodes to be idle")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                pass
        end_all(self.token)

    def _daemon(self, *command):
        with open(self.folder / "daemons.log", "ab") as log:
            self.daemons.append(subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                                 env=self.environment, preexec_fn=die_with_parent))

    def _said(self, *command):
        return subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30).stdout

    def submit(self, folder, environment, *arguments):
        """sbatch, given in `folder`: the job's number."""
        done = subprocess.run(["sbatch", "--parsable", *arguments], cwd=folder, env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise AssertionError(f"sbatch {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def cancel(self, job):
        self._said("scancel", job)

    def job(self, job):
        """What scontrol says about it: key -> value."""
        words = self._said("scontrol", "-o", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def ended(self, job):
        """The job's last state, once it has one and its processes are gone."""
        state = self.job(job).get("JobState", "")
        return state if state and state not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED") else None

    def processes(self, *names):
        """Pids of what jobs of this cluster run under these names."""
        return [pid for pid in processes_of(self.token) if name_in_kernel(pid) in names]

    def left_over(self):
        """Names of processes that are still there beside the daemons: of jobs."""
        own = {daemon.pid for daemon in self.daemons}
        return sorted(name_of(pid) for pid in processes_of(self.token) if pid not in own and name_in_kernel(pid) != "slurmscriptd")

    def logs(self):
        return "".join(f"---- {path.name}\n{path.read_text(errors='replace')[-3000:]}\n" for path in sorted(self.folder.glob("*.log")))


def name_in_kernel(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
