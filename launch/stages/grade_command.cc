#include "launch/stages/grade_command.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/questions/grading.h"
#include "data_pipeline/questions/question.h"
#include "data_pipeline/questions/stated_confidence.h"
#include "launch/config/run_paths.h"

namespace candor::launch {
namespace {

// One grader per data set, made once.
class GraderSet {
 public:
  explicit GraderSet(const GradeSection& section) : standard_(data::make_grader(section.grader)) {
    for (const auto& [dataset, name] : section.per_dataset)
      of_dataset_[dataset] = data::make_grader(name);
  }
  const data::Grader& of(const std::string& dataset) const {
    const auto found = of_dataset_.find(dataset);
    return found == of_dataset_.end() ? *standard_ : *found->second;
  }

 private:
  std::unique_ptr<data::Grader> standard_;
  std::map<std::string, std::unique_ptr<data::Grader>> of_dataset_;
};

struct Tally {
  int64_t answers = 0, graded = 0;
  double correct = 0;
};

void grade_file(const RunConfig& config, const RunContext& context) {
  const RunPaths paths(config.run.dir);
  std::vector<data::AnsweredQuestion> answers = data::read_answered_questions(paths.answers());
  if (answers.empty())
    throw std::invalid_argument(
        fmt::format("{}: no answers to grade; `candor answer` writes them", paths.answers()));
  const GraderSet graders(config.grade);
  data::AtomicFile file(paths.graded());
  std::map<std::string, Tally> tallies;
  for (data::AnsweredQuestion& answer : answers) {
    data::cut_stated_confidence(answer, config.prompt.marker);
    data::GradedQuestion graded{answer, graders.of(answer.dataset).grade(answer)};
    Tally& tally = tallies[answer.dataset];
    ++tally.answers;
    if (graded.correct) {
      ++tally.graded;
      tally.correct += *graded.correct;
    }
    file.write(data::to_json_line(graded) + "\n");
  }
  file.commit(context.claim_of(paths.graded()));
  for (const auto& [dataset, tally] : tallies) {
    fmt::print(stderr, "grade  {}: {} answers, {} graded, {:.3f} correct\n", dataset, tally.answers,
               tally.graded,
               tally.graded == 0 ? 0.0 : tally.correct / static_cast<double>(tally.graded));
  }
  for (const auto& [dataset, name] : config.grade.per_dataset) {
    if (tallies.count(dataset) == 0)
      fmt::print(stderr, "grade  warning: grade.per_dataset names {}, which {} doesn't have\n",
                 dataset, paths.answers());
  }
}

}  // namespace

int grade_command(const RunConfig& config, RunContext& context) {
  if (context.group.rank() == 0) grade_file(config, context);
  context.group.barrier();
  return 0;
}

}  // namespace candor::launch
