// The frozen base weights of a Llama-architecture model, in the layout that the forward pass
// multiplies with.
// Read from Hugging Face safetensors (F32, BF16, F16 or F64), converted once to the dtype asked
// for, on the device asked for. With bf16 the matrices are bf16; norm weights and biases, which are
// added to activations, stay fp32.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "trainer/model/model_config.h"

namespace candor::trainer {

struct LayerWeights {
  at::Tensor input_norm_D, post_norm_D;
  // [(H + 2 K) * head_size, D]: the rows of q, k and v are stacked, so that they are one product.
  at::Tensor qkv;
  at::Tensor o;                 // [D, H * head_size]
  at::Tensor qkv_bias, o_bias;  // They are undefined where the model has none.
  at::Tensor gate_up;           // [2 F, D]
  at::Tensor down;              // [D, F]
};

struct ModelWeights {
  // head_VD is embedding_VD itself where the config ties them.
  at::Tensor embedding_VD, head_VD, final_norm_D;
  std::vector<LayerWeights> layers;

  // Throws std::invalid_argument naming the file, tensor, expected and found shape.
  static ModelWeights load(const std::string& dir, const ModelConfig& config, at::ScalarType dtype,
                           at::Device device);
};

}  // namespace candor::trainer
