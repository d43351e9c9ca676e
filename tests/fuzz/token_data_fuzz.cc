// Token data with anything in it: the check must refuse whatever the rest of the
// program couldn't index by.
#include <cstring>

#include "data_pipeline/tokens/token_data.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/prompt/token_fixture.h"

namespace {

// Each four bytes change one element: column, place, and two bytes of value.
template <typename T>
T value_of(const std::uint8_t* four) {
  std::int16_t value = 0;
  std::memcpy(&value, four + 2, 2);
  // Small numbers both ways, and the type's largest.
  return value == 32767 ? std::numeric_limits<T>::max()
                        : static_cast<T>(static_cast<std::int64_t>(value));
}

// It is true if there is no element left to change.
template <typename T>
bool change_length(std::vector<T>& column, const std::uint8_t* four) {
  if (four[1] == 255 && !column.empty()) return column.pop_back(), true;
  if (four[1] == 254) return column.push_back(column.empty() ? T() : column.back()), true;
  return column.empty();
}

template <typename T>
void change(std::vector<T>& column, const std::uint8_t* four) {
  if (!change_length(column, four)) column[four[1] % column.size()] = value_of<T>(four);
}

template <typename T>
void change(std::vector<candor::data::Example>& examples, T candor::data::Example::*field,
            const std::uint8_t* four) {
  if (!change_length(examples, four))
    examples[four[1] % examples.size()].*field = value_of<T>(four);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    using candor::data::Example;
    candor::data::TokenData d = candor::testing_support::small_data();
    for (std::size_t at = 0; at + 4 <= size_bytes; at += 4) {
      const std::uint8_t* const four = data + at;
      switch (four[0] % 13) {
        case 0: change(d.prefixes.ids, four); break;
        case 1: change(d.prefixes.offsets, four); break;
        case 2: change(d.prefix_parent, four); break;
        case 3: change(d.examples, &Example::prefix, four); break;
        case 4: change(d.suffixes.ids, four); break;
        case 5: change(d.suffixes.offsets, four); break;
        case 6: change(d.examples, &Example::confidence_position, four); break;
        case 7: change(d.examples, &Example::marker_position, four); break;
        case 8: change(d.examples, &Example::response_begin, four); break;
        case 9: change(d.examples, &Example::response_end, four); break;
        case 10: change(d.examples, &Example::target, four); break;
        case 11: change(d.levels.ids, four); break;
        case 12: change(d.levels.values, four); break;
      }
    }
    candor::data::validate_token_data(d, "input");
    for (std::size_t e = 0; e < d.examples.size(); ++e) {
      const Example& example = d.examples[e];
      const auto suffix = d.suffix(e);
      candor::data::require(
          d.full_prefix(example.prefix).size() + suffix.size() == d.example_length(e),
          "lengths add up");
      candor::data::require(
          example.confidence_position < suffix.size() && example.response_end <= suffix.size(),
          "positions lie in the suffix");
      // `candor inspect` cuts it so.
      candor::data::require(example.response_begin <= example.response_end &&
                                example.response_end <= example.marker_position,
                            "the response ends before the marker");
    }
  });
}
