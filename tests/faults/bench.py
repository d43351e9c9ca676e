"""Where cases are tried: the program, the ways to start it, the folder for runs, and what a run without faults gives and takes."""
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

import run_folder
import tiny_folder
from job import ENVIRONMENT, Job

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WAY_FILES = {"plain": None, "survive": "launch/mpirun_survive.sh", "keep": "launch/keep_running.sh"}
# A stopped run to begin from: where a run of one rank is killed.
STOPS = {"answering": "call=rename,path=partial/group_,nth=4,when=after,do=SIGKILL",
         "training": "call=rename,path=step_000006.tmp run/checkpoints/step_000006,when=after,do=SIGKILL", "finished": ""}


class NotUsable(Exception):
    """The campaign can't be done; the message says why."""


@dataclasses.dataclass
class Usual:
    """A run without faults on so many ranks."""
    seconds: float
    counts: dict  # rank -> MPI call -> number


class Bench:
    def __init__(self, build, program=None, ways=None, device="cpu"):
        self.build = pathlib.Path(build).resolve()
        self.program = [str(program)] if program else [str(self.build / "candor")]
        self.is_real, self.device = program is None, device
        self.libraries = [self.build / "tests" / "faults" / f"libcandor_fault_{name}.so" for name in ("points", "recovery")]
        for needed in [self.program[0]] + ([str(path) for path in self.libraries] if self.is_real else []):
            if not os.path.exists(needed):
                raise NotUsable(f"{needed} isn't there: build it with launch/setup/build.sh cpu candor candor_fault_points candor_fault_recovery")
        self.way_commands = ways or {"plain": ["mpirun"], "survive": [str(ROOT / "launch" / "mpirun_survive.sh")],
                                     "keep": [str(ROOT / "launch" / "keep_running.sh"), "mpirun"]}
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="candor_faults_", dir=memory))
        self.usual, self.starts, self.lock = {}, {}, threading.RLock()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self):
        help_text = ""
        if self.is_real:
            help_text = subprocess.run([*self.program, "help", "config"], capture_output=True, text=True, env={**os.environ, **ENVIRONMENT}).stdout
        self.has_heartbeat = "heartbeat_s" in help_text
        self.template = self.folder / "template"
        tiny_folder.make(self.template, self.has_heartbeat, self.device)
        if self.is_real:
            self.make_half_of_the_answers_right()
        self.reference = self.usual_run("plain", 1, keep=self.folder / "reference")

    def make_half_of_the_answers_right(self):
        case = self.new_folder("answers", "empty")
        ended = Job(self.command("plain", 1, "answer", "line.yaml"), case, {}, "out").wait()
        if ended.code != 0:
            raise NotUsable(f"candor answer without faults ended with {ended.code}:\n{ended.text}")
        lines = (case / "run" / "answers.jsonl").read_text().splitlines()
        tiny_folder.write_questions(self.template, [json.loads(line)["response"] for line in lines])
        shutil.rmtree(case)

    def command(self, way, ranks, *arguments, launcher=()):
        bind = [] if way == "survive" else ["--bind-to", "none"]
        preload = ""
        if self.is_real:
            preload = ":".join(str(path) for path in (self.libraries if way == "survive" else self.libraries[:1]))
        return [*self.way_commands[way], "-np", str(ranks), "--oversubscribe", *bind, *launcher, *(["env", f"LD_PRELOAD={preload}"] if preload else []),
                *self.program, *(arguments or ("run", "line.yaml"))]

    def new_folder(self, name, start):
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        source = self.template if start == "empty" else self.start(start)
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("notes", "out*"))
        return folder

    def start(self, name):
        """A folder with a run that was stopped at STOPS[name]."""
        with self.lock:
            if name in self.starts:
                return self.starts[name]
            folder = self.new_folder(f"start_{name}", "empty")
            ended = Job(self.command("plain", 1), folder, {"CANDOR_FAULT": STOPS[name]}, "out").wait()
            if ended.hung or (ended.code == 0) != (not STOPS[name]):
                raise NotUsable(f"the run to begin from, {name}, ended with {ended.code} {ended.hung}:\n{ended.text}")
            self.starts[name] = folder
            return folder

    def usual_run(self, way, ranks, keep=None):
        """Results of a run without faults; notes its time and calls."""
        folder = self.new_folder(f"usual_{way}_{ranks}", "empty")
        ended = Job(self.command(way, ranks), folder, {}, "out").wait()
        if ended.hung or ended.code != 0:
            raise NotUsable(f"a run without faults on {ranks} ranks ({way}) ended with {ended.code} {ended.hung}:\n{ended.text}")
        results = run_folder.results(folder / "run")
        counts = {}
        for path in (folder / "notes").glob("counts.*"):
            counts[int(path.suffix[1:])] = {name: int(number) for name, number in (line.split() for line in path.read_text().splitlines())}
        self.usual[way, ranks] = Usual(ended.seconds, counts)
        shutil.rmtree(folder)
        return results

    def usual_of(self, way, ranks):
        with self.lock:
            if (way, ranks) in self.usual:
                return self.usual[way, ranks]
            differences = run_folder.differing(self.usual_run(way, ranks), self.reference)
            if differences:
                raise NotUsable(f"without faults, {ranks} ranks ({way}) and one rank don't give the same: {', '.join(differences)}")
            return self.usual[way, ranks]
