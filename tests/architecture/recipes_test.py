"""The recipes of CONTRIBUTING.md, walked: each edit that a newcomer is told to make is made in a
copy of the sources, and the program that comes of it knows the new thing.

usage: recipes_test.py SOURCES [--whole] [--self-test]

Without --whole it walks what needs no libtorch (a loss, a schedule, a grader and a config key) and
builds that part alone. --whole walks a metric and a command too and builds candor, which takes
minutes. Both fail where a recipe names a file that doesn't exist, or where a walk needs more edits
than EDITS says.
"""
import itertools
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# Most edits that each recipe may need beside its new files: a line, or a function, in one place.
EDITS = {"loss": 3, "schedule": 1, "grader": 2, "config key": 3, "metric": 2, "command": 2}


def recipes_of(text):
    return text.split("## Recipes", 1)[1].split("\n## ", 1)[0]


def expanded(path):
    """a.{h,cc} as a.h and a.cc."""
    parts = [part.split(",") for part in re.split(r"[{}]", path)]
    return ["".join(choice) for choice in itertools.product(*parts)]


def missing_paths(recipes, files):
    """The files and folders in backticks that aren't there, at the root or in any folder."""
    known = set(files) | {str(parent) for file in files for parent in pathlib.PurePath(file).parents}
    missing = []
    for quoted in re.findall(r"`([^`\s]+)`", recipes):
        is_path = "/" in quoted or re.search(r"\.(h|cc|md|py)$|\}$", quoted)
        if not is_path or "NAME" in quoted:
            continue
        for path in expanded(quoted.rstrip("/")):
            pattern = re.compile("(.*/)?" + re.escape(path).replace(r"\*", "[^/]*"))
            if not any(pattern.fullmatch(one) for one in known):
                missing.append(path)
    return missing


class Walk:
    """One recipe's edits in a copy of the sources."""

    def __init__(self, tree, recipe):
        self.tree, self.recipe, self.edits = tree, recipe, 0

    def new(self, path, text):
        assert not (self.tree / path).exists(), path
        (self.tree / path).write_text(text)

    def insert(self, path, before, text):
        """`text` before the only place of `before`."""
        whole = (self.tree / path).read_text()
        if whole.count(before) != 1:
            sys.exit(f"{self.recipe}: {path} has {before!r} {whole.count(before)} times, expected once")
        (self.tree / path).write_text(whole.replace(before, text + before))
        self.edits += 1


def add_loss(tree):
    walk = Walk(tree, "loss")
    walk.new("trainer/objectives/absolute_error.cc", """#include <cmath>
#include "trainer/objectives/objective.h"
#include "trainer/objectives/softmax.h"
namespace candor::trainer {
// |y - E|, E = sum_i q_i i/N.
double absolute_error(std::span<const double> f_K, double y, std::span<double> gradient_K) {
  const double brier = mean_brier(f_K, y, gradient_K), error = std::sqrt(brier);
  for (double& g : gradient_K) g = error > 0 ? g / (2 * error) : 0;
  return error;
}
}  // namespace candor::trainer
""")
    walk.insert("trainer/objectives/objective.h", "}  // namespace candor::trainer",
                "double absolute_error(std::span<const double> f_K, double y, std::span<double> gradient_K);\n\n")
    walk.insert("trainer/objectives/loss_table.h", "kMeanBrier,", "kAbsoluteError, ")
    walk.insert("trainer/objectives/loss_table.cc", '{Loss::kMeanBrier, "mean_brier"',
                '{Loss::kAbsoluteError, "absolute_error", of_levels<absolute_error>},\n')
    return walk


def add_schedule(tree):
    walk = Walk(tree, "schedule")
    walk.insert("trainer/training/schedules.h", '{"linear",',
                '{"halving", [](double done, int64_t, double) { return done < 0.5 ? 1.0 : 0.5; }},\n    ')
    return walk


def add_grader(tree):
    walk = Walk(tree, "grader")
    walk.insert("data_pipeline/questions/grading.cc", "class YesNo final", """class LongEnough final : public Grader {
 public:
  std::optional<double> grade(const AnsweredQuestion& answer) const override {
    return answer.response.size() > 3 ? 1.0 : 0.0;
  }
};

""")
    walk.insert("data_pipeline/questions/grading.cc", '{"yes_no", made<YesNo>}', '{"long_enough", made<LongEnough>}, ')
    return walk


def add_config_key(tree):
    walk = Walk(tree, "config key")
    walk.insert("trainer/training/train_settings.h", "  double clip_norm = 1;", "  int64_t skip_steps = 3;\n")
    walk.insert("launch/config/config_fields.cc", '  v.number("clip_norm",',
                '  v.integer("skip_steps", update.skip_steps, {.min = 1, .max = 9}, "a walked key");\n')
    walk.insert("launch/stages/stage_list.cc", '"train.clip_norm"', '"train.skip_steps", ')
    return walk


def add_metric(tree):
    walk = Walk(tree, "metric")
    walk.insert("trainer/evaluation/metrics.h", "}  // namespace candor::trainer",
                "double mean_error(const MetricSample& sample);\n\n")
    walk.new("trainer/evaluation/error_metrics.cc", """#include <cmath>
#include "trainer/evaluation/metrics.h"
namespace candor::trainer {
double mean_error(const MetricSample& sample) {
  std::vector<double> errors;
  for (size_t i = 0; i < sample.target.size(); ++i)
    errors.push_back(std::abs(sample.confidence[i] - sample.target[i]));
  return weighted_mean(errors, sample.weight);
}
}  // namespace candor::trainer
""")
    walk.insert("trainer/evaluation/metric_table.cc", '{"accuracy", accuracy}', '{"mean_error", mean_error},\n      ')
    return walk


def add_command(tree):
    walk = Walk(tree, "command")
    walk.new("launch/files/greet_command.h", """#pragma once
#include "launch/context/run_context.h"
namespace candor::launch {
int greet_command(RunContext& context);
}
""")
    walk.new("launch/files/greet_command.cc", """#include "launch/files/greet_command.h"
#include <fmt/format.h>
namespace candor::launch {
int greet_command(RunContext& context) {
  if (context.group.rank() == 0) fmt::print("greetings of {} ranks\\n", context.group.world_size());
  return 0;
}
}  // namespace candor::launch
""")
    table = "launch/program/command_table.cc"
    walk.insert(table, '#include "launch/files/import_command.h"', '#include "launch/files/greet_command.h"\n')
    walk.insert(table, '      {.name = "inspect",',
                '      {.name = "greet", .purpose = "Greet", .without_config = greet_command},\n')
    return walk


# What the built copy has to know.
CONFIG_TEST = """#include <gmock/gmock.h>
#include "data_pipeline/questions/grading.h"
#include "launch/config/run_config.h"
#include "trainer/objectives/loss_table.h"
namespace candor::launch {
TEST(Walked, TheConfigAndTheTablesKnowWhatWasAdded) {
  const std::string help = describe_run_config();
  for (const char* added : {"absolute_error", "halving", "long_enough", "skip_steps"})
    EXPECT_THAT(help, testing::HasSubstr(added));
  const RunConfig config = parse_run_config(
      "run: {dir: r}\\nmodel: {path: m}\\nobjective: [{loss: absolute_error}]\\n"
      "train: {schedule: halving, skip_steps: 7}\\ngrade: {grader: long_enough}\\n", "my.yaml");
  EXPECT_EQ(config.train.update.skip_steps, 7);
  EXPECT_EQ(parse_run_config(to_yaml(config), "again.yaml"), config);
  std::vector<double> gradient_K(2);
  const auto& loss = trainer::entry_of(trainer::loss_from_name("absolute_error"));
  EXPECT_DOUBLE_EQ(loss.of_example(std::vector<double>{0, 0}, 1.0, 0, gradient_K), 0.5);
  data::AnsweredQuestion answer;
  answer.response = "Paris";
  EXPECT_EQ(data::make_grader("long_enough")->grade(answer), 1.0);
}
}  // namespace candor::launch
"""
METRIC_TEST = """#include <gtest/gtest.h>
#include "trainer/evaluation/metric_table.h"
namespace candor::trainer {
TEST(Walked, TheTableKnowsTheMetric) {
  const std::vector<double> confidence = {0.5, 1}, target = {1, 1};
  MetricSample sample;
  sample.confidence = confidence;
  sample.target = target;
  EXPECT_DOUBLE_EQ(metric_entry("mean_error").of(sample), 0.25);
}
}  // namespace candor::trainer
"""


def run(*command):
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout[-6000:]}")
    return result.stdout


def files_of(sources):
    """What git tracks or would; in an unpacked archive, everything but what a build makes."""
    listed = subprocess.run(["git", "-C", sources, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if listed.returncode == 0:
        return [file for file in listed.stdout.splitlines() if (sources / file).is_file()]
    skipped = {"build", ".git", ".deps", "runs", "models"}
    return [str(path.relative_to(sources)) for top in sources.iterdir() if top.name not in skipped
            for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]


def walk_all(sources, whole):
    with tempfile.TemporaryDirectory(prefix="candor_recipes_") as folder:
        tree, build = pathlib.Path(folder) / "candor", pathlib.Path(folder) / "build"
        for file in files_of(sources):
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(sources / file, tree / file)
        adders = [add_loss, add_schedule, add_grader, add_config_key] + ([add_metric, add_command] if whole else [])
        for walk in [add(tree) for add in adders]:
            print(f"{walk.recipe}: {walk.edits} edits beside its new files")
            if walk.edits > EDITS[walk.recipe]:
                sys.exit(f"{walk.recipe}: {walk.edits} edits, at most {EDITS[walk.recipe]}")
        (tree / "tests/config/walked_test.cc").write_text(CONFIG_TEST)
        (tree / "tests/evaluation/walked_metric_test.cc").write_text(METRIC_TEST)
        options = ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0"]
        targets = ["config_tests"]
        if whole:
            (tree / ".deps").symlink_to(sources / ".deps")
            options.append("-DCANDOR_BENCHMARKS=OFF")
            targets += ["candor", "evaluation_tests"]
        else:
            options.append("-DCANDOR_WITHOUT_TORCH=ON")
        run("cmake", "-S", tree, "-B", build, "-G", "Ninja", *options)
        run("cmake", "--build", build, "--target", *targets)
        programs = {path.name: path for path in build.rglob("*_tests") if path.is_file()}
        run(programs["config_tests"], "--of=walked_test")
        if whole:
            run(programs["evaluation_tests"], "--of=walked_metric_test")
            assert "greet" in run(build / "candor", "--help")
            assert run(build / "candor", "greet") == "greetings of 1 ranks\n"


def self_test():
    recipes = recipes_of("x\n## Recipes\n- **A thing**: `a/b.{h,cc}`, `c.py`, `NAME_x.h`, `a`, `word`\n## Next\n`d/e`")
    assert missing_paths(recipes, ["a/b.h", "q/c.py"]) == ["a/b.cc"], missing_paths(recipes, ["a/b.h", "q/c.py"])
    assert missing_paths("`a/*.h`", ["a/b.h"]) == [] and missing_paths("`z/*.h`", ["a/b.h"]) == ["z/*.h"]
    print("the self-test holds")


def main():
    if "--self-test" in sys.argv:
        return self_test()
    sources = pathlib.Path(sys.argv[1]).resolve()
    missing = missing_paths(recipes_of((sources / "CONTRIBUTING.md").read_text()), files_of(sources))
    if missing:
        sys.exit("CONTRIBUTING.md, Recipes: not there: " + ", ".join(missing))
    walk_all(sources, "--whole" in sys.argv)
    print("the recipes hold")


main()
