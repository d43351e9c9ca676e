// Which of some names somebody meant who typed another one, or a part of it.
#pragma once

#include <string>
#include <vector>

namespace candor::launch {

// Lower case, with _ between words: of "learningRate" and "Learning-Rate" "learning_rate".
std::string snake_case(const std::string& typed);

// The names with the fewest edits from the typed one; none where a third of its letters or more
// would be wrong.
std::vector<std::string> names_spelled_like(const std::string& typed,
                                            const std::vector<std::string>& names);

// The names whose initials are typed ("wd": weight_decay), or that share the most words with it
// ("steps": max_steps and warmup_steps), of which one may be the beginning of the other.
std::vector<std::string> names_with_words_of(const std::string& typed,
                                             const std::vector<std::string>& names);

}  // namespace candor::launch
