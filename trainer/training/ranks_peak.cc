#include "trainer/training/ranks_peak.h"

#include <ATen/ATen.h>

#include "trainer/kernels/gemm_peak.h"

namespace candor::trainer {

void RanksPeak::measure(const LlamaModel& model, comm::ProcessGroup& group) {
  const bool bf16 = model.device().is_cpu()
                        ? model.products() == Products::kBf16
                        : model.weights().embedding_VD.scalar_type() == at::kBFloat16;
  group.barrier();
  mine_ = measured_gemm_peak(bf16 ? at::kBFloat16 : model.dtype(), model.device());
}

void RanksPeak::sum(comm::ProcessGroup& group) {
  at::Tensor peak = at::tensor({mine_}, at::kDouble);
  group.all_reduce_sum(peak);
  of_all_ = peak.item<double>();
}

double RanksPeak::share_seen(double share) {
  if (share <= 1) return share;
  of_all_ *= share;
  return 1;
}

}  // namespace candor::trainer
