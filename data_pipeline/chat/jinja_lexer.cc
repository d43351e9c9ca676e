#include "data_pipeline/chat/jinja_lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace candor::data::jinja {
namespace {

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {
    // Jinja reads any line end as \n, and drops one at the template's end.
    if (source_.ends_with('\n')) source_.remove_suffix(1);
  }

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t tag = next_tag();
      text(tag);
      if (tag == std::string_view::npos) break;
      at_ = tag;
      const char kind = source_[at_ + 1];
      if (kind == '#') {
        comment();
      } else {
        inside(kind == '%');
      }
    }
    add(Token::Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  void add(Token::Kind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), line_});
  }

  size_t next_tag() const {
    for (size_t i = at_; i + 1 < source_.size(); ++i) {
      if (source_[i] == '{' &&
          (source_[i + 1] == '%' || source_[i + 1] == '{' || source_[i + 1] == '#'))
        return i;
    }
    return std::string_view::npos;
  }

  // The text before `tag`, with what the tags on both sides strip from it.
  void text(size_t tag) {
    std::string_view part = source_.substr(at_, tag == std::string_view::npos ? tag : tag - at_);
    const auto lines = std::count(part.begin(), part.end(), '\n');
    if (strip_next_) {
      while (!part.empty() && is_space(part.front())) part.remove_prefix(1);
    } else if (trim_next_ && part.starts_with('\n')) {
      part.remove_prefix(1);
    }
    if (tag != std::string_view::npos) {
      const char kind = source_[tag + 1], sign = tag + 2 < source_.size() ? source_[tag + 2] : ' ';
      if (sign == '-') {
        while (!part.empty() && is_space(part.back())) part.remove_suffix(1);
      } else if (sign != '+' && kind != '{') {
        strip_line_start(part, tag);
      }
    }
    if (!part.empty()) add(Token::Kind::kText, std::string(part));
    line_ += static_cast<int>(lines);
    strip_next_ = trim_next_ = false;
  }

  // lstrip_blocks: white space between the line's start and a block goes.
  void strip_line_start(std::string_view& part, size_t tag) const {
    size_t begin = tag;
    while (begin > 0 && (source_[begin - 1] == ' ' || source_[begin - 1] == '\t')) --begin;
    if (begin > 0 && source_[begin - 1] != '\n') return;
    const size_t spaces = std::min(tag - begin, part.size());
    part.remove_suffix(spaces);
  }

  void comment() {
    const size_t end = source_.find("#}", at_ + 2);
    if (end == std::string_view::npos) fail(line_, "a comment {# has no end #}");
    const std::string_view body = source_.substr(at_, end - at_);
    line_ += static_cast<int>(std::count(body.begin(), body.end(), '\n'));
    strip_next_ = body.ends_with('-');
    trim_next_ = !body.ends_with('+');
    at_ = end + 2;
  }

  void inside(bool block) {
    add(block ? Token::Kind::kBlockBegin : Token::Kind::kVariableBegin, block ? "{%" : "{{");
    at_ += 2;
    if (at_ < source_.size() && (source_[at_] == '-' || source_[at_] == '+')) ++at_;
    const std::string_view end = block ? "%}" : "}}";
    int braces = 0;  // a dict literal's } may stand before the end's
    for (;;) {
      while (at_ < source_.size() && is_space(source_[at_]))
        line_ += source_[at_++] == '\n' ? 1 : 0;
      if (at_ >= source_.size()) fail(line_, fmt::format("a tag isn't closed by {}", end));
      const bool signed_end =
          (source_[at_] == '-' || source_[at_] == '+') && source_.substr(at_ + 1, 2) == end;
      if (signed_end || (braces == 0 && source_.substr(at_, 2) == end)) {
        add(block ? Token::Kind::kBlockEnd : Token::Kind::kVariableEnd, std::string(end));
        strip_next_ = signed_end && source_[at_] == '-';
        trim_next_ = block && !(signed_end && source_[at_] == '+');
        at_ += signed_end ? 3 : 2;
        return;
      }
      if (source_[at_] == '{') ++braces;
      if (source_[at_] == '}') --braces;
      token();
    }
  }

  void token() {
    const char c = source_[at_];
    if (c == '\'' || c == '"') return string(c);
    if (is_digit(c)) return number();
    if (is_name_start(c)) {
      const size_t begin = at_;
      while (at_ < source_.size() && is_name(source_[at_])) ++at_;
      return add(Token::Kind::kName, std::string(source_.substr(begin, at_ - begin)));
    }
    for (const std::string_view two : {"==", "!=", "<=", ">=", "//", "**"}) {
      if (source_.substr(at_, 2) == two) {
        at_ += 2;
        return add(Token::Kind::kOperator, std::string(two));
      }
    }
    if (std::string_view("+-*/%~<>=()[]{}.,:|").find(c) == std::string_view::npos)
      fail(line_, fmt::format("unexpected character \"{}\"", c));
    ++at_;
    add(Token::Kind::kOperator, std::string(1, c));
  }

  void number() {
    const size_t begin = at_;
    while (at_ < source_.size() && (is_digit(source_[at_]) || source_[at_] == '_')) ++at_;
    bool fraction = false;
    if (at_ + 1 < source_.size() && source_[at_] == '.' && is_digit(source_[at_ + 1])) {
      fraction = true;
      ++at_;
      while (at_ < source_.size() && is_digit(source_[at_])) ++at_;
    }
    std::string digits(source_.substr(begin, at_ - begin));
    std::erase(digits, '_');
    if (digits.size() > 18) fail(line_, "a number is too long: " + digits);
    add(fraction ? Token::Kind::kFloat : Token::Kind::kInteger, digits);
  }

  void string(char quote) {
    const int begin_line = line_;
    std::string value;
    for (++at_; at_ < source_.size() && source_[at_] != quote; ++at_) {
      char c = source_[at_];
      if (c == '\n') ++line_;
      if (c == '\\' && at_ + 1 < source_.size()) {
        c = source_[++at_];
        switch (c) {
          case 'n': c = '\n'; break;
          case 't': c = '\t'; break;
          case 'r': c = '\r'; break;
          case '\\':
          case '\'':
          case '"': break;
          case 'u': unicode(value, begin_line); continue;
          default: value += '\\';  // as Python: an unknown escape stays
        }
      }
      value += c;
    }
    if (at_ >= source_.size()) fail(begin_line, "a text has no closing quote");
    ++at_;
    tokens_.push_back({Token::Kind::kString, std::move(value), begin_line});
  }

  // \uXXXX of the basic plane.
  void unicode(std::string& value, int line) {
    unsigned code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = at_ + 1 < source_.size() ? source_[++at_] : ' ';
      if (std::isxdigit(static_cast<unsigned char>(c)) == 0)
        fail(line, "\\u expects four hexadecimal digits");
      code = code * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
    }
    if (code < 0x80) {
      value += static_cast<char>(code);
    } else if (code < 0x800) {
      value += {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
    } else {
      value +=
          {static_cast<char>(0xE0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 0x3F)),
           static_cast<char>(0x80 | (code & 0x3F))};
    }
  }

  std::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
  bool strip_next_ = false, trim_next_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

void fail(int line, const std::string& what) {
  throw std::invalid_argument(fmt::format("chat template, line {}: {}", line, what));
}

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace candor::data::jinja
