#include "data_pipeline/questions/answer_words.h"

#include <algorithm>
#include <set>
#include <utility>

#include "data_pipeline/questions/decimal_reading.h"
#include "data_pipeline/questions/folded_text.h"
#include "data_pipeline/questions/number_reading.h"

namespace candor::data {
namespace {

using Words = std::vector<std::u32string>;

// What a dot between two letters is: nothing, as in "Ph.D.", or a space, as in "amazon.com".
enum class Dots { kVanish, kSeparate };

struct AnswerParts {
  Words words;
  std::set<char32_t> units;  // currency and per-cent signs
};

constexpr char32_t kFlat = 0x266D;

// Of `<`, `=` and the mathematical operators; not of arrows and of "|" and "~", which are markup.
bool is_mathematical(char32_t c) {
  return c == U'<' || c == U'>' || c == U'=' || c == 0xB1 || c == 0xD7 || c == 0xF7 ||
         (c >= 0x2200 && c <= 0x22FF);
}

bool is_unit_sign(char32_t c) { return is_currency(c) || c == U'%' || c == 0x2030; }

class WordReader {
 public:
  WordReader(std::u32string_view text, Dots dots) : text_(text), dots_(dots) {}

  AnswerParts read() {
    while (at_ < text_.size()) {
      const char32_t c = text_[at_];
      if (is_digit(c) && (word_.empty() || word_ == U"-")) {
        const GroupedDigits whole =
            read_grouped_digits(text_, at_, {.one_group_after_a_space = true});
        word_ += whole.digits;
        at_ = whole.end;
      } else {
        read_character(c);
        ++at_;
      }
    }
    end_word();
    return std::move(parts_);
  }

 private:
  char32_t next() const { return at_ + 1 < text_.size() ? text_[at_ + 1] : 0; }
  char32_t previous() const { return at_ > 0 ? text_[at_ - 1] : 0; }
  // The nearest characters that aren't space.
  char32_t seen_before() const {
    size_t i = at_;
    while (i > 0 && is_space(text_[i - 1])) --i;
    return i > 0 ? text_[i - 1] : 0;
  }
  char32_t seen_behind() const {
    size_t i = at_ + 1;
    while (i < text_.size() && is_space(text_[i])) ++i;
    return i < text_.size() ? text_[i] : 0;
  }
  bool is_between_digits() const { return is_digit(seen_before()) && is_digit(seen_behind()); }

  void end_word() {
    if (!word_.empty()) parts_.words.push_back(std::exchange(word_, U""));
  }

  void add_sign(char32_t c) {
    end_word();
    parts_.words.emplace_back(1, c);
  }

  void read_character(char32_t c) {
    if (is_word_character(c)) {
      word_ += c;
    } else if (is_unit_sign(c)) {
      if (word_ != U"-") end_word();
      parts_.units.insert(c);
    } else if (c == U'.') {
      read_dot();
    } else if (c == U'-') {
      read_hyphen();
    } else if (c == U'+') {
      if (is_between_digits())
        add_sign(c);
      else if (!word_.empty() && !is_word_character(next()))
        word_ += c;
      else
        end_word();
    } else if (c == U'#' || c == kFlat) {
      if (!word_.empty() && is_letter(previous()))
        word_ += c;
      else
        end_word();
    } else if (is_meant(c)) {
      add_sign(c);
    } else {
      end_word();
    }
  }

  bool is_meant(char32_t c) const {
    if (c == U'/' || c == 0xD7 || c == 0xF7) return is_between_digits();
    if (c == U'^') return is_word_character(previous());
    if (c == U'=') return is_word_character(seen_before()) && is_word_character(seen_behind());
    if (c == U'<' || c == U'>') return is_digit(seen_behind());
    return is_mathematical(c);
  }

  void read_dot() {
    const bool before_digit = is_digit(next());
    if (is_digit(previous()) && before_digit && !word_.empty()) {
      word_ += U'.';
    } else if (before_digit && !is_word_character(previous()) && previous() != U'.') {
      word_ += U"0.";
    } else if (dots_ == Dots::kSeparate || !is_letter(previous()) || !is_letter(next())) {
      end_word();
    }
  }

  void read_hyphen() {
    const bool behind_word = !word_.empty();
    const size_t number = at_ + (is_unit_sign(next()) ? 2 : 1);
    if (!behind_word && starts_number(text_, number) && is_negative(text_, number)) {
      word_ = U"-";
    } else if (behind_word && word_.size() <= 2 && (next() == 0 || is_space(next()))) {
      word_ += U'-';
    } else {
      end_word();
    }
  }

  std::u32string_view text_;
  Dots dots_;
  size_t at_ = 0;
  std::u32string word_;
  AnswerParts parts_;
};

bool is_article(const std::u32string& word) {
  return word == U"a" || word == U"an" || word == U"the";
}

Words without_articles(Words words) {
  Words kept;
  std::copy_if(words.begin(), words.end(), std::back_inserter(kept),
               [](const std::u32string& word) { return !is_article(word); });
  return kept.empty() ? words : kept;  // an answer "A" is an answer
}

bool is_initial(const std::u32string& word) { return word.size() == 1 && is_letter(word[0]); }

// "j r r tolkien" as "jrr tolkien".
Words with_joined_initials(const Words& words) {
  Words joined;
  bool is_open = false;
  for (const std::u32string& word : words) {
    if (is_open && is_initial(word))
      joined.back() += word;
    else
      joined.push_back(word);
    is_open = is_initial(word);
  }
  return joined;
}

bool may_be_the_same(const std::set<char32_t>& units, const std::set<char32_t>& others) {
  return units.empty() || others.empty() || units == others;
}

std::u32string_view without_space_around(std::u32string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

bool is_same_answer(std::string_view accepted, std::string_view response) {
  const std::u32string gold = folded_text(accepted), stated = folded_text(response);
  const AnswerParts gold_parts = WordReader(gold, Dots::kSeparate).read(),
                    stated_parts = WordReader(stated, Dots::kSeparate).read();
  if (gold_parts.words.empty()) {
    const std::u32string_view text = without_space_around(gold);
    return !text.empty() && text == without_space_around(stated);
  }
  if (!may_be_the_same(gold_parts.units, stated_parts.units)) return false;
  return with_joined_initials(without_articles(gold_parts.words)) ==
             with_joined_initials(without_articles(stated_parts.words)) ||
         without_articles(WordReader(gold, Dots::kVanish).read().words) ==
             without_articles(WordReader(stated, Dots::kVanish).read().words);
}

std::string normalized_answer(std::string_view text) {
  std::u32string joined;
  for (const std::u32string& word :
       without_articles(WordReader(folded_text(text), Dots::kSeparate).read().words))
    joined += (joined.empty() ? U"" : U" ") + word;
  return utf8_of(joined);
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  const std::u32string folded = folded_text(text);
  for (const std::u32string& word : WordReader(folded, Dots::kSeparate).read().words)
    words.push_back(utf8_of(word));
  return words;
}

}  // namespace candor::data
