#include "comm/gradient_grid.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace candor::comm {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename Scalar>
void widen_max_abs(const Scalar* values, std::span<const std::int64_t> numel_N,
                   std::vector<double>& max_abs_N) {
  for (std::size_t n = 0; n < numel_N.size(); ++n) {
    Scalar largest = 0;
    bool finite = true;
    for (std::int64_t i = 0; i < numel_N[n]; ++i) {
      const Scalar magnitude = std::fabs(values[i]);
      finite &= magnitude <= std::numeric_limits<Scalar>::max();  // A NaN gives false too.
      largest = magnitude > largest ? magnitude : largest;
    }
    max_abs_N[n] = finite ? std::max(max_abs_N[n], static_cast<double>(largest)) : kInfinity;
    values += numel_N[n];
  }
}

template <typename Scalar>
void round_to_grid(std::int64_t* sums, const Scalar* values, std::span<const std::int64_t> numel_N,
                   std::span<const int> exponents_N) {
  for (std::size_t n = 0; n < numel_N.size(); ++n) {
    const double scale = std::ldexp(1.0, exponents_N[n]);
    for (std::int64_t i = 0; i < numel_N[n]; ++i)
      sums[i] += std::llrint(static_cast<double>(values[i]) * scale);
    sums += numel_N[n];
    values += numel_N[n];
  }
}

template <typename Scalar>
void leave_grid(Scalar* values, const std::int64_t* sums, std::span<const std::int64_t> numel_N,
                std::span<const int> exponents_N) {
  for (std::size_t n = 0; n < numel_N.size(); ++n) {
    const double scale = std::ldexp(1.0, -exponents_N[n]);
    for (std::int64_t i = 0; i < numel_N[n]; ++i)
      values[i] = static_cast<Scalar>(static_cast<double>(sums[i]) * scale);
    sums += numel_N[n];
    values += numel_N[n];
  }
}

// 2^(sign * exponent) of each element's tensor, fp64 [T].
at::Tensor scale_per_element(std::span<const std::int64_t> numel_N,
                             std::span<const int> exponents_N, int sign, const at::Device& device) {
  std::vector<double> scale_N;
  for (const int exponent : exponents_N) scale_N.push_back(std::ldexp(1.0, sign * exponent));
  const at::Tensor numel =
      at::tensor(at::ArrayRef<std::int64_t>(numel_N.data(), numel_N.size()), at::kLong);
  return at::repeat_interleave(at::tensor(at::ArrayRef<double>(scale_N), at::kDouble).to(device),
                               numel.to(device), 0);
}

}  // namespace

std::vector<double> max_abs_per_tensor(std::span<const at::Tensor> grads_T,
                                       std::span<const std::int64_t> numel_N) {
  if (!grads_T.empty() && !grads_T.front().is_cpu())
    return max_abs_per_tensor_aten(grads_T, numel_N);
  std::vector<double> max_abs_N(numel_N.size(), 0.0);
  for (const at::Tensor& grad_T : grads_T) {
    if (grad_T.scalar_type() == at::kDouble) {
      widen_max_abs(grad_T.const_data_ptr<double>(), numel_N, max_abs_N);
    } else {
      widen_max_abs(grad_T.const_data_ptr<float>(), numel_N, max_abs_N);
    }
  }
  return max_abs_N;
}

std::vector<int> grid_exponents(std::span<const double> max_abs_N,
                                std::int64_t global_micro_batches) {
  const auto headroom_bits = static_cast<int>(
      std::bit_width(static_cast<std::uint64_t>(global_micro_batches - 1)));  // This is ceil(log2).
  std::vector<int> exponents_N;
  for (const double max_abs : max_abs_N) {
    int exponent = 0;
    std::frexp(max_abs, &exponent);  // max_abs < 2^exponent
    // Past 2^1000 the scale, or its inverse, would leave fp64's range; only tensors of denormals
    // lose bits by it.
    exponents_N.push_back(max_abs == 0.0 ? 0 : std::min(62 - headroom_bits - exponent, 1000));
  }
  return exponents_N;
}

void add_to_grid(at::Tensor& sum_T, const at::Tensor& grad_T, std::span<const std::int64_t> numel_N,
                 std::span<const int> exponents_N) {
  if (!sum_T.is_cpu()) {
    add_to_grid_aten(sum_T, grad_T, numel_N, exponents_N);
  } else if (grad_T.scalar_type() == at::kDouble) {
    round_to_grid(sum_T.mutable_data_ptr<std::int64_t>(), grad_T.const_data_ptr<double>(), numel_N,
                  exponents_N);
  } else {
    round_to_grid(sum_T.mutable_data_ptr<std::int64_t>(), grad_T.const_data_ptr<float>(), numel_N,
                  exponents_N);
  }
}

void from_grid(at::Tensor& out_T, const at::Tensor& sum_T, std::span<const std::int64_t> numel_N,
               std::span<const int> exponents_N) {
  if (!out_T.is_cpu()) {
    from_grid_aten(out_T, sum_T, numel_N, exponents_N);
  } else if (out_T.scalar_type() == at::kDouble) {
    leave_grid(out_T.mutable_data_ptr<double>(), sum_T.const_data_ptr<std::int64_t>(), numel_N,
               exponents_N);
  } else {
    leave_grid(out_T.mutable_data_ptr<float>(), sum_T.const_data_ptr<std::int64_t>(), numel_N,
               exponents_N);
  }
}

std::vector<double> max_abs_per_tensor_aten(std::span<const at::Tensor> grads_T,
                                            std::span<const std::int64_t> numel_N) {
  std::vector<double> max_abs_N(numel_N.size(), 0.0);
  if (grads_T.empty()) return max_abs_N;
  at::Tensor max_abs_T = grads_T.front().abs();
  for (const at::Tensor& grad_T : grads_T.subspan(1))
    max_abs_T = at::maximum(max_abs_T, grad_T.abs());  // maximum keeps NaNs.
  std::vector<at::Tensor> max_of_tensor;
  std::int64_t begin = 0;
  for (const std::int64_t numel : numel_N) {
    max_of_tensor.push_back(numel > 0 ? max_abs_T.narrow(0, begin, numel).max()
                                      : at::zeros({}, max_abs_T.options()));
    begin += numel;
  }
  const at::Tensor on_host = at::stack(max_of_tensor).to(at::kDouble).cpu();
  for (std::size_t n = 0; n < numel_N.size(); ++n) {
    const double max_abs = on_host.const_data_ptr<double>()[n];
    max_abs_N[n] = std::isfinite(max_abs) ? max_abs : kInfinity;
  }
  return max_abs_N;
}

void add_to_grid_aten(at::Tensor& sum_T, const at::Tensor& grad_T,
                      std::span<const std::int64_t> numel_N, std::span<const int> exponents_N) {
  const at::Tensor scale_T = scale_per_element(numel_N, exponents_N, 1, grad_T.device());
  sum_T.add_(grad_T.to(at::kDouble).mul(scale_T).round_().to(at::kLong));
}

void from_grid_aten(at::Tensor& out_T, const at::Tensor& sum_T,
                    std::span<const std::int64_t> numel_N, std::span<const int> exponents_N) {
  const at::Tensor scale_T = scale_per_element(numel_N, exponents_N, -1, sum_T.device());
  out_T.copy_(sum_T.to(at::kDouble).mul_(scale_T));
}

}  // namespace candor::comm
