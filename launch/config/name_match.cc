#include "launch/config/name_match.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "launch/config/nearest_key.h"

namespace candor::launch {
namespace {

std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words;
  std::istringstream in(name);
  for (std::string word; std::getline(in, word, '_');) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

bool one_begins_the_other(const std::string& a, const std::string& b) {
  return a == b || (std::min(a.size(), b.size()) >= 3 && (a.starts_with(b) || b.starts_with(a)));
}

// Many names have a "max" in them, so that it says little.
int weight_of_word(const std::string& word) { return word == "max" || word == "min" ? 1 : 2; }

int shared_words(const std::string& typed, const std::string& name) {
  const std::vector<std::string> words = words_of(name);
  std::string initials;
  for (const std::string& word : words) initials += word[0];
  std::string letters = typed;
  std::erase(letters, '_');
  if (words.size() > 1 && initials == letters) return 100;
  int shared = 0;
  for (const std::string& word : words_of(typed)) {
    if (std::any_of(words.begin(), words.end(),
                    [&](const std::string& other) { return one_begins_the_other(word, other); }))
      shared += weight_of_word(word);
  }
  return shared;
}

}  // namespace

std::string snake_case(const std::string& typed) {
  std::string out;
  bool after_small = false;
  for (const char c : typed) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital && after_small) out += '_';
    out +=
        c == '-' || c == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    after_small = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  }
  return out;
}

std::vector<std::string> names_spelled_like(const std::string& typed,
                                            const std::vector<std::string>& names) {
  std::vector<std::string> best;
  size_t fewest = typed.size() / 3;
  for (const std::string& name : names) {
    const size_t edits = edit_distance(typed, name);
    if (edits > fewest) continue;
    if (edits < fewest) best.clear();
    fewest = edits;
    best.push_back(name);
  }
  return best;
}

std::vector<std::string> names_with_words_of(const std::string& typed,
                                             const std::vector<std::string>& names) {
  std::vector<std::string> best;
  int most = 1;
  for (const std::string& name : names) {
    const int shared = shared_words(typed, name);
    if (shared < most) continue;
    if (shared > most) best.clear();
    most = shared;
    best.push_back(name);
  }
  return best;
}

}  // namespace candor::launch
