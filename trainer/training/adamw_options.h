// The constants of AdamW (adamw.h), apart from it because a config is read without tensors.
#pragma once

namespace candor::trainer {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool operator==(const AdamWOptions&) const = default;
};

}  // namespace candor::trainer
