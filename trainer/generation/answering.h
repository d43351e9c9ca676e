// Lets the base model answer questions, all ranks together, resumably: the answers are the same
// bytes for any number of ranks and after any kill.
//
// The questions are cut, in order, into fixed groups, which are the pieces of a journal
// (trainer/hosts/work_journal.h); a rank answers whole groups.
// Collective: every rank calls with the same arguments.
// Throws std::invalid_argument for a prompt that doesn't fit, std::system_error for the disk,
// CommError.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "data_pipeline/prompt/prompt.h"
#include "data_pipeline/questions/question.h"
#include "data_pipeline/tokenizer/tokenizer.h"
#include "trainer/generation/answer_settings.h"
#include "trainer/hosts/host_files.h"
#include "trainer/model/llama.h"

namespace candor::trainer {

struct AnsweringOptions : AnswerSettings {
  std::string model_identity{};
  std::string identity{};  // of all that answers may depend on beside the questions and the model:
                           // its dtype and further files, prompt, lengths
  std::string answers_path{};
  // On rank 0, as of data::AtomicFile::commit().
  std::function<void(const std::string& temporary)> before_rename{};
  std::string journal_folder{};
  HostFiles* hosts = nullptr;  // null: all ranks see rank 0's files
  std::function<void(int64_t done, int64_t total)> on_progress{};  // groups of this rank
  std::function<void(const std::string&)> on_message{};            // rank 0
};

void answer_questions(const LlamaModel& model, const data::Tokenizer& tokenizer,
                      const data::PromptBuilder& prompt,
                      const std::vector<data::Question>& questions, const AnsweringOptions& options,
                      comm::ProcessGroup& group);

}  // namespace candor::trainer
