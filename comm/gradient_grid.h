// The arithmetic of GradientSum on one process: a fixed-point grid per tensor, rounding to it and
// back. Every function gives the same bits on CPU and GPU.
//
// Legend: T elements of the flat gradient, N tensors in it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace candor::comm {

// Largest magnitude per tensor over the gradients, fp64 [N]; +inf for a tensor that holds a NaN or
// an infinity; 0 without gradients.
std::vector<double> max_abs_per_tensor(std::span<const at::Tensor> grads_T,
                                       std::span<const std::int64_t> numel_N);

// Power of two that each tensor is multiplied by, so that a sum of global_micro_batches rounded
// values stays below 2^62 in magnitude.
std::vector<int> grid_exponents(std::span<const double> max_abs_N,
                                std::int64_t global_micro_batches);

// sum_T (int64) += round to nearest even(grad_T * 2^exponent).
void add_to_grid(at::Tensor& sum_T, const at::Tensor& grad_T, std::span<const std::int64_t> numel_N,
                 std::span<const int> exponents_N);

// out_T = sum_T / 2^exponent, rounded to fp64 and then to out_T's dtype.
void from_grid(at::Tensor& out_T, const at::Tensor& sum_T, std::span<const std::int64_t> numel_N,
               std::span<const int> exponents_N);

// The ATen versions that serve GPUs; they run on the CPU too, where tests compare them with the
// loops.
void add_to_grid_aten(at::Tensor& sum_T, const at::Tensor& grad_T,
                      std::span<const std::int64_t> numel_N, std::span<const int> exponents_N);
void from_grid_aten(at::Tensor& out_T, const at::Tensor& sum_T,
                    std::span<const std::int64_t> numel_N, std::span<const int> exponents_N);
std::vector<double> max_abs_per_tensor_aten(std::span<const at::Tensor> grads_T,
                                            std::span<const std::int64_t> numel_N);

}  // namespace candor::comm
