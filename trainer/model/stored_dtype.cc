#include "trainer/model/stored_dtype.h"

#include <fmt/format.h>

#include <stdexcept>

namespace candor::trainer {

data::DType stored_dtype(at::ScalarType dtype) {
  return dtype == at::kDouble ? data::DType::F64
                              : (dtype == at::kBFloat16 ? data::DType::BF16 : data::DType::F32);
}

at::ScalarType scalar_type_of(data::DType dtype, const std::string& where) {
  switch (dtype) {
    case data::DType::F64: return at::kDouble;
    case data::DType::F32: return at::kFloat;
    case data::DType::F16: return at::kHalf;
    case data::DType::BF16: return at::kBFloat16;
    default:
      throw std::invalid_argument(fmt::format("{}: expected F64, F32, F16 or BF16, got {}", where,
                                              data::dtype_name(dtype)));
  }
}

}  // namespace candor::trainer
