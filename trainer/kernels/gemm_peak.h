// The most floating-point operations a second that libtorch's matrix product reaches here, for a
// speed to be held against.
#pragma once

#include <ATen/core/Tensor.h>

namespace candor::trainer {

// The best of several products of square matrices, on the threads in use or on this GPU; takes
// about 0.1 s. dtype: fp32, fp64 or bf16.
double measured_gemm_peak(at::ScalarType dtype, at::Device device = at::DeviceType::CPU);

}  // namespace candor::trainer
