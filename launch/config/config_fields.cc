#include "launch/config/config_fields.h"

#include <fmt/format.h>

#include "data_pipeline/questions/grading.h"
#include "trainer/model/linear_module.h"
#include "trainer/objectives/loss_table.h"
#include "trainer/training/schedules.h"

namespace candor::launch {
namespace {

constexpr int64_t kMany = 1'000'000'000;

template <typename T>
class RecordListOf final : public RecordList {
 public:
  explicit RecordListOf(std::vector<T>& records) : records_(records) {}
  std::size_t size() const override { return records_.size(); }
  void clear() override { records_.clear(); }
  void append() override { records_.emplace_back(); }
  void visit(std::size_t index, FieldVisitor& visitor) override {
    visit_fields(records_.at(index), visitor);
  }
  std::any contents() const override { return records_; }
  void set_contents(const std::any& list) override {
    records_ = std::any_cast<std::vector<T>>(list);
  }

 private:
  std::vector<T>& records_;
};

// Choices of an enum that stands in choice_table.h's tables.
template <typename Enum>
class ChoiceOf final : public ChoiceField {
 public:
  explicit ChoiceOf(Enum& value) : value_(value) {}
  std::vector<std::string> names() const override { return trainer::choice_names<Enum>(); }
  std::string name() const override { return trainer::choice_name(value_); }
  void choose(const std::string& name) override {
    value_ = trainer::choice_named<Enum>(name).value();
  }
  std::span<const std::byte> bytes() const override { return std::as_bytes(std::span(&value_, 1)); }

 private:
  Enum& value_;
};

// A loss is a choice among those of loss_table.h.
class LossChoice final : public ChoiceField {
 public:
  explicit LossChoice(trainer::Loss& value) : value_(value) {}
  std::vector<std::string> names() const override { return trainer::loss_names(); }
  std::string name() const override { return trainer::loss_name(value_); }
  void choose(const std::string& name) override { value_ = trainer::loss_from_name(name); }
  std::span<const std::byte> bytes() const override { return std::as_bytes(std::span(&value_, 1)); }

 private:
  trainer::Loss& value_;
};

template <typename Enum>
void visit_choice(FieldVisitor& v, const std::string& name, Enum& value,
                  const std::string& meaning) {
  ChoiceOf<Enum> choice(value);
  v.choice(name, choice, /*required=*/false, meaning);
}

void visit_run(RunSection& run, FieldVisitor& v) {
  v.begin_section("run", "the run as a whole");
  v.text("dir", run.dir, {.required = true, .is_path = true},
         "folder of everything the run writes; made where it doesn't exist");
  v.integer("seed", run.seed, {.min = 0},
            "of the adapter's first values, the order of examples and dropout");
  v.integer(
      "threads_per_rank", run.threads_per_rank, {.min = 0, .max = 4096},
      "part of what fixes the bits of a result. 0 = as when the run began (its config.yaml), else "
      "OMP_NUM_THREADS, else 1; more cores are used by more ranks (mpirun -np N)");
  v.number("timeout_s", run.timeout_s, {.min = 1, .max = 1e6},
           "how long a rank waits for the others, in seconds; then the late ones are named and, "
           "where the others can go on without them, ended");
  v.number("heartbeat_s", run.heartbeat_s, {.max = 1e6},
           "a rank of several that shows no sign of life for so many seconds (it is stopped, or "
           "its host is out of memory) is ended; 0 = never");
  v.end_section();
}

void visit_model(ModelSection& model, FieldVisitor& v) {
  v.begin_section("model", "the base model");
  v.text("path", model.path, {.required = true, .is_path = true},
         "folder in Hugging Face layout (config.json, safetensors, tokenizer.json)");
  v.text("gguf", model.gguf, {.is_path = true},
         "GGUF file to import to path where path has no model; may be a glob pattern that matches "
         "one file");
  visit_choice(
      v, "dtype", model.dtype,
      "of the frozen weights; activations and adapter are fp32 (fp64 with fp64). bf16 halves "
      "the memory and is exact for a model stored in bf16");
  v.text("shared_weights", model.shared_weights, {.is_path = true},
         "folder on a disk of each host; the weights lie there in the layout that is multiplied "
         "with, made on first use, and the ranks of the host and "
         "other runs map one copy instead of holding one each (CPU only); empty = none");
  visit_choice(
      v, "products", model.products,
      "how the CPU multiplies with the frozen weights: bf16 keeps them in bf16, rounds "
      "activations to bf16 for each product and sums in fp32, "
      "several times faster on processors with AMX; auto: bf16 where it is measured to be, as "
      "recorded in the run's config.yaml");
  visit_choice(v, "device", model.device,
               "auto: a GPU where every rank has one of its own, else the CPU");
  v.end_section();
}

void visit_data(DataSection& data, FieldVisitor& v) {
  v.begin_section("data", "questions, and how many of each split are used (0 = all)");
  v.text("questions", data.questions, {.is_path = true}, "questions.jsonl (docs/formats.md)");
  v.integer("max_train", data.max_train, {.max = kMany}, "train questions, the first in the file");
  v.integer("max_validation", data.max_validation, {.max = kMany}, "validation questions");
  v.integer("max_test", data.max_test, {.max = kMany}, "test questions");
  v.end_section();
}

void visit_prompt(data::PromptOptions& prompt, FieldVisitor& v) {
  v.begin_section("prompt", "the same text for answering, training and scoring");
  v.text("system", prompt.system, {}, "system turn; empty = none");
  RecordListOf<data::FewShot> few_shot(prompt.few_shot);
  v.records("few_shot", few_shot, "", "turns that come before the question");
  v.text("question", prompt.question_template, {.must_contain = "{question}"},
         "text of the user's turn");
  v.text("marker", prompt.marker, {.required = true}, "what stands between answer and confidence");
  v.integer("scale", prompt.scale, {.min = 1, .max = 100, .choices = {9, 100}},
            "highest level: 9 where the tokenizer splits digits, 100 where 0..100 are tokens");
  v.text("date", prompt.date, {.is_day = true},
         "day, as 2026-05-01, that a chat template with the day in it is told (docs/serving.md); "
         "empty = today");
  v.end_section();
}

void visit_answer(trainer::AnswerSettings& answer, FieldVisitor& v) {
  v.begin_section("answer",
                  "the base model's answers: of what it writes the first line that has text, and "
                  "nothing behind it");
  v.integer("max_new_tokens", answer.max_new_tokens, {.min = 1, .max = 100'000},
            "tokens at most in an answer, which is cut there");
  v.integer("group_size", answer.group_size, {.min = 1, .max = 100'000},
            "questions that one rank answers, one group after the other; fixed, so that any number "
            "of ranks gives the same answers. Smaller groups "
            "keep more ranks busy, larger ones slots");
  v.integer(
      "slots", answer.slots, {.min = 1, .max = 100'000},
      "questions of a group that are answered at a time; when one ends, the next takes its place");
  v.end_section();
}

void visit_grade(GradeSection& grade, FieldVisitor& v) {
  v.begin_section("grade", "right or wrong");
  v.text("grader", grade.grader, {.choices = data::grader_names()},
         "for every data set without one of its own");
  v.text_map("per_dataset", grade.per_dataset, {.choices = data::grader_names()},
             "grader of single data sets, by name");
  v.end_section();
}

void visit_prepare(PrepareSection& prepare, FieldVisitor& v) {
  v.begin_section("prepare", "tokens");
  v.integer("max_tokens", prepare.max_tokens, {.min = 8, .max = 10'000'000},
            "an example longer than this is an error");
  v.flag("leave_out_too_long", prepare.leave_out_too_long,
         "leave such examples out instead, and say how many; questions that are too long without "
         "an answer aren't answered");
  v.end_section();
}

void visit_lora(trainer::LoraOptions& lora, FieldVisitor& v) {
  v.begin_section("lora", "the adapter");
  v.integer("rank", lora.rank, {.min = 1, .max = 4096}, "r");
  v.number("alpha", lora.alpha, {.min_allowed = false}, "scale alpha / r");
  v.number("dropout", lora.dropout, {.max = 1, .max_allowed = false}, "of the adapter's input");
  v.flag("rslora", lora.rslora, "scale alpha / sqrt(r) instead");
  v.texts("modules", lora.modules, {.required = true, .choices = trainer::linear_module_names()},
          "linear layers that are adapted");
  v.layers("layers", lora.layers,
           "decoder layers that are adapted, counted from 0: all, or first-last");
  visit_choice(
      v, "active_from", lora.active_from,
      "where in a sequence the adapter begins to act; confidence_marker is aLoRA: prompt and "
      "answer stay the base model's and are computed once "
      "per data set, so that a step costs a few tokens an example (not the paper's model)");
  v.end_section();
}

void visit_objective(RunConfig& config, FieldVisitor& v) {
  RecordListOf<trainer::ObjectiveStage> objective(config.objective);
  v.records(
      "objective", objective, "loss",
      "the losses, one after the other over the run; a name alone is one loss for the whole run");
  v.number("objective_lm_weight", config.objective_lm_weight, {.max = 1e6},
           "weight of the cross-entropy on the response's own tokens; 0 = none");
  v.texts("compare_objectives", config.compare_objectives, {.choices = trainer::loss_names()},
          "losses with each of which, alone, candor run trains one adapter more on the same data, "
          "as rows of the report");
  v.flag("compare_alora", config.compare_alora,
         "candor run also trains the same adapter with lora.active_from confidence_marker, as a "
         "row of the report");
}

void visit_batches(trainer::BatchOptions& train, FieldVisitor& v) {
  v.integer("max_steps", train.max_steps, {.max = kMany}, "steps of the run; 0 = by epochs");
  v.integer("epochs", train.epochs, {.max = 1'000'000},
            "passes over the train split; 0 = by max_steps; neither given = 2");
  v.integer("global_batch_examples", train.global_batch_examples, {.min = 1, .max = kMany},
            "examples of a step, over all ranks");
  v.integer("micro_batch_examples", train.micro_batch_examples, {.min = 1, .max = kMany},
            "examples computed at a time; fixed, whatever the number of ranks");
}

void visit_update(trainer::UpdateOptions& update, FieldVisitor& v) {
  v.number("learning_rate", update.learning_rate.peak, {.max = 10, .min_allowed = false},
           "highest rate");
  v.text("schedule", update.learning_rate.schedule, {.choices = trainer::schedule_names()},
         "of the rate after warm-up");
  v.integer("warmup_steps", update.learning_rate.warmup_steps, {.max = kMany},
            "steps of a linear rise to the highest rate");
  v.number("step_gamma", update.learning_rate.step_gamma, {.max = 1, .min_allowed = false},
           "schedule step: factor at each epoch's end");
  v.number("weight_decay", update.adamw.weight_decay, {.max = 10}, "AdamW");
  v.number("beta1", update.adamw.beta1, {.max = 1, .max_allowed = false}, "AdamW");
  v.number("beta2", update.adamw.beta2, {.max = 1, .max_allowed = false}, "AdamW");
  v.number("epsilon", update.adamw.epsilon, {.max = 1, .min_allowed = false}, "AdamW");
  v.number("clip_norm", update.clip_norm, {}, "largest L2 norm of a step's gradient; 0 = no limit");
}

void visit_checks(trainer::TrainSettings& train, FieldVisitor& v) {
  v.integer("checkpoint_every", train.checkpoints.every, {.min = 1, .max = kMany},
            "steps between checkpoints; the last step always has one");
  v.integer("keep_checkpoints", train.checkpoints.keep, {.min = 1, .max = kMany},
            "newest checkpoints kept, beside the best");
  v.integer("validate_every", train.validation.every, {.min = 1, .max = kMany},
            "steps between validations");
  v.integer("validation_examples", train.validation.examples, {.max = kMany},
            "validation examples used while training; 0 = all");
  v.integer("drop_never_right", train.drop_never_right, {.max = kMany},
            "leave out train examples whose response was given this often and never right "
            "(docs/data.md); 0 = none");
}

void visit_computing(RunConfig& config, FieldVisitor& v) {
  trainer::TrainSettings& train = config.train;
  v.flag("share_prefix", train.computing.share_prefix,
         "compute the prompt that a micro-batch's examples share once");
  v.flag("frozen_trunk", train.computing.frozen_trunk,
         "compute the layers below the lowest of lora.layers once per data set and keep what they "
         "give, instead of in every step");
  v.text("trunk_dir", config.trunk_dir, {.is_path = true},
         "folder where what the frozen layers give of all train and validation examples is kept "
         "for every run with the same model, tokens and lowest "
         "layer; without it each run.dir keeps its own");
  visit_choice(
      v, "on_non_finite", train.update.on_non_finite,
      "a step whose loss or gradient holds a NaN or an infinity: end the run, or go on without "
      "it (at most 10 such steps in a row)");
  v.integer("verify_every", train.computing.verify_every, {.max = kMany},
            "steps between checks that all ranks hold the same base weights, adapter and optimizer "
            "state; 0 = never");
  visit_choice(v, "gradient_sum", train.computing.gradient_sum,
               "reproducible: the same bits on any number of ranks");
}

void visit_train(RunConfig& config, FieldVisitor& v) {
  v.begin_section("train", "optimisation");
  visit_batches(config.train.batches, v);
  visit_update(config.train.update, v);
  visit_checks(config.train, v);
  visit_computing(config, v);
  v.end_section();
}

void visit_evaluate(EvaluateSection& evaluate, FieldVisitor& v) {
  v.begin_section("evaluate", "the report");
  v.integer("batch_examples", evaluate.batch_examples, {.min = 1, .max = kMany},
            "examples scored at a time; fixed, whatever the number of ranks");
  v.integer("bootstrap_samples", evaluate.bootstrap.resamples, {.min = 10, .max = 10'000'000},
            "resamples of the intervals");
  v.flag("baselines", evaluate.baselines,
         "constant, base rates, isotonic and temperature maps beside the result");
  v.flag("probe", evaluate.probe, "logistic probes on the hidden states beside the result");
  v.end_section();
}

}  // namespace

void visit_fields(RunConfig& config, FieldVisitor& v) {
  visit_run(config.run, v);
  visit_model(config.model, v);
  visit_data(config.data, v);
  visit_prompt(config.prompt, v);
  visit_answer(config.answer, v);
  visit_grade(config.grade, v);
  visit_prepare(config.prepare, v);
  visit_lora(config.lora, v);
  visit_objective(config, v);
  visit_train(config, v);
  visit_evaluate(config.evaluate, v);
}

void visit_fields(data::FewShot& turn, FieldVisitor& v) {
  v.text("question", turn.question, {.required = true}, "as in questions.jsonl");
  v.text("answer", turn.answer, {.required = true}, "the assistant's turn, verbatim");
}

void visit_fields(trainer::ObjectiveStage& stage, FieldVisitor& v) {
  LossChoice loss(stage.loss);
  v.choice("loss", loss, /*required=*/true, "of the stage");
  v.number("until", stage.until, {.max = 1, .min_allowed = false},
           "fraction of the run at which the stage ends");
  v.number("ramp_to", stage.ramp_to, {.max = 1},
           "fraction at which it has fully taken over from the stage before; 0 = at once");
}

std::string layer_range_text(const trainer::LayerRange& range) {
  if (range.begin == 0 && range.end == -1) return "all";
  return fmt::format("{}-{}", range.begin, range.end - 1);
}

}  // namespace candor::launch
