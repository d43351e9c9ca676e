#include "trainer/model/pass_start.h"

#include <stdexcept>
#include <utility>

namespace candor::trainer {

PassStart PassStart::at_layer(int64_t layer, at::Tensor entering_TD) {
  if (!entering_TD.defined())
    throw std::logic_error("a pass that starts at a layer needs what enters it");
  PassStart start;
  start.layer_ = layer;
  start.base_.entering_TD = std::move(entering_TD);
  return start;
}

PassStart PassStart::at_marker(int64_t layer, BaseStates base, std::vector<int64_t> active_rows) {
  if (active_rows.empty() || base.keys_values.empty())
    throw std::logic_error("a pass of some rows needs them, and the keys and values of the others");
  PassStart start = at_layer(layer, std::move(base.entering_TD));
  start.base_.keys_values = std::move(base.keys_values);
  start.active_rows_ = std::move(active_rows);
  return start;
}

at::Tensor PassStart::take_keys_values(int64_t layer) {
  if (active_rows_.empty()) return {};
  return std::exchange(base_.keys_values.at(static_cast<size_t>(layer - layer_)), {});
}

}  // namespace candor::trainer
