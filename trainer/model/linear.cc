#include "trainer/model/linear.h"

#include <ATen/ATen.h>

#include "trainer/model/dropout_key.h"
#include "trainer/model/tensor_kernels.h"

namespace candor::trainer {
namespace {

at::Tensor dropped(const LoraCall& call, LinearModule module, const at::Tensor& x) {
  if (call.dropout <= 0) return x;
  const uint64_t key = dropout_key_of(call.dropout_key, call.layer, static_cast<int64_t>(module));
  return dropout(x, key, call.dropout);
}

}  // namespace

void add_lora(const LoraCall& call, FusedPart part, const at::Tensor& x, at::Tensor& y,
              at::Tensor& z) {
  const auto [module, column] = part;
  const LoraAdapter::Entry* entry =
      call.adapter == nullptr ? nullptr : call.adapter->find(call.layer, module);
  if (entry == nullptr) return;
  const at::Tensor& flat = call.adapter->parameters();
  z = at::mm(dropped(call, module, x), call.adapter->a_of(*entry, flat).t());
  y.narrow(1, column, entry->out)
      .addmm_(z, call.adapter->b_of(*entry, flat).t(), 1, call.adapter->scale());
}

void add_lora_backward(const LoraCall& call, FusedPart part, const LoraInputs& inputs,
                       const at::Tensor& dy, at::Tensor& dx, at::Tensor& gradient_flat) {
  const auto [module, column] = part;
  const auto& [x, z] = inputs;
  const LoraAdapter::Entry* entry =
      call.adapter == nullptr ? nullptr : call.adapter->find(call.layer, module);
  if (entry == nullptr) return;
  const at::Tensor& flat = call.adapter->parameters();
  const at::Tensor dy_module = dy.narrow(1, column, entry->out);
  const double scale = call.adapter->scale();
  call.adapter->b_of(*entry, gradient_flat).addmm_(dy_module.t(), z, 1, scale);
  const at::Tensor dz = at::mm(dy_module, call.adapter->b_of(*entry, flat)).mul_(scale);
  call.adapter->a_of(*entry, gradient_flat).addmm_(dz.t(), dropped(call, module, x));
  if (call.dropout > 0) {
    dx.add_(dropped(call, module, at::mm(dz, call.adapter->a_of(*entry, flat))));
  } else {
    dx.addmm_(dz, call.adapter->a_of(*entry, flat));
  }
}

}  // namespace candor::trainer
