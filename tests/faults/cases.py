"""The cases of a campaign: a pure function of seed and index.

What a user is promised, file by file, where one is damaged between two jobs:
- checkpoints/: a damaged newest checkpoint is named and the one before is used, by itself; any other isn't needed.
- answers.jsonl, graded.jsonl, tokens.h5, adapter/: results of a finished stage. A user may change them, so the next stage says that they changed (or
  are damaged) and uses or refuses them; with the file removed they are made again, and all is as if nothing had happened.
- answers.jsonl.partial/: nobody's but the program's: damage is noticed and the group answered again, or it is named.
- stages.json: only says what needn't be done: more may be done again, nothing may come out otherwise.
- frozen_trunk.safetensors: made anew where it isn't what it should be. config.yaml: written anew. metrics.jsonl: lines of finished steps are kept.
- graded.jsonl with a label that a person turned is kept, and the run goes on from it; with the label turned back all is as before.
- the run folder renamed: no finished stage is done again.
- model.safetensors, tokenizer.json, questions.jsonl are the user's: a change is told; put back, they give the same results.
"""
import random
import re
import signal

from case_parts import Case, Damage, Expected, LibraryFault, Signal

WAYS = ("plain", "survive", "keep")
COLLECTIVES = ("MPI_Iallreduce", "MPI_Ibcast", "MPI_Iallgather", "MPI_Iallgatherv", "MPI_Ibarrier")
SETTING_UP = ("MPI_Init_thread", "MPI_Comm_dup", "MPI_Finalize")
CHECKPOINT_FILES = ("adapter_model.safetensors", "adapter_config.json", "optimizer.safetensors", "state.json")
# What a run writes: pattern of its path, name in a message.
WRITTEN = [(f"step_00000{step}*{name}", name) for step in (2, 4, 6, 8) for name in CHECKPOINT_FILES] + [
    ("partial/group_", "group_"), ("partial/identity", "identity"), ("run/answers.jsonl.tmp", "answers.jsonl"), ("graded.jsonl", "graded.jsonl"),
    ("tokens.h5", "tokens.h5"), ("config.yaml", "config.yaml"), ("stages.json", "stages.json"), ("metrics.jsonl", "metrics.jsonl"),
    ("tfevents", "tensorboard"), ("frozen_trunk.safetensors", "frozen_trunk.safetensors"),
    ("frozen_trunk_test.safetensors", "frozen_trunk_test.safetensors"), ("run/adapter*adapter_model.safetensors", "adapter_model.safetensors"),
    ("run/adapter*adapter_config.json", "adapter_config.json"), ("scored_before.jsonl", "scored_before.jsonl"),
    ("scored_after.jsonl", "scored_after.jsonl"), ("report.json", "report.json"), ("report.html", "report.html")]
READ = [("model.safetensors", "model.safetensors"), ("tokenizer.json", "tokenizer.json"), ("questions.jsonl", "questions.jsonl"),
        ("run/answers.jsonl", "answers.jsonl"), ("graded.jsonl", "graded.jsonl"), ("tokens.h5", "tokens.h5"),
        ("run/adapter/adapter_model", "adapter_model.safetensors"), ("run/adapter/adapter_config", "adapter_config.json")]
BYTES = ("0", "1", "half", "last-1", "all")
# Kind -> how often.
KINDS = {"kill-call": 26, "kill-time": 14, "kill-file": 16, "kill-many": 6, "stop-call": 3, "stop-time": 2, "term-call": 4, "term-time": 4, "term-job": 4,
         "usr1-job": 3, "full-disk": 8, "io-error": 4, "read-error": 4, "short-write": 2, "write-flip": 3, "damage": 14, "link-cut": 1, "link-delay": 1,
         "int-time": 2, "hup-time": 2, "int-job": 2, "other-ranks": 4, "labels": 3, "renamed": 2}
NOTICED = r"damaged|changed|differs?\b|isn't there|not valid|truncated|cut short|missing|cannot|expected|not a |too short|too few|made anew|anew|again"


def line_with(*words):
    return "(?m)^" + "".join(rf"(?=.*(?:{word}))" for word in words)


def expected_signal(name, rank, way, ranks, may_end=False):
    """may_end: where a job that survives losses may end all the same (before its ranks have met, after they have parted)."""
    alone = way == "survive" and ranks > 1 and not may_end
    if name == "SIGKILL":
        says = (r"signal 9", r"Killed", rf"rank {rank}\b" if rank is not None else r"rank \d", r"no rank is left")
        # A rank that dies when all is done needn't be told.
        return Expected((4, 137), says, must_survive=alone or way == "keep", quiet_codes=(0,) if way == "survive" and may_end else ())
    if name == "SIGSTOP":
        return Expected((4, 137, 143), (r"no sign of life", r"not complete after", r"isn't complete after", r"not all ranks arrived"), must_survive=alone or way == "keep")
    told = (name, r"signal 15|Terminated|signal 10|User defined signal 1|signal 2\b|Interrupt|signal 1\b|Hangup", r"[Pp]reempt", r"[Ss]tate (is )?saved")
    killed = 128 + getattr(signal, name)
    if way == "survive" and rank is not None:  # the others go on without it, or haven't met yet
        return Expected((4, 6, killed), told + (rf"rank {rank}\b", r"no rank is left", r"lost while the job started"), quiet_codes=(0,))
    if way == "survive":  # before the ranks watch for signals, it ends them all
        return Expected((1, 4, 6, killed), told + (r"no rank is left",), quiet_codes=(0, 1, killed))
    # Who ends mpirun knows why it ended, and mpirun has codes of its own; that the state is saved must be told.
    return Expected((6, killed), told, quiet_codes=(0,)) if rank is not None else Expected((1, 6, killed), told, quiet_codes=(0, 1, killed))



def file_fault(random_, call, written, action, when="before", **more):
    pattern, name = written
    error = {"ENOSPC": "No space left", "EIO": "Input/output error|damaged|cannot read"}.get(action)
    keys = {"call": call, "path": pattern, "do": action, "when": when, **more}
    if error:
        return LibraryFault(tuple(keys.items()), Expected((3,), (line_with(name.replace(".", r"\."), error),)))
    return LibraryFault(tuple(keys.items()), Expected((), ()))


def call_fault(random_, action, way, ranks, rank, low=0.0, high=1.0):
    call = random_.choice(COLLECTIVES * 3 + SETTING_UP)
    when = random_.choice(("before", "during", "after")) if call in COLLECTIVES else random_.choice(("before", "after"))
    share = random_.uniform(low, high)
    # Before the first barrier and the first exchange of addresses are done the ranks haven't met, and a job ends.
    may_end = call in SETTING_UP or (call == "MPI_Ibarrier" and share < 0.1) or (call.startswith("MPI_Iallgather") and share < 0.05)
    return LibraryFault((("rank", rank), ("call", call), ("when", when), ("do", action)), expected_signal(action, rank, way, ranks, may_end), share)


def time_signal(random_, name, target, way, ranks):
    places = [("", 0)] * 4 + [("run/answers.jsonl.partial/group_000001.jsonl", 0.1), ("run/checkpoints/step_000002", 0.2),
                              ("run/adapter/adapter_model.safetensors", 0.15), ("run/scored_before.jsonl", 0.05)]
    file, spread = random_.choice(places)
    rank = target if target >= 0 else None
    # From outside nobody knows whether the ranks have met already or parted: a job that survives losses may end here.
    expected = expected_signal(name, rank, way, ranks, may_end=not file.endswith("group_000001.jsonl"))
    return Signal(name, target, expected, share=random_.uniform(0.05, 1.0), file=file, delay_s=random_.uniform(0, spread))


# File -> the runs that it may be damaged in, remedy, whether it must be told, whether what was built on it may be done again.
def damageable():
    newest = {f"run/checkpoints/step_000006/{name}": (("training",), "", True, False) for name in CHECKPOINT_FILES}
    # Step 4 is the best so far: without its adapter the steps from the one before it on are done again.
    older = {f"run/checkpoints/step_000004/{name}": (("training",), "", name.startswith("adapter"), name.startswith("adapter"))
             for name in CHECKPOINT_FILES[:3]}
    return {**newest, **older,
            "run/tokens.h5": (("training", "finished"), "remove", True, True),
            "run/answers.jsonl": (("training", "finished"), "remove", True, True),
            "run/graded.jsonl": (("training", "finished"), "remove", True, True),
            "run/answers.jsonl.partial/group_000001.jsonl": (("answering",), "remove", True, True),
            "run/answers.jsonl.partial/identity": (("answering",), "", False, True),
            "run/stages.json": (("training", "finished"), "remove", False, True),
            "run/frozen_trunk.safetensors": (("training",), "remove", False, True),
            "run/metrics.jsonl": (("training",), "remove", False, True),
            "run/config.yaml": (("training", "finished"), "", False, False),
            "run/adapter/adapter_model.safetensors": (("finished",), "remove", True, True),
            "run/adapter/adapter_config.json": (("finished",), "remove", True, True),
            "model/model.safetensors": (("answering", "training", "finished"), "restore", True, True),
            "model/tokenizer.json": (("answering", "training", "finished"), "restore", True, True),
            "questions.jsonl": (("answering", "training", "finished"), "restore", True, True)}


def damage_case(random_, case):
    files = damageable()
    # Twice as often what must go on by itself.
    file = random_.choice(list(files) + [f for f, (_, remedy, told, _) in files.items() if told and not remedy])
    starts, remedy, told, loses = files[file]
    case.start = random_.choice(starts)
    how = random_.choice(("flip", "flip", "flip", "0", "1", "half", "last-1", "remove"))
    name = file.rpartition("/")[2].replace(".", r"\.")
    if remedy == "":  # one file of a checkpoint: its folder's name will do
        name = rf"{name}|step_00000[46]"
    if how == "remove" and (file.endswith(("state.json", "frozen_trunk.safetensors")) or remedy == ""):
        told = told and not file.endswith("state.json")  # without state.json it is no checkpoint
    told = told and not (how == "last-1" and file.endswith((".json", "s.jsonl", "graded.jsonl")))  # the last line break: the content is whole
    expected = Expected((2, 3, 5), (line_with(name, NOTICED),) if told else ())
    if remedy == "":
        expected = Expected((), expected.says, must_survive=True)
    case.damage = Damage(file, how, random_.random(), random_.randrange(8), remedy, expected, loses)


def make_case(seed, index):
    random_ = random.Random(f"{seed}/{index}")
    kind = random_.choices(list(KINDS), KINDS.values())[0]
    way, ranks = random_.choice(WAYS), random_.choice((1, 2, 2, 2, 3, 3, 4))
    case = Case(seed, index, kind, way, ranks)
    if kind in ("int-time", "hup-time") and way == "survive":
        case.way = way = "keep"  # to one rank alone they are what SIGTERM is, and that is tried
    if kind in ("kill-many", "stop-call", "stop-time", "link-cut", "link-delay"):
        case.ranks = max(2, ranks)
    action = {"kill": "SIGKILL", "stop": "SIGSTOP", "term": "SIGTERM", "usr1": "SIGUSR1", "int": "SIGINT", "hup": "SIGHUP",
              "other": "SIGKILL"}.get(kind.partition("-")[0])
    rank = random_.randrange(case.ranks)
    if kind.endswith("-call"):
        case.faults = [call_fault(random_, action, way, case.ranks, rank)]
    elif kind == "other-ranks":
        case.signals = [time_signal(random_, action, rank, way, case.ranks)]
        case.later_ranks = random_.choice([ranks for ranks in (1, 2, 3, 4) if ranks != case.ranks])
    elif kind.endswith("-time"):
        case.signals = [time_signal(random_, action, rank, way, case.ranks)]
    elif kind.endswith("-job"):
        case.signals = [time_signal(random_, action, -1, way, case.ranks)]
    elif kind == "kill-file":
        call = random_.choice(("write", "write", "write", "fsync", "rename", "rename"))
        more = {"bytes": random_.choice(BYTES)} if call == "write" else {"when": random_.choice(("before", "after"))}
        fault = file_fault(random_, call, random_.choice(WRITTEN), "SIGKILL", nth=random_.choice((1, 1, 1, 2)), **more)
        case.faults = [LibraryFault(fault.keys, expected_signal("SIGKILL", None, way, case.ranks, may_end=False))]
    elif kind == "kill-many":
        # Where the job goes on by itself, others follow while it puts itself in order; else one after the other, with a restart between.
        lost = random_.sample(range(case.ranks), case.ranks - 1)
        shares = sorted(random_.uniform(0.05, 0.85) for _ in lost)
        for order, (victim, share) in enumerate(zip(lost, shares)):
            if order > 0 and way == "survive" and random_.random() < 0.4:
                keys = (("rank", victim), ("call", random_.choice(("MPIX_Comm_shrink", "MPIX_Comm_agree"))), ("when", random_.choice(("before", "after"))),
                        ("do", "SIGKILL"), ("after_the_first", "yes"))
                case.faults.append(LibraryFault(keys, expected_signal("SIGKILL", None, way, case.ranks)))
            else:
                fault = call_fault(random_, "SIGKILL", way, case.ranks, victim)
                while dict(fault.keys)["call"] in SETTING_UP:
                    fault = call_fault(random_, "SIGKILL", way, case.ranks, victim)
                case.faults.append(LibraryFault(fault.keys, expected_signal("SIGKILL", None, way, case.ranks), share))
    elif kind in ("full-disk", "io-error"):
        call = random_.choice(("write", "write", "write", "fsync", "rename", "open"))
        more = {"bytes": random_.choice(BYTES[:4])} if call == "write" else {}
        case.faults = [file_fault(random_, call, random_.choice(WRITTEN), "ENOSPC" if kind == "full-disk" else "EIO", nth=random_.choice((1, 1, 2)), **more)]
    elif kind == "read-error":
        case.start = random_.choice(("empty", "empty", "training"))
        read = READ + [(f"step_000006*{name}", f"{name}|step_000006") for name in CHECKPOINT_FILES] * (2 if case.start == "training" else 0)
        fault = file_fault(random_, random_.choice(("read", "read", "open")), random_.choice(read), "EIO", nth=random_.choice((1, 1, 2, 3)))
        case.faults = [LibraryFault(fault.keys, Expected((2, 3), fault.expected.says, quiet_codes=(0,)))]  # read once more, all may be well
    elif kind == "short-write":
        files = [written for written in WRITTEN if written[1] not in ("metrics.jsonl", "tensorboard")]  # stdio itself writes the rest
        case.faults = [file_fault(random_, "write", random_.choice(files), "SHORT", bytes=random_.choice(BYTES[:4]))]
    elif kind == "write-flip":
        # Only what is checked when it is read again: a checkpoint (then a kill, so that it is read), or the columns of tokens.h5.
        if random_.random() < 0.7:
            step = random_.choice((2, 4, 6))
            folder = f"step_00000{step}"
            killed = (("call", "rename"), ("path", f"{folder}.tmp run/checkpoints/{folder}"), ("when", "after"), ("do", "SIGKILL"))
            part = random_.choice(CHECKPOINT_FILES[:3])
            fault = file_fault(random_, "write", (f"{folder}*{part}", "step"), "FLIP", bytes="half")
            case.faults = [LibraryFault(fault.keys, Expected((3,), (line_with(re.escape(part), "isn't what was written"),))),
                           LibraryFault(killed, expected_signal("SIGKILL", None, way, case.ranks))]
        else:
            fault = file_fault(random_, "write", ("tokens.h5", "tokens.h5"), "FLIP", bytes="half", nth=random_.randrange(1, 12))
            case.faults = [LibraryFault(fault.keys, Expected((2, 3), (line_with(r"tokens\.h5", NOTICED),), quiet_codes=(0,)))]
            case.remove_after = "run/tokens.h5"
    elif kind == "damage":
        damage_case(random_, case)
    elif kind == "labels":
        case.start = random_.choice(("training", "finished"))
        expected = Expected((), (r"graded\.jsonl changed",), must_survive=True)
        case.damage = Damage("run/graded.jsonl", "label", random_.random(), 0, "turn back", expected, loses=True)
    elif kind == "renamed":
        case.start = "finished"
        case.damage = Damage("run", "rename", 0, 0, "rename back", Expected((), (r"run  evaluate: skipped",), must_survive=True), loses=False)
    else:
        place = random_.choice(("", "run/answers.jsonl.partial/group_000000.jsonl", "run/tokens.h5", "run/checkpoints/step_000002"))
        case.link = f"{kind.partition('-')[2]} at {random_.uniform(0.2, 0.9):.2f} {place}"
    return case
