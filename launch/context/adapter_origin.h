// candor.json beside an adapter: what the prompts of its training were made with, because with
// other prompts it says other confidences (docs/formats.md).
//
// An adapter without the file comes from elsewhere, and isn't checked.
#pragma once

#include <string>
#include <vector>

#include "data_pipeline/tokens/token_data.h"

namespace candor::launch {

inline constexpr const char* kAdapterOriginName = "candor.json";

std::string adapter_origin_text(const data::TokenOrigin& origin);

// Compares an adapter's file with what it is used on. Throws std::invalid_argument that says what
// differs and what to do, and for a file that can't be understood. Another day in the prompts, and
// other files of the model (the same weights may be stored otherwise), are warnings, which are
// returned.
std::vector<std::string> check_adapter_origin(const std::string& folder,
                                              const data::TokenOrigin& used_on);

}  // namespace candor::launch
