// The columns of a token file with anything in them: the check must refuse whatever the rest of the
// program couldn't index by.
#include <cstring>

#include "data_pipeline/tokens/token_file.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/prompt/token_fixture.h"

namespace {

// Each four bytes change one element: column, place, and two bytes of value.
template <typename T>
void change(std::vector<T>& column, const std::uint8_t* four) {
  if (four[1] == 255 && !column.empty()) return column.pop_back();
  if (four[1] == 254) return column.push_back(column.empty() ? T() : column.back());
  if (column.empty()) return;
  std::int16_t value = 0;
  std::memcpy(&value, four + 2, 2);
  // Small numbers both ways, and the type's largest.
  column[four[1] % column.size()] = value == 32767
                                        ? std::numeric_limits<T>::max()
                                        : static_cast<T>(static_cast<std::int64_t>(value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    candor::data::TokenData d = candor::testing_support::small_data();
    for (std::size_t at = 0; at + 4 <= size_bytes; at += 4) {
      const std::uint8_t* const four = data + at;
      switch (four[0] % 13) {
        case 0: change(d.prefix_tokens, four); break;
        case 1: change(d.prefix_offsets, four); break;
        case 2: change(d.prefix_parent, four); break;
        case 3: change(d.prefix_index, four); break;
        case 4: change(d.tokens, four); break;
        case 5: change(d.offsets, four); break;
        case 6: change(d.confidence_position, four); break;
        case 7: change(d.marker_position, four); break;
        case 8: change(d.response_begin, four); break;
        case 9: change(d.response_end, four); break;
        case 10: change(d.graded, four); break;
        case 11: change(d.level_ids, four); break;
        case 12: change(d.level_values, four); break;
      }
    }
    candor::data::validate_token_data(d, "input");
    for (std::size_t e = 0; e < d.examples(); ++e) {
      const auto suffix = d.suffix(e);
      candor::data::require(
          d.full_prefix(d.prefix_index[e]).size() + suffix.size() == d.example_length(e),
          "lengths add up");
      candor::data::require(
          d.confidence_position[e] < suffix.size() && d.response_end[e] <= suffix.size(),
          "positions lie in the suffix");
      // As `candor inspect` cuts it.
      candor::data::require(
          d.response_begin[e] <= d.response_end[e] && d.response_end[e] <= d.marker_position[e],
          "the response ends before the marker");
    }
  });
}
