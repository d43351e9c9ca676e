#include "trainer/training/validator.h"

#include <stdexcept>

#include "data_pipeline/tokens/sampler.h"
#include "trainer/evaluation/scoring.h"

namespace candor::trainer {
namespace {

bool is_tokenized_brier_alone(const std::vector<ObjectiveStage>& stages) {
  return stages.size() == 1 && stages[0].loss == Loss::kTokenizedBrier;
}

}  // namespace

Validator::Validator(const TrainContext& context)
    : context_(context),
      examples_(data::examples_of_split(context.data, "validation", /*graded_only=*/true)) {
  const int64_t limit = context.options.settings.validation.examples;
  if (limit > 0 && static_cast<int64_t>(examples_.size()) > limit)
    examples_.resize(static_cast<size_t>(limit));
  if (examples_.empty())
    throw std::invalid_argument(
        "train: the validation split has no graded example to choose the best checkpoint on; check "
        "data.questions, data.max_validation and the "
        "grader");
}

ValidationFigures Validator::validate(const LoraAdapter& adapter, const FrozenTrunk* trunk,
                                      double fraction_done) {
  const TrainOptions& options = context_.options;
  last_ =
      validation_figures(score_examples(context_.model, &adapter, context_.data, examples_,
                                        {.batch_examples = options.validation_batch_examples,
                                         .share_prefix = options.settings.computing.share_prefix,
                                         .trunk = trunk},
                                        context_.group)
                             .examples);
  if (const auto warning =
          collapse_message(last_, fraction_done, is_tokenized_brier_alone(options.objective)))
    context_.say("WARNING: " + *warning);
  return last_;
}

}  // namespace candor::trainer
