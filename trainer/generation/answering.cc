#include "trainer/generation/answering.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/file_error.h"
#include "data_pipeline/files/journal_file.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"
#include "data_pipeline/questions/response.h"
#include "trainer/generation/greedy_generator.h"

namespace candor::trainer {
namespace {

namespace fs = std::filesystem;

std::string group_path(const AnsweringOptions& options, size_t index) {
  return fmt::format("{}/group_{:06}.jsonl", options.journal_folder, index);
}

// Of everything that an answer depends on: a journal with another identity is another run's.
std::string identity_of(const std::vector<data::Question>& questions,
                        const AnsweringOptions& options) {
  std::string text = fmt::format("answers 5\n{}\n{}\n", options.model_identity, options.identity);
  for (const data::Question& question : questions) text += to_json_line(question) + "\n";
  return data::sha256_hex(text);
}

// Keeps a journal that is this run's and clears any other.
void open_journal(const std::string& identity, const AnsweringOptions& options) {
  const std::string path = options.journal_folder + "/identity";
  if (fs::exists(path) && data::read_file(path) == identity) return;
  if (fs::exists(options.journal_folder)) {
    if (options.on_message)
      options.on_message(
          "the unfinished answers are of another model, prompt or question file: starting anew");
    fs::remove_all(options.journal_folder);
  }
  fs::create_directories(options.journal_folder);
  data::write_file_atomically(path, identity);
}

// Stated confidence: what follows the marker, to the line's end.
std::string stated_confidence(std::string_view generated, std::string_view marker) {
  const size_t at = generated.find(marker);
  if (at == std::string_view::npos) return "";
  std::string_view rest = generated.substr(at + marker.size());
  rest = rest.substr(0, rest.find('\n'));
  while (!rest.empty() && rest.back() == ' ') rest.remove_suffix(1);
  return std::string(rest);
}

size_t common_prefix(const std::vector<std::vector<uint32_t>>& prompts) {
  size_t length = prompts[0].size();
  for (const std::vector<uint32_t>& prompt : prompts) {
    length = std::min(length, prompt.size());
    const auto mismatch = std::mismatch(
        prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(length), prompts[0].begin());
    length = static_cast<size_t>(mismatch.first - prompt.begin());
    length = std::min(length, prompt.size() - 1);  // every prompt keeps a token of its own
  }
  return length;
}

}  // namespace

bool answer_is_complete(std::string_view generated, std::string_view marker) {
  const size_t text = generated.find_first_not_of(" \n\t");
  if (text == std::string_view::npos) return false;
  const size_t marker_at = generated.find(marker, text);
  if (marker_at != std::string_view::npos) {
    const std::string_view number = generated.substr(marker_at + marker.size());
    return number.find_first_not_of("0123456789") != std::string_view::npos || number.size() >= 3;
  }
  const size_t line_end = generated.find('\n', text);
  if (line_end == std::string_view::npos) return false;
  // The marker may begin at the line's end, or after it.
  const std::string_view rest = generated.substr(line_end), trimmed = rest.substr(1);
  return !marker.starts_with(rest) && !marker.starts_with(trimmed);
}

void answer_questions(const LlamaModel& model, const data::Tokenizer& tokenizer,
                      const data::PromptBuilder& prompt,
                      const std::vector<data::Question>& questions, const AnsweringOptions& options,
                      comm::ProcessGroup& group) {
  if (questions.empty())
    throw std::invalid_argument(
        "answer: there are no questions; check data.questions and data.max_*");
  const bool keeps_journal = options.hosts == nullptr ? group.rank() == 0 : options.hosts->keeps();
  if (keeps_journal) open_journal(identity_of(questions, options), options);
  group.barrier();

  std::vector<std::vector<uint32_t>> prompts;
  for (const data::Question& question : questions)
    prompts.push_back(tokenizer.encode(prompt.answer_prompt(question.question)));
  const auto prefix = static_cast<std::ptrdiff_t>(common_prefix(prompts));

  const auto group_size = static_cast<size_t>(options.group_size);
  const size_t groups = (questions.size() + group_size - 1) / group_size;
  const auto collect_groups = [&] {
    if (options.hosts == nullptr) return;
    std::vector<std::string> paths;
    for (size_t g = 0; g < groups; ++g) paths.push_back(group_path(options, g));
    options.hosts->collect(
        paths, [](const std::string& path) { return data::read_journal_file(path).has_value(); });
  };
  collect_groups();
  // Rank 0 looks: a file system may show a new file to one rank before another.
  std::string is_missing(groups, '-');
  for (size_t g = 0; g < groups && group.rank() == 0; ++g) {
    if (data::read_journal_file(group_path(options, g))) continue;
    is_missing[g] = '+';
    if (fs::exists(group_path(options, g)) && options.on_message) {
      options.on_message(fmt::format("WARNING: {} is damaged: its questions are answered again",
                                     group_path(options, g)));
    }
  }
  group.broadcast_bytes(is_missing, 0);
  std::vector<size_t> missing;
  for (size_t g = 0; g < groups; ++g) {
    if (is_missing[g] == '+') missing.push_back(g);
  }
  if (missing.size() < groups && group.rank() == 0 && options.on_message) {
    options.on_message(fmt::format(
        "going on: {} of {} questions are answered",
        std::min((groups - missing.size()) * group_size, questions.size()), questions.size()));
  }

  const GreedyOptions greedy{.max_new_tokens = options.max_new_tokens,
                             .slots = options.slots,
                             .end_tokens = model.config().end_tokens,
                             .is_complete = [&](std::span<const uint32_t> ids) {
                               return answer_is_complete(tokenizer.decode(ids),
                                                         prompt.options().marker);
                             }};
  const auto ranks = static_cast<size_t>(group.world_size()),
             rank = static_cast<size_t>(group.rank());
  const auto mine = static_cast<int64_t>((missing.size() + ranks - 1 - rank) / ranks);
  int64_t done = 0;
  std::optional<GreedyGenerator> generator;
  for (size_t m = rank; m < missing.size(); m += ranks) {
    if (!generator)
      generator.emplace(model,
                        std::vector<uint32_t>(prompts[0].begin(), prompts[0].begin() + prefix));
    const size_t begin = missing[m] * group_size,
                 end = std::min(begin + group_size, questions.size());
    std::vector<std::vector<uint32_t>> suffixes;
    for (size_t q = begin; q < end; ++q)
      suffixes.emplace_back(prompts[q].begin() + prefix, prompts[q].end());
    const std::vector<std::vector<uint32_t>> generated = generator->generate(suffixes, greedy);
    std::string lines;
    for (size_t q = begin; q < end; ++q) {
      const std::string text = tokenizer.decode(generated[q - begin]);
      data::AnsweredQuestion answer{questions[q], data::cut_response(text, prompt.options().marker),
                                    stated_confidence(text, prompt.options().marker),
                                    options.model_identity};
      lines += to_json_line(answer) + "\n";
    }
    data::write_journal_file(group_path(options, missing[m]), lines);
    if (options.on_progress) options.on_progress(++done, mine);
  }
  group.barrier();
  collect_groups();
  if (group.rank() == 0) {
    data::AtomicFile answers(options.answers_path);
    for (size_t g = 0; g < groups; ++g) {
      const std::optional<std::string> lines = data::read_journal_file(group_path(options, g));
      if (!lines)
        throw data::FileError(fmt::format(
            "{} is damaged; give the same command again, it answers those questions again",
            group_path(options, g)));
      answers.write(*lines);
    }
    answers.commit();
    fs::remove_all(options.journal_folder);
  }
  group.barrier();
  if (keeps_journal && group.rank() != 0) fs::remove_all(options.journal_folder);
}

}  // namespace candor::trainer
