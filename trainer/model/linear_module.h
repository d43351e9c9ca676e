// The linear layers of a decoder layer that an adapter can change, by their names in Hugging Face's
// checkpoints and in a config.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace candor::trainer {

enum class LinearModule { kQ, kK, kV, kO, kGate, kUp, kDown };
inline constexpr std::array<const char*, 7> kLinearModuleNames = {
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

inline std::vector<std::string> linear_module_names() {
  return {kLinearModuleNames.begin(), kLinearModuleNames.end()};
}

}  // namespace candor::trainer
