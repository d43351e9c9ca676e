#!/usr/bin/env python3
"""Holds the structure: layers, where outside libraries may appear, file sizes, no test file left out of the build.

Usage: architecture_test.py [SOURCE_DIR]      architecture_test.py --self-test
"""
import pathlib
import re
import sys
import tempfile

LAYERS = {"comm": set(), "data_pipeline": set(), "trainer": {"comm", "data_pipeline"}, "launch": {"trainer", "comm", "data_pipeline"}}
# Header pattern -> folders that may include it.
CONFINED = [
    (r"(mpi\.h|nccl\.h)$", ("comm",)),
    (r"(cuda|cuda_runtime|cuda_runtime_api)\.h$|c10/cuda/", ("comm", "trainer/kernels")),
    (r"hdf5\.h$", ("data_pipeline",)),
    (r"(yaml-cpp/|CLI/)", ("launch",)),
    (r"^(ATen|c10|torch)/", ("comm", "trainer", "launch")),
    (r"^torch/torch\.h$", ()),
]
MOST_LINES, MOST_LINES_OF_MAIN = 400, 150
NOT_A_CONCEPT = re.compile(r"^(utils?|common|misc|helpers?)(_|\.|$)")
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')


def sources(root, folder):
    return sorted(p for p in (root / folder).rglob("*") if p.suffix in (".h", ".cc", ".cu"))


def find_cycle(edges):
    """A list of folders that include one another in a ring, or None."""
    state = {}

    def visit(node, path):
        state[node] = 1
        for other in sorted(edges.get(node, ())):
            if state.get(other) == 1:
                return path[path.index(other):] + [other] if other in path else [node, other]
            if other not in state:
                ring = visit(other, path + [other])
                if ring:
                    return ring
        state[node] = 2
        return None

    for start in sorted(edges):
        if start not in state:
            ring = visit(start, [start])
            if ring:
                return ring
    return None


def violations(root):
    found, edges = [], {}
    for layer, allowed in LAYERS.items():
        for path in sources(root, layer):
            name = path.relative_to(root).as_posix()
            lines = path.read_text(encoding="utf-8").splitlines()
            most = MOST_LINES_OF_MAIN if path.name == "main.cc" else MOST_LINES
            if len(lines) > most:
                found.append(f"{name}: {len(lines)} lines, at most {most}")
            if NOT_A_CONCEPT.match(path.name):
                found.append(f"{name}: the name says no concept")
            for number, line in enumerate(lines, 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                header = match.group(1)
                other = header.split("/")[0]
                if other in LAYERS and other != layer and other not in allowed:
                    found.append(f"{name}:{number}: {layer} may not include {header}")
                if other == "tests" or other == "benchmarks":
                    found.append(f"{name}:{number}: nothing includes {other}")
                folder, target = pathlib.PurePosixPath(name).parent.as_posix(), pathlib.PurePosixPath(header).parent.as_posix()
                if other in LAYERS and folder != target:
                    edges.setdefault(folder, set()).add(target)
                for pattern, places in CONFINED:
                    if re.search(pattern, header) and not any(name.startswith(place + "/") for place in places):
                        found.append(f"{name}:{number}: {header} belongs only to {', '.join(places) or 'no file (include what is used)'}")
    # A folder and its own backends depend on one another by design: the interface's file chooses the backend.
    edges = {a: {b for b in targets if not (a.startswith(b) or b.startswith(a))} for a, targets in edges.items()}
    ring = find_cycle(edges)
    if ring:
        found.append("folders include one another in a ring: " + " -> ".join(ring))

    registered = (root / "tests/CMakeLists.txt").read_text(encoding="utf-8")
    for path in sorted((root / "tests").rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.name.endswith("_test.cc"):
            folder = path.parent.relative_to(root / "tests").as_posix()
            own = path.parent / "CMakeLists.txt"
            if f"candor_tests({folder} " not in registered and not (own.exists() and path.stem in own.read_text(encoding="utf-8")):
                found.append(f"{name}: not in the build")
        elif path.name.endswith(("_test.py", "_oracle.py")):
            texts = [c.read_text(encoding="utf-8") for c in (root / "tests").rglob("CMakeLists.txt")]
            if not any(path.name in text for text in texts):
                found.append(f"{name}: no CMakeLists.txt runs it")
    return found


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {
            "comm/a.h": '#include "trainer/model/x.h"\n#include <mpi.h>\n',
            "data_pipeline/b.cc": "#include <ATen/ATen.h>\n#include <torch/torch.h>\n#include <nccl.h>\n",
            "trainer/one/c.h": '#include "trainer/two/d.h"\n#include <hdf5.h>\n',
            "trainer/two/d.h": '#include "trainer/one/c.h"\n',
            "launch/utils.h": "#include <yaml-cpp/yaml.h>\n",
            "launch/long.cc": "\n" * 401,
            "tests/CMakeLists.txt": "candor_tests(known lib)\n",
            "tests/known/good_test.cc": "", "tests/unknown/lost_test.cc": "", "tests/unknown/lost_oracle.py": "",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        found = "\n".join(violations(root))
        for part in ("comm/a.h:1: comm may not", "data_pipeline/b.cc:1", "data_pipeline/b.cc:2: torch/torch.h", "data_pipeline/b.cc:3: nccl.h",
                     "trainer/one/c.h:2: hdf5.h", "ring: trainer/", "launch/utils.h: the name", "launch/long.cc: 401", "lost_test.cc: not", "lost_oracle.py: no"):
            assert part in found, f"expected a violation with {part!r}, found:\n{found}"
        for part in ("good_test", "mpi.h", "yaml-cpp"):
            assert part not in found, f"unexpected violation with {part!r}:\n{found}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        sys.exit(0)
    problems = violations(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    print("\n".join(problems) or "the structure holds")
    sys.exit(1 if problems else 0)
