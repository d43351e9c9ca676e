#!/usr/bin/env python3
"""Holds the structure: layers, where outside libraries may appear, sizes and names of files, no test left out of the build, no fuzz target
without seeds, no open ends in the text.

Usage: architecture_test.py [SOURCE_DIR]      every violation as path:line: what is wrong; exit code 1 if there is one
       architecture_test.py --self-test       a bad tree must give every kind of violation, a good one none
"""
import pathlib
import re
import sys
import tempfile

LAYERS = {"comm": set(), "data_pipeline": set(), "trainer": {"comm", "data_pipeline"}, "launch": {"trainer", "comm", "data_pipeline"}}
FOLDERS = [*LAYERS, "configs", "tests", "benchmarks"]  # each has a README.md
# Header pattern -> folders that may include it.
CONFINED = [
    (r"(^|/)(mpi|mpi-ext|mpicxx|nccl|nccl_\w+)\.h$", ("comm",)),
    (r"(^|/)(cuda|cublas|cudnn|cusparse|cusolver|curand)\w*\.(h|hpp|cuh)$|^(c10|ATen)/cuda/|^(cub|thrust)/", ("comm", "trainer/kernels")),
    (r"^hdf5\w*\.h$|^H5\w*\.h$", ("data_pipeline",)),
    (r"^(yaml-cpp|CLI)/", ("launch",)),
    (r"^(ATen|c10|torch)/", ("comm", "trainer", "launch")),
    (r"^torch/(torch|all|extension)\.h$", ()),  # 25 s of compile time a file
]
SOURCE = (".h", ".hpp", ".cuh", ".cc", ".cpp", ".cxx", ".cu")
TEXT = SOURCE + (".py", ".sh", ".cmake", ".txt", ".yaml", ".md")
SIZED = SOURCE + (".py", ".sh")
MOST_LINES, MOST_LINES_OF_MAIN, MOST_LINES_OF_README = 400, 150, 30
MOST_COLUMNS = 100  # of C++ and prose
NO_CONCEPT = re.compile(r"(^|_)(utils?|common|misc|helpers?)(_|$)")
OPEN_END = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")  # in two pieces, so that this file holds to the rule
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:["<]([^">]+)([">])|(\w+))')


def texts(root):
    """Path from the root -> lines, of all that is ours and is text. Build and run folders aren't looked into."""
    paths = [p for p in root.iterdir() if p.is_file()]
    for folder in FOLDERS + ["cmake", "docs"]:
        paths += (root / folder).rglob("*")
    return {p.relative_to(root).as_posix(): p.read_text(encoding="utf-8", errors="replace").splitlines()
            for p in sorted(paths) if p.suffix in TEXT and p.is_file() and "__pycache__" not in p.parts}


def folder_of(name):
    return name.rpartition("/")[0]


def in_rings(edges):
    """The edges {(a, b): where} from whose end a path leads back to the start."""
    after = {}
    for a, b in edges:
        after.setdefault(a, set()).add(b)

    def reached(start):
        seen, left = set(), [start]
        while left:
            for node in after.get(left.pop(), ()):
                if node not in seen:
                    seen.add(node)
                    left.append(node)
        return seen

    behind = {node: reached(node) for node in after}
    return [(a, b, where) for (a, b), where in sorted(edges.items()) if a in behind.get(b, ())]


def include_violations(root, files):
    folder_edges, file_edges = {}, {}
    for layer, allowed in LAYERS.items():
        sources = [name for name in files if name.startswith(layer + "/") and name.endswith(SOURCE)]
        if not sources:
            yield f"{layer}:1: no sources; is this the source folder?"
        for name in sources:
            for number, line in enumerate(files[name], 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                here, (header, closing, macro) = f"{name}:{number}", match.groups()
                if macro or ".." in header.split("/"):
                    yield f"{here}: an include is written as a path from the root"
                    continue
                other = header.split("/")[0]
                if other in ("tests", "benchmarks"):
                    yield f"{here}: nothing includes {other}"
                elif other in LAYERS:
                    if other != layer and other not in allowed:
                        yield f"{here}: {layer} may not include {header}"
                        continue
                    if not (root / header).is_file():
                        yield f"{here}: {header} isn't there"
                    file_edges.setdefault((name, header), here)
                    if folder_of(name) != folder_of(header):
                        folder_edges.setdefault((folder_of(name), folder_of(header)), here)
                else:
                    for pattern, places in CONFINED:
                        if re.search(pattern, header) and not name.startswith(tuple(place + "/" for place in places)):
                            yield f"{here}: {header} belongs only to {', '.join(places) or 'no file (include what is used)'}"
                    if closing == '"':
                        yield f'{here}: "{header}" is none of ours: <> for outside headers, paths from the root for our own'
    for a, b, where in in_rings(folder_edges):
        yield f"{where}: ring of folders: {a} includes {b}, which leads back to {a}"
    for a, b, where in in_rings(file_edges):
        if folder_of(a) == folder_of(b):
            yield f"{where}: ring of files: {a} includes {b}, which leads back"


def text_violations(files):
    for folder in FOLDERS:
        if f"{folder}/README.md" not in files:
            yield f"{folder}/README.md:1: every top-level folder says what it is for"
    for name, lines in files.items():
        most = None
        if name.endswith(SIZED):
            is_main = any(re.match(r"\s*int main\(", line) for line in lines)
            most = MOST_LINES_OF_MAIN if is_main else MOST_LINES
        elif name in [folder + "/README.md" for folder in FOLDERS]:
            most = MOST_LINES_OF_README
        if most and len(lines) > most:
            yield f"{name}:{most + 1}: {len(lines)} lines, at most {most}"
        for part in name.split("/"):
            if NO_CONCEPT.search(part.split(".")[0]):
                yield f"{name}:1: the name \"{part}\" says no concept"
        for number, line in enumerate(lines, 1):
            if name.endswith(SOURCE) and len(line) > MOST_COLUMNS:
                yield f"{name}:{number}: {len(line)} columns, at most {MOST_COLUMNS}"
            if match := OPEN_END.search(line):
                yield f"{name}:{number}: {match.group()}: do it, or write an issue"


def prose_violations(files):
    """Paragraphs and lists of the documents; tables, examples and long code spans can't be wrapped."""
    for name, lines in files.items():
        fenced = False
        for number, line in enumerate(lines, 1):
            fenced ^= line.lstrip().startswith("```")
            free = fenced or line.startswith("|") or re.search(r"`[^`]{60,}`", line)
            if name.endswith(".md") and not name.startswith("benchmarks/results/") and not free and len(line) > MOST_COLUMNS:
                yield f"{name}:{number}: {len(line)} columns of prose, at most {MOST_COLUMNS}"


def registration_violations(files):
    tested_folders, cmake, left = set(), "", [""]
    while left:  # the CMakeLists.txt that the root's leads to
        folder = left.pop()
        name = f"{folder}/CMakeLists.txt".lstrip("/")
        text = "\n".join(line.split("#")[0] for line in files.get(name, []))
        cmake += text + "\n"
        inside = lambda sub: folder if sub == "." else f"{folder}/{sub}".lstrip("/")
        tested_folders |= {inside(sub) for sub in re.findall(r"\bcandor_tests\(\s*([\w./]+)", text)}
        left += [inside(sub) for sub in re.findall(r"\badd_subdirectory\(\s*([\w./]+)", text)]
    for name, lines in files.items():
        base = name.rpartition("/")[2]
        if base.endswith("_test.cc"):
            if folder_of(name) not in tested_folders:
                yield f"{name}:1: no candor_tests() of the build covers {folder_of(name)}"
        elif base.endswith(("_test.py", "_oracle.py")):
            if not re.search(r"(?<!\w)" + re.escape(base), cmake):
                yield f"{name}:1: no CMakeLists.txt of the build runs it"
        elif name.endswith(SOURCE):
            for number, line in enumerate(lines, 1):
                if re.match(r"(TYPED_)?TEST(_F|_P|_SUITE)?\(", line):
                    yield f"{name}:{number}: a test in a file that isn't named *_test.cc is never built"
                    break


def fuzz_violations(root, files):
    for name in files:
        if not name.endswith("_fuzz.cc"):
            continue
        target = name.rpartition("/")[2].removesuffix("_fuzz.cc")
        if folder_of(name) != "tests/fuzz":
            yield f"{name}:1: fuzz targets lie in tests/fuzz, where the build and the replay find them"
        elif not any(seed.is_file() for seed in (root / "tests/fuzz/corpus" / target).glob("*")):
            yield f"{name}:1: no seeds in tests/fuzz/corpus/{target}"


def violations(root):
    files = texts(root)
    return [*include_violations(root, files), *text_violations(files), *prose_violations(files), *registration_violations(files), *fuzz_violations(root, files)]


GOOD = {
    "CMakeLists.txt": "add_subdirectory(tests)\n",
    "comm/a.h": "#include <mpi.h>\n#include <ATen/core/Tensor.h>\n", "comm/backend/a.cc": '#include "comm/a.h"\n#include <cuda_runtime_api.h>\n',
    "data_pipeline/b.h": "#include <hdf5.h>\n", "trainer/one/c.h": '#include "comm/a.h"\n#include "data_pipeline/b.h"\n',
    "trainer/kernels/k.cu": "#include <cuda.h>\n", "launch/d.cc": '#include <CLI/CLI.hpp>\n#include "trainer/one/c.h"\n' + "\n" * 398,
    "tests/CMakeLists.txt": "candor_tests(known lib)\nadd_subdirectory(deep/own)\nadd_test(NAME x COMMAND run_oracle.py)\n",
    "tests/deep/own/CMakeLists.txt": "candor_tests(. lib)\n",
    "tests/known/good_test.cc": '#include "launch/d.cc"\nTEST(A, B) {}\n', "tests/deep/own/deep_test.cc": "", "tests/known/run_oracle.py": "",
    "tests/fuzz/seeded_fuzz.cc": "", "tests/fuzz/corpus/seeded/one": "x",
    **{folder + "/README.md": "# what it is\n" for folder in FOLDERS},
}
# Name -> text, and the violations that it must give.
BAD = {
    "comm/up.h": ('#include "trainer/one/c.h"\n#include "data_pipeline/b.h"\n', ["comm/up.h:1: comm may not", "comm/up.h:2: comm may not"]),
    "data_pipeline/bad.cc": ('#include <ATen/ATen.h>\n# include <torch/torch.h>\n#include "nccl.h"\n#include "comm/a.h"\n#include <c10/util/Half.h>\n',
                             ["data_pipeline/bad.cc:1: ATen", "data_pipeline/bad.cc:2: torch/torch.h", "data_pipeline/bad.cc:3: nccl.h belongs",
                              'data_pipeline/bad.cc:3: "nccl.h" is none', "data_pipeline/bad.cc:4: data_pipeline may not", "data_pipeline/bad.cc:5: c10"]),
    "trainer/two/d.h": ('#include "trainer/three/e.h"\n', ["trainer/two/d.h:1: ring of folders"]),
    "trainer/three/e.h": ('#include "trainer/four/f.h"\n', ["trainer/three/e.h:1: ring of folders"]),
    "trainer/four/f.h": ('#include <hdf5.h>\n#include "trainer/two/d.h"\n', ["trainer/four/f.h:1: hdf5.h", "trainer/four/f.h:2: ring of folders"]),
    "trainer/five/parent.h": ('#include "trainer/five/inner/child.h"\n', ["trainer/five/parent.h:1: ring of folders"]),
    "trainer/five/inner/child.h": ('#include "trainer/five/parent.h"\n', ["trainer/five/inner/child.h:1: ring of folders"]),
    "trainer/six/g.h": ('#include "trainer/six/h.h"\n', ["trainer/six/g.h:1: ring of files"]),
    "trainer/six/h.h": ('#include "trainer/six/g.h"\n#include "launch/d.cc"\n#include <c10/cuda/CUDAStream.h>\n#include <torch/torch.h>\n',
                        ["trainer/six/h.h:1: ring of files", "trainer/six/h.h:2: trainer may not", "trainer/six/h.h:3: c10/cuda",
                         "trainer/six/h.h:4: torch/torch.h"]),
    "trainer/model/y.cc": ("#include <mpi.h>\n#include <yaml-cpp/yaml.h>\n#include <cuda.h>\n",
                           ["trainer/model/y.cc:1: mpi.h", "trainer/model/y.cc:2: yaml-cpp", "trainer/model/y.cc:3: cuda.h"]),
    "launch/lost.cc": ('#include "comm/gone.h"\n#include "../tests/x.h"\n#include "tests/x.h"\n#include NAME\n',
                       ["launch/lost.cc:1: comm/gone.h isn't", "launch/lost.cc:2: an include", "launch/lost.cc:3: nothing includes tests",
                        "launch/lost.cc:4: an include"]),
    "launch/string_utils.h": ("", ['launch/string_utils.h:1: the name "string_utils.h"']),
    "trainer/common/x.h": ("", ['trainer/common/x.h:1: the name "common"']),
    "launch/long.cc": ("\n" * 401, ["launch/long.cc:401: 401 lines"]),
    "launch/long_main.cc": ("int main() {}\n" + "\n" * 150, ["launch/long_main.cc:151: 151 lines"]),
    "launch/wide.cc": ("// " + "é" * 97 + "\n// " + "e" * 98 + "\n", ["launch/wide.cc:2: 101 columns"]),
    "docs/wide.md": ("| " + "t" * 99 + "\n```\n" + "e" * 101 + "\n```\n" + "w " * 51 + "\n", ["docs/wide.md:5: 102 columns"]),
    "launch/late.cc": ("// TO" + "DO later\n", ["launch/late.cc:1: TO" + "DO"]),
    "launch/README.md": ("\n" * 31, ["launch/README.md:31: 31 lines"]),
    "tests/commented/CMakeLists.txt": ("# candor_tests(.)\n", []),
    "tests/commented/lost_test.cc": ("", ["tests/commented/lost_test.cc:1: no candor_tests()"]),
    "tests/known/inner/deeper_test.cc": ("", ["tests/known/inner/deeper_test.cc:1: no candor_tests()"]),
    "tests/known/rerun_oracle.py": ("", ["tests/known/rerun_oracle.py:1: no CMakeLists.txt"]),
    "tests/known/odd_test.py": ("", ["tests/known/odd_test.py:1: no CMakeLists.txt"]),
    "tests/fuzz/seedless_fuzz.cc": ("", ["tests/fuzz/seedless_fuzz.cc:1: no seeds"]),
    "tests/known/astray_fuzz.cc": ("", ["tests/known/astray_fuzz.cc:1: fuzz targets lie"]),
    "tests/known/misnamed.cc": ("TEST_F(A, B) {}\n", ["tests/known/misnamed.cc:1: a test in a file"]),
}


def found_in(tree):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in tree.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return violations(root)


def self_test():
    """What went wrong, as lines."""
    wrong = [f"unexpected in the good tree: {line}" for line in found_in(GOOD)]
    found = found_in({**GOOD, **{name: text for name, (text, _) in BAD.items()}})
    expected = [start for _, starts in BAD.values() for start in starts]
    wrong += [f"not found in the bad tree: {start}" for start in expected if not any(line.startswith(start) for line in found)]
    wrong += [f"unexpected in the bad tree: {line}" for line in found if not line.startswith(tuple(expected))]
    if not any("no sources" in line for line in found_in({})):
        wrong.append("an empty folder passes")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        problems = self_test()
    else:
        problems = violations(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    print("\n".join(problems) or "the structure holds")
    sys.exit(1 if problems else 0)
