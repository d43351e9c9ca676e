// What a config says of answering (answering.h), apart from it because a config is read without a
// model.
#pragma once

#include <cstdint>

namespace candor::trainer {

struct AnswerSettings {
  int64_t max_new_tokens = 32;
  int64_t group_size = 64;
  int64_t slots = 32;  // sequences of a group that run at a time
  bool operator==(const AnswerSettings&) const = default;
};

}  // namespace candor::trainer
