// answers.jsonl has the same bytes on any number of ranks and after a kill in the middle.
#include "trainer/generation/answering.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "comm/mpi_session.h"
#include "tests/training/synthetic_data.h"

namespace candor::trainer {
namespace {

using namespace testing_support;

// One token a character, 61 in all, as the tiny model has: a-z, 0-9, space, new line, and some
// marks.
void write_tokenizer(const std::string& path) {
  nlohmann::json vocabulary = nlohmann::json::object();
  int id = 0;
  for (char c = 'a'; c <= 'z'; ++c) vocabulary[std::string(1, c)] = id++;
  for (char c = '0'; c <= '9'; ++c) vocabulary[std::string(1, c)] = id++;
  for (const char* piece : {"Ġ", "Ċ", ":", "?", "C", ".", "A", "B", "D", "E", "F", "G", "H",
                            "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T"}) {
    vocabulary[piece] = id++;
  }
  const nlohmann::json level = {{"type", "ByteLevel"},
                                {"add_prefix_space", false},
                                {"trim_offsets", true},
                                {"use_regex", true}};
  std::ofstream(path) << nlohmann::json{
      {"version", "1.0"},
      {"added_tokens", nlohmann::json::array()},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, level}}}},
      {"post_processor", nullptr},
      {"decoder", level},
      {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", nlohmann::json::array()}}}};
}

class AnsweringTest : public testing::Test {
 protected:
  AnsweringTest() : all_(comm::make_mpi_process_group({.timeout_s = 120})), folder_(*all_) {
    if (all_->rank() == 0) write_tokenizer(folder_.path() + "/tokenizer.json");
    all_->barrier();
    for (int i = 0; i < 23; ++i) {
      questions_.push_back({fmt::format("q{}", i),
                            "d",
                            fmt::format("e{}", i),
                            "train",
                            fmt::format("what is {} of {}?", i * 7,
                                        std::string(static_cast<size_t>(i % 6 + 1), 'x')),
                            {"a"}});
    }
  }

  std::string answer(const std::string& name, comm::ProcessGroup& group,
                     bool keep_journal = false) {
    const data::Tokenizer tokenizer =
        data::Tokenizer::from_file(folder_.path() + "/tokenizer.json");
    const data::ChatTemplate chat("{% for m in messages %}{{ m.content + '\\n' }}{% endfor %}", {});
    const data::PromptBuilder prompt(tokenizer, chat, {.system = "be brief"});
    AnsweringOptions options{{.max_new_tokens = max_new_tokens_, .group_size = 4, .slots = 3}};
    options.model_identity = "tiny";
    options.answers_path = folder_.path() + "/" + name + ".jsonl";
    options.journal_folder = options.answers_path + ".partial";
    if (keep_journal) {  // a kill once this rank's second group is written
      options.on_progress = [](int64_t done, int64_t) {
        if (done == 2) throw std::runtime_error("killed");
      };
    }
    options.on_message = [&](const std::string& message) { messages_ += message + "\n"; };
    answer_questions(model_, tokenizer, prompt, questions_, options, group);
    return file_text(options.answers_path);
  }

  std::unique_ptr<comm::ProcessGroup> all_;
  SharedFolder folder_;
  std::vector<data::Question> questions_;
  std::string messages_;
  int64_t max_new_tokens_ = 9;
  LlamaModel model_{kTinyModel, at::kFloat};
};

TEST_F(AnsweringTest, SameBytesOnAnyNumberOfRanksAndAfterAKill) {
  const std::string together = answer("together", *all_);
  EXPECT_EQ(std::count(together.begin(), together.end(), '\n'), 23);
  if (const auto group = all_->split(all_->rank() == 0 ? 0 : -1, 0)) {
    EXPECT_EQ(answer("alone", *group), together);
    EXPECT_THROW(answer("killed", *group, true), std::runtime_error);
    ASSERT_TRUE(
        std::filesystem::exists(folder_.path() + "/killed.jsonl.partial/group_000001.jsonl"));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/killed.jsonl"));
  }
  all_->barrier();
  messages_.clear();
  EXPECT_EQ(answer("killed", *all_), together);  // goes on with all ranks
  if (all_->rank() == 0) {
    EXPECT_THAT(messages_, testing::HasSubstr("8 of 23"));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/killed.jsonl.partial"));
  }
  all_->barrier();
}

// An answer that is marked goes on where it may be longer, and no other does.
TEST_F(AnsweringTest, AnswersThatAreCutAreMarked) {
  const auto answers = [&](int64_t max_new_tokens) {
    max_new_tokens_ = max_new_tokens;
    answer("cut", *all_);
    const auto read = data::read_answered_questions(folder_.path() + "/cut.jsonl");
    all_->barrier();
    return read;
  };
  const std::vector<data::AnsweredQuestion> few = answers(3), more = answers(40);
  ASSERT_EQ(few.size(), more.size());
  int64_t cut = 0;
  for (size_t q = 0; q < few.size(); ++q) {
    ASSERT_TRUE(few[q].reached_max_new_tokens && more[q].reached_max_new_tokens);
    EXPECT_TRUE(more[q].response.starts_with(few[q].response)) << few[q].response;
    if (few[q].response != more[q].response) {
      EXPECT_TRUE(*few[q].reached_max_new_tokens) << more[q].response;
    }
    cut += *few[q].reached_max_new_tokens ? 1 : 0;
    EXPECT_GE(*few[q].reached_max_new_tokens, *more[q].reached_max_new_tokens);
  }
  EXPECT_GT(cut, 0);
}

TEST_F(AnsweringTest, AJournalOfOtherQuestionsIsDropped) {
  if (const auto group = all_->split(all_->rank() == 0 ? 0 : -1, 0)) {
    EXPECT_THROW(answer("changed", *group, true), std::runtime_error);
    questions_[0].question = "something else?";
    const std::string text = answer("changed", *group);
    EXPECT_THAT(messages_, testing::HasSubstr("starting anew"));
    EXPECT_EQ(text, answer("fresh", *group));
  }
  all_->barrier();
}

}  // namespace
}  // namespace candor::trainer
