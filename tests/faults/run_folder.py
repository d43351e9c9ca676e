"""What a run folder holds: results to compare, the newest whole checkpoint, finished stages and groups of answers."""
import hashlib
import json


def bytes_of(path):
    return path.read_bytes() if path.is_file() else None


def results(run):
    """Everything that must have the same bytes on any number of ranks and after any fault: name -> bytes, None where it isn't there.

    report.json holds neither dates nor times nor ranks, and run.dir is relative, so it is compared whole.
    """
    found = {name: bytes_of(run / name) for name in ("answers.jsonl", "graded.jsonl", "report.json")}
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        found[f"adapter/{name}"] = bytes_of(run / "adapter" / name)
    return found


def without_curve(found):
    report = json.loads(found["report.json"] or b"{}")
    report.pop("curve", None)
    return {**found, "report.json": json.dumps(report)}


def differing(found, reference):
    return [f"{name} {'is missing' if found[name] is None else 'differs'}" for name in reference if found[name] != reference[name]]


def checkpoint_is_whole(folder):
    try:
        state = json.loads((folder / "state.json").read_text())
        return all((folder / name).stat().st_size == part["size"] and hashlib.sha256((folder / name).read_bytes()).hexdigest() == part["sha256"]
                   for name, part in state["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def newest_checkpoint(run):
    """Step of the newest checkpoint whose files are what its state.json says; 0 where there is none."""
    steps = [int(p.name[5:]) for p in (run / "checkpoints").glob("step_*") if p.name[5:].isdigit() and checkpoint_is_whole(p)]
    return max(steps, default=0)


def finished_stages(run):
    try:
        stages = json.loads((run / "stages.json").read_text())
        return {name for name, entry in stages.items() if not entry.get("running")}
    except (OSError, ValueError, AttributeError):
        return set()


def finished_groups(run):
    return {p.name[6:12] for p in (run / "answers.jsonl.partial").glob("group_*.jsonl")}


class Trace:
    """What the ranks noted (fault_plan.h): lines "PID step N" and "PID group N"."""

    def __init__(self, notes):
        self.path, self.read_to = notes / "trace", 0

    def new_events(self):
        """(pid, kind, number as text) of all since the last call."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().splitlines()
        fresh, self.read_to = lines[self.read_to:], len(lines)
        return [tuple(line.split()) for line in fresh if len(line.split()) == 3]
