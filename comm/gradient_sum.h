// Sums one flat gradient per micro-batch over all micro-batches of a step and all ranks,
// reproducibly: the result has the same bits for any number
// of ranks and any assignment of micro-batches to them, in any order.
//
// Usage:   GradientSum sum(process_group, layout, global_micro_batches);   sum.add(grad_T) per
// micro-batch;   sum.finish(out_T);
// Collective: finish() must be reached by every rank, also by one that added nothing. It empties
// the sum for the next step.
// Shapes: grad_T, out_T are fp32 or fp64 [layout.total_numel()], contiguous. add() copies; the
// copies live until finish().
// How: floating-point addition rounds after every step, so its result depends on the order. Integer
// addition doesn't. So the ranks agree on each tensor's largest magnitude m over all M
// micro-batches (MAX, which has no order either), and all take the same exponent e with m < 2^e.
// Every element g becomes the integer round(g * 2^s), with s = 62 - ceil(log2 M) - e. Its magnitude
// is at most 2^(62 - ceil(log2 M)), so M of them stay within 2^62 and no order of adding them
// overflows int64. The sum times 2^-s is the result; scaling by a power of two is exact. Each
// gradient is rounded once, by at most half a step of 2^-s: far less than fp32's own rounding of m,
// for any M that training uses. The sum isn't divided by anything. Throws std::invalid_argument for
// a wrong shape or dtype, and on all ranks together if the ranks didn't add global_micro_batches in
// all; NonFiniteError, on all ranks together, if any rank added a NaN or an infinity or the sum
// overflows out_T's dtype; CommError past the deadline. Source: Demmel & Nguyen 2015, "Parallel
// Reproducible Summation", section 4 (pre-rounding), with one exponent per tensor.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "comm/process_group.h"

namespace candor::comm {

// The tensors that lie one after the other in a flat gradient.
struct GradientLayout {
  std::vector<std::string> names;
  std::vector<std::int64_t> numel;

  std::int64_t total_numel() const;
};

class GradientSum {
 public:
  // process_group must outlive the sum. Throws std::invalid_argument for an inconsistent layout or
  // global_micro_batches outside 1..2^30.
  GradientSum(ProcessGroup& process_group, GradientLayout layout,
              std::int64_t global_micro_batches);

  void add(const at::Tensor& grad_T);
  void finish(at::Tensor& out_T);

 private:
  void check_flat(const at::Tensor& tensor_T, const char* role) const;

  ProcessGroup& process_group_;
  GradientLayout layout_;
  std::int64_t global_micro_batches_;
  std::vector<at::Tensor> grads_;  // one per add() since the last finish()
};

}  // namespace candor::comm
