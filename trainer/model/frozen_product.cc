#include "trainer/model/frozen_product.h"

#include <ATen/ATen.h>

namespace candor {

at::Tensor frozen_product(const at::Tensor& x, const at::Tensor& w) {
  if (w.scalar_type() == x.scalar_type()) return at::mm(x, w);
  if (x.is_cpu()) return at::mm(x, w.to(x.scalar_type()));
  return at::mm(x.to(w.scalar_type()), w).to(x.scalar_type());
}

}  // namespace candor
