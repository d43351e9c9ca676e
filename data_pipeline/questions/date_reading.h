// Reads dates, times of day and sequences at a place of a folded text (folded_text.h).
#pragma once

#include <optional>
#include <string_view>

#include "data_pipeline/questions/stated_value.h"

namespace candor::data {

template <typename Value>
struct Read {
  Value value{};
  size_t end = 0;  // in the text
};

// "March 3, 1847", "3rd of March", "March 1847": with an English month's name, from its first word
// or digit on.
std::optional<Read<Date>> read_named_date(std::u32string_view text, size_t begin);
// "1969-07-20", "20.07.1969", "7/20/1969", from its first digit on.
std::optional<Read<Date>> read_date(std::u32string_view text, size_t begin);
// "11:30", "11:30:00" no: that is a sequence; "3:30 p.m.", "5 pm".
std::optional<Read<TimeOfDay>> read_time(std::u32string_view text, size_t begin);
// Of whole numbers behind colons (from two on), points or slashes (from three on): "2:1", "1.2.3".
std::optional<Read<Sequence>> read_sequence(std::u32string_view text, size_t begin);

}  // namespace candor::data
