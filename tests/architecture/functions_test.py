#!/usr/bin/env python3
"""Holds the size of C++ functions, as lizard measures them: at most 60 lines and 6 parameters.

A longer function says why in a comment directly above it that begins with "Long:", and one with
more parameters in a comment that begins with "Parameters:".

Usage: functions_test.py [SOURCE_DIR]    every violation as path:line; exit code 1 if there is one
       functions_test.py --self-test     functions of known sizes must be judged rightly
"""

import pathlib
import sys

import lizard

FOLDERS = ["trainer", "comm", "data_pipeline", "launch", "tests", "benchmarks"]
SOURCE = {".h", ".cc", ".cu"}
MOST_LINES, MOST_PARAMETERS = 60, 6


def comment_above(lines, start_line):
    """The text of the // comment that ends on the line before start_line (which counts from 1)."""
    comment = []
    for line in reversed(lines[: start_line - 1]):
        text = line.strip()
        if text.startswith("//"):
            comment.insert(0, text.lstrip("/ "))
        elif not text.startswith("template"):
            break
    return comment


def violations_of(name, text):
    lines = text.splitlines()
    for function in lizard.analyze_file.analyze_source_code(name, text).function_list:
        here = f"{name}:{function.start_line}: {function.name}"
        comment = comment_above(lines, function.start_line)
        count = function.end_line - function.start_line + 1
        if count > MOST_LINES and not any(line.startswith("Long: ") for line in comment):
            yield f"{here} has {count} lines, at most {MOST_LINES}"
        count = len(function.parameters)
        if count > MOST_PARAMETERS and not any(line.startswith("Parameters: ") for line in comment):
            yield f"{here} has {count} parameters, at most {MOST_PARAMETERS}: use a struct"


def violations(root):
    paths = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*"))]
    sources = [path for path in paths if path.suffix in SOURCE]
    if not sources:
        return [f"{root}:1: no sources; is this the source folder?"]
    return [
        line
        for path in sources
        for line in violations_of(
            path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        )
    ]


def self_test():
    """What went wrong, as lines."""
    body = "  x();\n" * 59
    seven = "int a, const std::vector<int>& b, int c, int d, int e, std::map<int, int> f, int g"
    cases = {
        f"void f() {{\n{body}}}\n": ["a.cc:1: f has 61 lines"],
        f"namespace n {{\n// Long: a table.\nvoid f() {{\n{body}}}\n}}\n": [],
        f"// A table.\nclass C {{\n  void f() {{\n{body}  }}\n}};\n": ["a.cc:3: C::f has 61 lines"],
        f"// Long: not of f.\n\nvoid f() {{\n{body}}}\n": ["a.cc:3: f has 61 lines"],
        f"int f({seven}) {{ return a; }}\n": ["a.cc:1: f has 7 parameters"],
        f"// Parameters: those of MPI.\nint f({seven}) {{ return a; }}\n": [],
        f"template <class T>\nint C::f({seven}) {{ return a; }}\n": ["a.cc:2: C::f has 7"],
        f"int f({seven[: seven.rindex(',')]}) {{ return a; }}\n": [],
    }
    wrong = []
    for text, expected in cases.items():
        found = list(violations_of("a.cc", text))
        if len(found) != len(expected) or not all(map(str.startswith, found, expected)):
            wrong.append(f"expected {expected}, found {found} in:\n{text[:200]}")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        problems = self_test()
    else:
        problems = violations(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    print("\n".join(problems) or "the functions hold")
    sys.exit(1 if problems else 0)
