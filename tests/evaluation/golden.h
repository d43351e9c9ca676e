// The figures that make_golden.py computed with scikit-learn and numpy.
#pragma once

#include <nlohmann/json.hpp>

#include "data_pipeline/files/read_file.h"

namespace candor::testing_support {

inline const nlohmann::json& golden() {
  static const nlohmann::json value = nlohmann::json::parse(
      data::read_file(CANDOR_SOURCE_DIR "/tests/evaluation/data/golden.json"));
  return value;
}

}  // namespace candor::testing_support
