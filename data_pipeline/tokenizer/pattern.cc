#include "data_pipeline/tokenizer/pattern.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>
#include <new>
#include <optional>
#include <stdexcept>

#include "data_pipeline/tokenizer/byte_level.h"

namespace candor::data {

const char* const kSpaceClass =
    R"(\t-\r\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
// The ranges are the circled and squared letters, the only alphabetic characters that are neither
// letters, marks nor letter numbers.
const char* const kWordClass = R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9})"
                               R"(\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";

namespace {

// Spells out \s, \S, \w and \W; within brackets \S and \W can't be spelled out and keep PCRE2's
// meaning.
std::string with_oniguruma_classes(std::string_view regex) {
  std::string out;
  int bracket_depth = 0;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '[') ++bracket_depth;
    if (c == ']' && bracket_depth > 0) --bracket_depth;
    if (c != '\\' || i + 1 == regex.size()) {
      out += c;
      continue;
    }
    const char escaped = regex[++i];
    const char* const characters = escaped == 's' || escaped == 'S'   ? kSpaceClass
                                   : escaped == 'w' || escaped == 'W' ? kWordClass
                                                                      : nullptr;
    const bool negated = escaped == 'S' || escaped == 'W';
    if (characters == nullptr || (negated && bracket_depth > 0)) {
      out += {c, escaped};
    } else if (bracket_depth > 0) {
      out += characters;
    } else {
      out += fmt::format("[{}{}]", negated ? "^" : "", characters);
    }
  }
  return out;
}

std::string error_text(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

// A tokenizer's patterns step back a few times a word. One that does so without end must give up
// within a fraction of a second and some memory.
constexpr std::uint32_t kMostBacktracks = 1'000'000, kMostHeapKib = 256 * 1024;

struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

pcre2_match_context* limited_context() {
  pcre2_match_context* const context = pcre2_match_context_create(nullptr);
  if (context == nullptr) throw std::bad_alloc();
  pcre2_set_match_limit(context, kMostBacktracks);
  pcre2_set_heap_limit(context, kMostHeapKib);
  return context;
}

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

Pattern::Pattern(std::string_view pattern, Kind kind) {
  const bool literal = kind == Kind::kLiteral;
  const std::string source = literal ? std::string(pattern) : with_oniguruma_classes(pattern);
  int error = 0;
  PCRE2_SIZE error_at = 0;
  const std::uint32_t options =
      PCRE2_UTF |
      (literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C);  // \C: half a character
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(), options,
                            &error, &error_at, nullptr),
              [](pcre2_code* code) { pcre2_code_free(code); });
  if (code_ == nullptr) {
    throw std::invalid_argument(fmt::format("pattern \"{}\": {} at byte {} of \"{}\"", pattern,
                                            error_text(error), error_at, source));
  }
  pcre2_jit_compile(code_.get(),
                    PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
}

std::vector<ByteRange> Pattern::find_all(std::string_view text) const {
  thread_local const std::unique_ptr<pcre2_match_data, FreeMatchData> match_data(
      pcre2_match_data_create(1, nullptr));
  thread_local const std::unique_ptr<pcre2_match_context, FreeMatchContext> limits(
      limited_context());
  std::vector<ByteRange> found;
  std::optional<std::size_t> last_end;
  std::size_t from = 0;
  while (from <= text.size()) {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
    int result = pcre2_match(code_.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK,
                             match_data.get(), limits.get());
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter keeps its stack on the heap
      result = pcre2_match(code_.get(), subject, text.size(), from,
                           PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match_data.get(), limits.get());
    }
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) {
      throw std::invalid_argument(
          fmt::format("the tokenizer's pattern gave up on a text of {} bytes: {}", text.size(),
                      error_text(result)));
    }
    const PCRE2_SIZE* const range = pcre2_get_ovector_pointer(match_data.get());
    const std::size_t begin = range[0], end = range[1];
    if (begin < end || last_end != end) {
      found.push_back({begin, end});
      last_end = end;
      if (begin < end) {
        from = end;
        continue;
      }
    }
    if (end >= text.size()) break;
    from = end + utf8_character_bytes(text[end]);
  }
  return found;
}

}  // namespace candor::data
