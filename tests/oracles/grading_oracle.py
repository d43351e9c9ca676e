"""Compares the graders with published evaluations, on published data: a second opinion, by hand.

usage: grading_oracle.py GRADING_DUMP [DATA] [--show N]

Without DATA it only checks its own definitions, and that they and the graders agree on plain
answers.

DATA has answers_8b_triviaqa.jsonl and answers_8b_gsm8k.jsonl (question, response, answers),
gsm8k_train.jsonl, hotpot_dev_v1_simplified.json and strategyqa_task.jsonl (BIG-bench). It prints
each difference's kind and count; docs/data.md explains them. Exact match is as the papers define
it, in lower case and without articles and spare white space: TriviaQA (arXiv 1705.03551) puts a
space for punctuation, HotpotQA (arXiv 1809.09600) nothing. GSM8K (arXiv 2110.14168) compares the
number after ####, without commas.
"""
import argparse
import collections
import itertools
import json
import pathlib
import re
import string
import subprocess
import unicodedata

Case = collections.namedtuple("Case", "source grader answers response published")


def without_articles(text):
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def triviaqa(text):
    punctuation = set(string.punctuation + "‘’´`")
    text = text.replace("_", " ").lower()
    return without_articles("".join(" " if c in punctuation else c for c in text))


def hotpotqa(text):
    return without_articles("".join(c for c in text.lower() if c not in string.punctuation))


def final_number(text):
    found = re.findall(r"-?[0-9.,]*[0-9]", text.replace("$", ""))
    return float(found[-1].replace(",", "")) if found and found[-1].count(".") < 2 else None


def json_lines(path):
    # Not splitlines(), which also ends lines at U+2028.
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line.strip()]


def final_answer(response):
    return re.split("final answer:", response, flags=re.I)[-1].strip()


def coarse(text):
    """Equal for all answers that any of the definitions could call equal."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in without_articles(text) if c.isalnum())


def pairs_of_like_answers(answers):
    like = collections.defaultdict(set)
    for answer in answers:
        like[coarse(answer)].add(answer)
    for group in like.values():
        yield from itertools.permutations(sorted(group), 2)


def cases_of(data):
    for record in json_lines(data / "answers_8b_triviaqa.jsonl"):
        response = final_answer(record["response"])
        right = triviaqa(response) in map(triviaqa, record["answers"])
        yield Case("TriviaQA answers", "alias_match", record["answers"], response, right)
    hotpot = json.loads((data / "hotpot_dev_v1_simplified.json").read_text(encoding="utf-8"))
    for accepted, response in pairs_of_like_answers(record["answer"] for record in hotpot):
        right = hotpotqa(accepted) == hotpotqa(response)
        yield Case("HotpotQA pairs", "alias_match", [accepted], response, right)
    for record in hotpot:
        yield Case("HotpotQA themselves", "alias_match", [record["answer"]], record["answer"], True)
        if record["answer"] in ("yes", "no"):
            yield Case("HotpotQA yes or no", "yes_no", ["yes"], record["answer"],
                       record["answer"] == "yes")
    for record in json_lines(data / "gsm8k_train.jsonl"):
        solution, number = record["answer"].split("####")
        yield Case("GSM8K solutions", "numeric", [number.strip()], record["answer"], True)
        last = final_number(re.sub("<<.*?>>", "", solution))
        yield Case("GSM8K solutions without ####", "numeric", [number.strip()],
                   re.sub("<<.*?>>", "", solution), last == final_number(number))
    for record in json_lines(data / "answers_8b_gsm8k.jsonl"):
        response = final_answer(record["response"])
        right = final_number(response) in map(final_number, record["answers"])
        yield Case("GSM8K answers", "numeric", record["answers"], response, right)
    for record in json_lines(data / "strategyqa_task.jsonl"):
        label = max(record["target_scores"], key=record["target_scores"].get)
        yield Case("StrategyQA explanations", "yes_no", [label], record["target"], True)


def kind_of(case):
    """By the first rule that may explain a difference."""
    texts = case.answers + [case.response]
    tail = case.response[-60:]
    rules = [("a quotient or fraction", case.grader == "numeric" and re.search(r"\d ?/ ?\d", tail)),
             ("a date or time", case.grader == "numeric" and re.search(
                 r"\d:\d\d|[ap]\.?m\b|(January|February|March|April|May|June|July|August|September|"
                 r"October|November|December) \d", tail)),
             ("million and the like", case.grader == "numeric" and re.search(
                 r"\d ?(k|m|hundred|thousand|million|billion|dozen)\b", tail, re.I)),
             ("a hyphen before the number", case.grader == "numeric" and re.search(r"-\d", tail)),
             ("a decimal point", case.grader == "alias_match" and re.search(r"\d\.\d", case.response)),
             ("initials", re.search(r"\b\w\.", " ".join(texts))),
             ("signs at a word", any(re.search(r"\w[+#]|[−-]\d", text) for text in texts)),
             ("punctuation between words", any(re.search(r"\w[^\w\s]+\w", text) for text in texts)),
             ("other forms of letters", any(not text.isascii() for text in texts))]
    return next((name for name, holds in rules if holds), "other")


def graded(grading_dump, cases):
    lines = "".join(json.dumps({"grader": case.grader, "answers": case.answers,
                                "response": case.response}) + "\n" for case in cases)
    said = subprocess.run([grading_dump], input=lines, capture_output=True, text=True,
                          check=True).stdout.split()
    assert len(said) == len(cases)
    return said


def self_test(grading_dump):
    assert triviaqa("The U.S._Navy's") == "u s navy s" and hotpotqa("The U.S. Navy's") == "us navys"
    assert final_number("so -$1,250.50.") == -1250.5 and final_number("none") is None
    assert final_answer("It is so.\nFinal answer: Lima ") == "Lima" == final_answer("Lima")
    assert coarse("The C++") == coarse("c #") and coarse("Lima") != coarse("Lime")
    plain = [("alias_match", "The Nile", "nile."), ("alias_match", "Nile", "Niger"),
             ("numeric", "1250", "so it is 1,250."), ("numeric", "1250", "so it is 250.")]
    published = {"alias_match": triviaqa, "numeric": final_number}
    cases = [Case("", grader, [accepted], response,
                  published[grader](accepted) == published[grader](response))
             for grader, accepted, response in plain]
    assert [case.published for case in cases] == [True, False, True, False]
    assert graded(grading_dump, cases) == ["1.0", "0.0", "1.0", "0.0"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("grading_dump")
    parser.add_argument("data", type=pathlib.Path, nargs="?")
    parser.add_argument("--show", type=int, default=3, help="examples of each kind")
    options = parser.parse_args()
    self_test(options.grading_dump)
    if options.data is None:
        return
    cases = list(cases_of(options.data))
    said = graded(options.grading_dump, cases)
    totals, different = collections.Counter(), collections.defaultdict(list)
    for case, grade in zip(cases, said):
        totals[case.source] += 1
        if (grade == "1.0") != case.published:
            side = "published right, grader wrong" if case.published else "published wrong, grader right"
            different[case.source, side, kind_of(case)].append(case)
    for source, total in totals.items():
        print(f"{source}: {total} cases")
        for (of, side, kind), found in sorted(different.items()):
            if of != source:
                continue
            print(f"  {side}: {len(found)} x {kind}")
            for case in found[:options.show]:
                print(f"    {case.answers[:6]} | {case.response[-110:]!r}")


if __name__ == "__main__":
    main()
