"""launch/k8s/Dockerfile, as far as it can be judged without docker: hadolint finds nothing, what it copies and calls is there, and what its
.dockerignore leaves out isn't needed. It isn't built here.

Usage: dockerfile_test.py SOURCE_DIR
"""
import fnmatch
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from dockerfile_parse import DockerfileParser

ROOT = pathlib.Path(sys.argv[1]).resolve()
FILE = ROOT / "launch" / "k8s" / "Dockerfile"
HADOLINT = pathlib.Path(sys.executable).parent / "hadolint"
INSTRUCTIONS = {"ARG", "FROM", "SHELL", "WORKDIR", "COPY", "RUN", "USER", "CMD", "ENV", "COMMENT"}


def problems(text):
    """What is wrong with a Dockerfile of this text, beside what hadolint finds."""
    with tempfile.TemporaryDirectory() as folder:
        parsed = DockerfileParser(path=folder)
        parsed.content = text
        steps = [(step["instruction"].upper(), step["value"]) for step in parsed.structure]
    stages, found, user = [], [], "root"
    for instruction, value in steps:
        if instruction not in INSTRUCTIONS:
            found.append(f"{instruction}: not an instruction that is used here")
        if instruction == "FROM":
            stages.append(value.split()[-1])
            user = "root"
        elif instruction == "USER":
            user = value
        elif instruction == "COPY":
            options, *sources, _ = value.split() if value.startswith("--") else ["", *value.split()]
            if options.startswith("--from=") and options[7:] not in stages[:-1]:
                found.append(f"COPY {value}: no stage {options[7:]}")
            if not options:
                found += [f"COPY {source}: isn't there" for source in sources if not (ROOT / source).exists()]
        elif instruction == "RUN":
            for script in re.findall(r"(?:/opt/candor/)?(launch/\S+)", value):
                file = ROOT / script
                if not file.is_file() or (file.suffix == ".sh" and not os.access(file, os.X_OK)):
                    found.append(f"RUN {script}: isn't there, or can't be executed")
    if user.split(":")[0] in ("root", "0"):
        found.append("the last stage runs as root")
    if len(stages) < 2:
        found.append("one stage only: the image would hold the compiler")
    return found


def lint(text):
    return subprocess.run([HADOLINT, "--no-color", "-"], input=text, capture_output=True, text=True, timeout=60).stdout


class Dockerfile(unittest.TestCase):
    def test_hadolint_and_paths(self):
        self.assertEqual(lint(FILE.read_text()), "")
        self.assertEqual(problems(FILE.read_text()), [])

    def test_what_is_left_out_of_the_image_isnt_tracked(self):
        ignored = [line for line in (FILE.parent / "Dockerfile.dockerignore").read_text().splitlines() if line and not line.startswith("#")]
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False).stdout.splitlines()
        self.assertIn(".git", ignored)
        self.assertEqual([name for name in tracked if any(fnmatch.fnmatch(name.split("/")[0], pattern) for pattern in ignored)], [])

    def test_wrong_ones_are_found(self):
        right = FILE.read_text()
        for change, what in [(("COPY launch/setup launch/setup", "COPY launch/gone launch/setup"), "COPY launch/gone"), (("--from=build", "--from=built"), "no stage"),
                             (("launch/setup/install.sh", "launch/setup/instal.sh"), "RUN launch/setup/instal.sh"), (("USER 10001:10001", "USER root"), "as root"),
                             (("ssh_config /etc", "ssh_confg /etc"), "RUN launch/k8s/ssh_confg"), (("WORKDIR /data", "WORKDR /data"), "WORKDR")]:
            with self.subTest(what):
                self.assertIn(change[0], right)
                self.assertTrue(any(what in line for line in problems(right.replace(*change))), problems(right.replace(*change)))
        self.assertNotEqual(lint(right.replace("WORKDIR /data", "WORKDR /data")), "")
        self.assertIn("DL3020", lint(right.replace("COPY . .", "ADD . .")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
