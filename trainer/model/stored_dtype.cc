#include "trainer/model/stored_dtype.h"

#include <fmt/format.h>

#include <stdexcept>

namespace candor {

DType stored_dtype(at::ScalarType dtype) { return dtype == at::kDouble ? DType::F64 : (dtype == at::kBFloat16 ? DType::BF16 : DType::F32); }

at::ScalarType scalar_type_of(DType dtype, const std::string& where) {
  switch (dtype) {
    case DType::F64: return at::kDouble;
    case DType::F32: return at::kFloat;
    case DType::F16: return at::kHalf;
    case DType::BF16: return at::kBFloat16;
    default: throw std::invalid_argument(fmt::format("{}: expected F64, F32, F16 or BF16, got {}", where, dtype_name(dtype)));
  }
}

}  // namespace candor
