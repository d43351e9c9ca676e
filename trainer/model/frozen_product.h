// x w for activations x and a frozen weight w that may be kept in another dtype (bf16).
//
// On the CPU w is widened to x's dtype for the product: half the memory, the arithmetic of fp32, so that a model stored in bf16 gives the same bits
// as with fp32 weights. Elsewhere x is rounded to w's dtype for the device's fast bf16 product, and the result widened.
#pragma once

#include <ATen/core/Tensor.h>

namespace candor {

// x: [rows, in], w: [in, out], any strides; the result has x's dtype.
at::Tensor frozen_product(const at::Tensor& x, const at::Tensor& w);

}  // namespace candor
