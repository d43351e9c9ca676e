// x w for activations x and a frozen weight w that may be kept in another dtype (bf16).
//
// On the CPU there are two ways. In the precision of the activations: w is widened to x's dtype,
// half the memory and the arithmetic of fp32, so that a model stored in bf16 gives the same bits as
// with fp32 weights. In bf16: x is rounded to bf16 too, and the products are summed in fp32; on
// processors with AMX five times as fast, on others slower. Elsewhere (GPUs) bf16 weights are
// always multiplied in bf16.
#pragma once

#include <ATen/core/Tensor.h>

namespace candor::trainer {

enum class Products { kAsActivations, kBf16 };

// x: [rows, in], w: [in, out], one of its strides 1; the result has x's dtype. With kBf16, w is
// bf16 and x fp32.
at::Tensor frozen_product(const at::Tensor& x, const at::Tensor& w, Products products);

// How much faster a product of a model's usual shape is in bf16 than in fp32 on this CPU's threads,
// the conversion of x included. Takes about 0.1 s.
double bf16_product_speedup();

}  // namespace candor::trainer
