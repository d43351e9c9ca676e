"""The README's example and picture, from a finished run of configs/quickstart.yaml.

Usage: docs/readme_example.py RUN_DIR      (runs/quickstart; it needs Python alone)

Prints the README's table: of the first three data sets, the first test question that the model
answered rightly and the first that it answered wrongly, with the levels that it said before and
after training.
Writes docs/reliability.svg, the two reliability diagrams of the run's report beside each other.
"""
import json
import pathlib
import re
import sys

DIAGRAMS = ["Reliability, argmax", "Reliability, expectation"]
TITLES = {"Reliability, argmax": "Confidence as said", "Reliability, expectation": "Confidence as the mean over the levels"}
WIDTH, HEIGHT, GAP = 360, 280, 16


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def diagram(html, name):
    found = re.search(rf'<svg class="plot"[^>]*aria-label="{re.escape(name)}">(.*?)</svg>', html, re.DOTALL)
    if not found:
        sys.exit(f"report.html has no plot called {name!r}")
    return found[1].replace(f">{name}<", f">{TITLES[name]}<")


def picture(html):
    """A file of its own: the report's rules for plots, with its colours on a light page put in."""
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", style.split("@media")[0]))
    resolved = re.sub(r"var\(--([\w-]+)\)", lambda name: colours[name[1]], style)
    rules = re.findall(r"\.plot(?!s)[^{]*\{[^}]*\}", resolved)
    width, card = 2 * WIDTH + GAP, colours["card"]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" role="img">',
             "<title>Reliability before and after training</title>", "<style>", *rules, "</style>"]
    for i, name in enumerate(DIAGRAMS):
        parts += [f'<g class="plot" transform="translate({i * (WIDTH + GAP)} 0)">',
                  f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="{card}"/>', diagram(html, name), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def rows(run):
    graded = {record["id"]: record for record in lines_of(run / "graded.jsonl")}
    before = {record["id"]: record for record in lines_of(run / "scored_before.jsonl")}
    chosen = {}
    for after in lines_of(run / "scored_after.jsonl"):
        chosen.setdefault((after["dataset"], after["target"] == 1), after)
    datasets = list(dict.fromkeys(dataset for dataset, _ in chosen))[:3]
    for (dataset, is_right), after in sorted(chosen.items(), key=lambda item: (item[0][0], not item[0][1])):
        if dataset not in datasets:
            continue
        record = graded[after["id"]]
        said = [one["argmax_level"] if one["argmax_level"] >= 0 else "no number" for one in (before[after["id"]], after)]
        yield f"| {record['question']} | {record['response']} | {'yes' if is_right else 'no'} | {said[0]} | **{said[1]}** |"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run = pathlib.Path(sys.argv[1])
    target = pathlib.Path(__file__).with_name("reliability.svg")
    target.write_text(picture((run / "report.html").read_text(encoding="utf-8")), encoding="utf-8")
    print("| question | answer | right | said before, 0-9 | said after |\n|---|---|---|---|---|")
    print("\n".join(rows(run)))


main()
