"""What a case is made of: faults of the preloaded library, signals from outside, damage between two jobs, and what each must lead to."""
import dataclasses
import json
import pathlib
import signal

import job


@dataclasses.dataclass(frozen=True)
class Expected:
    codes: tuple  # exit codes that are documented for it, beside 0
    says: tuple   # one of these appears in the job's output; () = it needn't be told
    must_survive: bool = False  # the job that it meets ends with 0 (by itself)
    quiet_codes: tuple = ()  # a job that ends so needn't tell it


@dataclasses.dataclass(frozen=True)
class LibraryFault:
    """keys: of fault_plan.h; share: instead of nth, which of all such calls that a whole job makes (0-1)."""
    keys: tuple
    expected: Expected
    share: float | None = None

    def text(self, marker, since, counts):
        keys = dict(self.keys)
        if self.share is not None:
            total = counts.get(int(keys.get("rank", 0)), {}).get(keys["call"], 1)
            keys["nth"] = 1 + int(self.share * total)
        if keys.pop("after_the_first", None):
            keys["since"] = since
        return ",".join(f"{k}={v}" for k, v in keys.items()) + f",marker={marker}"

    def __str__(self):
        return " ".join(f"{k}={v}" for k, v in self.keys) + ("" if self.share is None else f" share={self.share:.3f}")


@dataclasses.dataclass
class Signal:
    """Sends `name` to rank `target`, or to the job's first process (-1): `share` of a usual job's time after its start, or `delay_s` after `file` is there."""
    name: str
    target: int
    expected: Expected
    share: float = 0.0
    file: str = ""
    delay_s: float = 0.0
    usual_s: float = 1.0  # set before the job
    sent: bool = False
    file_seen_at: float | None = None

    def due(self, running, seconds):
        if self.sent:
            return True
        if self.file:
            if self.file_seen_at is None and (running.folder / self.file).exists():
                self.file_seen_at = seconds
            if self.file_seen_at is None or seconds < self.file_seen_at + self.delay_s:
                return False
        elif seconds < self.share * self.usual_s:
            return False
        if self.target < 0:
            self.sent = job.send(running.front.pid, getattr(signal, self.name))
            return True
        pid = job.live_rank(running.notes, self.target)
        self.sent = pid is not None and job.send(pid, getattr(signal, self.name))
        return self.sent

    def __str__(self):
        when = f"{self.delay_s:.3f} s after {self.file}" if self.file else f"at {self.share:.2f} of the job's time"
        return f"{self.name} to {'the job' if self.target < 0 else f'rank {self.target}'} {when}"


@dataclasses.dataclass(frozen=True)
class Damage:
    """To a file of a run that isn't running. remedy: what its user does once told: "" nothing, "remove" it, "restore" it. A person's own changes are
    undone after a job: a label is turned back, a renamed folder gets its name back."""
    file: str
    how: str  # flip, 0, 1, half, last-1 (bytes left), remove
    place: float
    bit: int
    remedy: str
    expected: Expected
    loses: bool  # work that was built on it may be done again

    def do(self, folder):
        path = pathlib.Path(folder, self.file)
        if self.how == "rename":
            self.rename(folder, self.file, self.new_name)
            return
        if self.how == "label":
            self.turn_a_label(path)
            return
        data = bytearray(path.read_bytes())
        if self.how == "remove":
            path.unlink()
            return
        if self.how == "flip":
            data[min(len(data) - 1, int(self.place * len(data)))] ^= 1 << self.bit
        else:
            keep = {"0": 0, "1": 1, "half": len(data) // 2, "last-1": len(data) - 1}[self.how]
            data = data[:keep]
        path.write_bytes(data)

    new_name = "renamed"

    def rename(self, folder, old, new):
        (folder / old).rename(folder / new)
        config = folder / "line.yaml"
        config.write_text(config.read_text().replace(f"{{dir: {old},", f"{{dir: {new},"))

    def turn_a_label(self, path):
        lines = path.read_text().splitlines()
        place = int(self.place * len(lines))
        row = json.loads(lines[place])
        row["correct"] = 1 - row["correct"]
        lines[place] = json.dumps(row)
        path.write_text("\n".join(lines) + "\n")

    def __str__(self):
        return f"{self.file}: {self.how}" + (f" of bit {self.bit} at {self.place:.4f}" if self.how == "flip" else "")


@dataclasses.dataclass
class Case:
    seed: int
    index: int
    kind: str
    way: str
    ranks: int
    start: str = "empty"  # or a run that was stopped: answering, training, finished
    faults: list = dataclasses.field(default_factory=list)
    signals: list = dataclasses.field(default_factory=list)
    damage: Damage | None = None
    remove_after: str = ""  # what the message asks to remove
    link: str = ""
    later_ranks: int = 0  # of the jobs after the first; 0: as many

    def __str__(self):
        what = "; ".join(str(part) for part in [*self.faults, *self.signals, *([self.damage] if self.damage else []), *([self.link] if self.link else [])])
        ranks = f"{self.ranks}, then {self.later_ranks}" if self.later_ranks else self.ranks
        return f"{self.kind} on {ranks} ranks, {self.way}, from {self.start}: {what}"
