// How far a tensor is from the expected one, as a share of the expected one's norm.
#pragma once

#include <ATen/ATen.h>

namespace candor::testing_support {

inline double relative(const at::Tensor& got, const at::Tensor& expected) {
  const at::Tensor right = expected.to(at::kDouble);
  return ((got.to(at::kDouble) - right).norm() / right.norm()).item<double>();
}

}  // namespace candor::testing_support
