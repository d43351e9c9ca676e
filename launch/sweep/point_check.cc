#include "launch/sweep/point_check.h"

#include <span>
#include <stdexcept>

#include "data_pipeline/files/content_hash.h"

namespace candor::launch {

PointCheck check_point(const SweepConfig& sweep, const Point& point) {
  try {
    const std::string config = to_yaml(config_of_point(sweep, point));
    return {.training = data::content_hash(std::as_bytes(std::span(config)))};
  } catch (const std::invalid_argument& error) {
    return {.training = "none: " + point.text(), .problem = error.what()};
  }
}

}  // namespace candor::launch
