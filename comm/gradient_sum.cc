#include "comm/gradient_sum.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "comm/comm_error.h"
#include "comm/gradient_grid.h"

namespace candor::comm {
namespace {

std::string names_of_non_finite(const std::vector<std::string>& names,
                                std::span<const double> max_abs_N) {
  std::string text;
  std::size_t found = 0;
  for (std::size_t n = 0; n < names.size(); ++n) {
    if (std::isfinite(max_abs_N[n])) continue;
    if (++found <= 3) text += (text.empty() ? "" : ", ") + names[n];
  }
  return found > 3 ? fmt::format("{} and {} more tensors", text, found - 3) : text;
}

}  // namespace

std::int64_t GradientLayout::total_numel() const {
  return std::accumulate(numel.begin(), numel.end(), std::int64_t{0});
}

GradientSum::GradientSum(ProcessGroup& process_group, GradientLayout layout,
                         std::int64_t global_micro_batches)
    : process_group_(process_group),
      layout_(std::move(layout)),
      global_micro_batches_(global_micro_batches) {
  if (layout_.names.size() != layout_.numel.size()) {
    throw std::invalid_argument(fmt::format("gradient layout: {} names but {} element counts",
                                            layout_.names.size(), layout_.numel.size()));
  }
  for (std::size_t n = 0; n < layout_.numel.size(); ++n) {
    if (layout_.numel[n] < 0)
      throw std::invalid_argument(
          fmt::format("gradient layout: {} has {} elements", layout_.names[n], layout_.numel[n]));
  }
  if (global_micro_batches < 1 || global_micro_batches > (std::int64_t{1} << 30)) {
    throw std::invalid_argument(fmt::format(
        "gradient sum: expected 1 to 2^30 micro-batches in a step, got {}", global_micro_batches));
  }
}

void GradientSum::check_flat(const at::Tensor& tensor_T, const char* role) const {
  const bool real = tensor_T.scalar_type() == at::kFloat || tensor_T.scalar_type() == at::kDouble;
  if (!real || tensor_T.dim() != 1 || tensor_T.numel() != layout_.total_numel() ||
      !tensor_T.is_contiguous()) {
    throw std::invalid_argument(
        fmt::format("gradient sum: {} must be contiguous fp32 or fp64 of shape [{}], got {} with "
                    "{} dimensions and {} elements",
                    role, layout_.total_numel(), c10::toString(tensor_T.scalar_type()),
                    tensor_T.dim(), tensor_T.numel()));
  }
}

void GradientSum::add(const at::Tensor& grad_T) {
  check_flat(grad_T, "a micro-batch's gradient");
  grads_.push_back(grad_T.detach().clone());
}

void GradientSum::finish(at::Tensor& out_T) {
  check_flat(out_T, "the output");
  const std::vector<at::Tensor> grads = std::exchange(grads_, {});
  const std::vector<std::int64_t>& numel_N = layout_.numel;

  // How many were added travels in the sum's last element, so that all ranks find a wrong number
  // together.
  std::vector<double> max_abs_N = max_abs_per_tensor(grads, numel_N);
  at::Tensor global_max_N =
      at::tensor(at::ArrayRef<double>(max_abs_N), at::kDouble).to(out_T.device());
  process_group_.all_reduce_max(global_max_N);
  global_max_N = global_max_N.cpu();
  max_abs_N.assign(global_max_N.const_data_ptr<double>(),
                   global_max_N.const_data_ptr<double>() + global_max_N.numel());
  for (const double max_abs : max_abs_N) {
    if (!std::isfinite(max_abs)) {
      throw NonFiniteError(fmt::format("a micro-batch's gradient holds a NaN or an infinity in {}",
                                       names_of_non_finite(layout_.names, max_abs_N)));
    }
  }

  const std::vector<int> exponents_N = grid_exponents(max_abs_N, global_micro_batches_);
  const std::int64_t total_numel = layout_.total_numel();
  at::Tensor sum_and_count = at::zeros({total_numel + 1}, out_T.options().dtype(at::kLong));
  at::Tensor sum_T = sum_and_count.narrow(0, 0, total_numel);
  for (const at::Tensor& grad_T : grads) add_to_grid(sum_T, grad_T, numel_N, exponents_N);
  sum_and_count.narrow(0, total_numel, 1).fill_(static_cast<std::int64_t>(grads.size()));
  process_group_.all_reduce_sum(sum_and_count);

  const std::int64_t added = sum_and_count.narrow(0, total_numel, 1).item<std::int64_t>();
  if (added != global_micro_batches_) {
    throw std::invalid_argument(
        fmt::format("gradient sum: expected {} micro-batches over all ranks, got {}",
                    global_micro_batches_, added));
  }
  from_grid(out_T, sum_T, numel_N, exponents_N);
  if (!at::isfinite(out_T).all().item<bool>())
    throw NonFiniteError("the sum of the step's gradients overflows its dtype");
}

}  // namespace candor::comm
