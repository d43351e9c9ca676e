"""docs/serving_example.py, as docs/serving.md says to run it, against `candor answer` and `candor score`: the same answers and the same confidences.

Usage: serving_oracle.py CANDOR_PROGRAM MODEL_DIR ADAPTER_DIR SOURCE_DIR WORK_DIR
The adapter is peft_score_oracle's random one: what it says means nothing, but it says it for sure.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import yaml

candor, model_dir, adapter, source, work = sys.argv[1], sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]), pathlib.Path(sys.argv[5])
work.mkdir(parents=True, exist_ok=True)
environment = {**os.environ, "OMP_NUM_THREADS": "2"}
QUESTIONS = ["In which country is the city of Lyon?", "What is the chemical symbol of iron?", "On which continent is Kenya?"]

config = yaml.safe_load((source / "configs/quickstart.yaml").read_text())
config["model"] = {"path": model_dir}
config["run"] = {"dir": str(work / "run"), "threads_per_rank": 2}
config["data"] = {"questions": str(work / "questions.jsonl")}
(work / "serving.yaml").write_text(yaml.safe_dump(config))
(work / "questions.jsonl").write_text("".join(
    json.dumps({"id": f"q{n}", "dataset": "d", "split": "test", "question": question, "answers": ["-"]}) + "\n" for n, question in enumerate(QUESTIONS)))
for leftover in [work / "run/answers.jsonl", work / "scored.jsonl"]:
    leftover.unlink(missing_ok=True)
subprocess.run([candor, "answer", str(work / "serving.yaml")], check=True, env=environment, stderr=subprocess.PIPE)
subprocess.run([candor, "score", str(work / "serving.yaml"), "--input", str(work / "run/answers.jsonl"), "--output", str(work / "scored.jsonl"), "--adapter",
                adapter], check=True, env=environment, stderr=subprocess.PIPE)
answers = [json.loads(line)["response"] for line in (work / "run/answers.jsonl").read_text().splitlines()]
scored = [json.loads(line) for line in (work / "scored.jsonl").read_text().splitlines()]
assert len(answers) == len(scored) == len(QUESTIONS)

for question, answer, mine in zip(QUESTIONS, answers, scored):
    served = subprocess.run([sys.executable, str(source / "docs/serving_example.py"), model_dir, adapter, str(work / "run/config.yaml"), question], check=True,
                            capture_output=True, text=True, env=environment).stdout
    print(f"{question}\n{served.strip()}")
    said_answer, line = served.strip().rsplit("\n", 1)
    assert said_answer == answer, f"served {said_answer!r}, candor answered {answer!r}"
    said, expectation = re.fullmatch(r"Confidence: (.*) of 9, expectation (.*)", line).groups()
    assert said == str(mine["argmax_level"]) if mine["argmax_level"] >= 0 else not said.isdigit(), f"served {line!r}, candor says level {mine['argmax_level']}"
    expected = sum(p * level / 9 for level, p in enumerate(mine["q"]))
    assert abs(float(expectation) - expected) < 0.0051, f"served expectation {expectation}, candor's is {expected}"
print("served and scored agree")
