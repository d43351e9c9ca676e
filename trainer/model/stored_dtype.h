// The element types of tensors and of safetensors files, each as the other's.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "data_pipeline/files/safetensors.h"

namespace candor::trainer {

// fp64, bf16, else fp32.
data::DType stored_dtype(at::ScalarType dtype);

// Throws std::invalid_argument that begins with `where` for anything but F64, F32, F16 and BF16.
at::ScalarType scalar_type_of(data::DType dtype, const std::string& where);

}  // namespace candor::trainer
