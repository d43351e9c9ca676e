// The style sheet of report.html: light and dark by the reader's preference, from a phone's width
// up.
#pragma once

#include <string_view>

namespace candor::trainer {

// Text for a <style> element, with the variables that the drawings use (--series-0..3, --axis,
// --grid).
std::string_view report_style();

}  // namespace candor::trainer
