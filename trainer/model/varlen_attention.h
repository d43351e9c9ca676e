// Attention over packed sequences behind shared prefixes, by kernels that keep no scores: each
// row's own sequence (causal) and its prefix (all of it) are two passes, merged by their
// log-sum-exps.
//
// Merging: with lse_a and lse_b of the two passes, lse = log(exp(lse_a) + exp(lse_b)) is that of
// all scores, and out = exp(lse_a - lse) out_a + exp(lse_b - lse) out_b. The backward passes get
// the merged output and log-sum-exp. Each makes its probabilities again as exp(score - lse), which
// are then those of the softmax over both, and delta = dout out is that of the whole softmax too.
// So their gradients add up to the whole one (as in ring attention, Liu et al. 2023, arXiv
// 2310.01889). Legend: R query rows, N key rows, T rows of a micro-batch, H heads, K key heads, C
// head size.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "trainer/kernels/attention_plan.h"
#include "trainer/model/attention_tensors.h"

namespace candor::trainer {

// Sequences that lie one after the other: queries of sequence s are rows [query_begin_S[s],
// query_begin_S[s + 1]) and see its keys, those of [key_begin_S[s], key_begin_S[s + 1]). causal: as
// many keys as queries, and query i sees keys 0..i.
struct PackedSequences {
  at::Tensor query_begin_S, key_begin_S;  // They hold int32, on the device.
  int64_t most_queries = 0, most_keys = 0;
  bool causal = false;
};

// The kernels of one pass. Scores are q k / sqrt(C). Tensors are [rows, heads, C] of dtype(), lse
// fp32 or wider.
class VarlenAttention {
 public:
  virtual ~VarlenAttention() = default;
  virtual at::ScalarType dtype() const = 0;
  // out_RHC and lse_HR.
  virtual std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& q_RHC,
                                                    const at::Tensor& k_NKC,
                                                    const at::Tensor& v_NKC,
                                                    const PackedSequences& sequences) const = 0;
  // dq_RHC, dk_NKC and dv_NKC, of q_RHC, k_NKC, v_NKC, out_RHC and lse_HR.
  virtual std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(
      const AttentionTensors& tensors, const at::Tensor& dout_RHC,
      const PackedSequences& sequences) const = 0;
};

// libtorch's flash attention, in bf16; null where this device hasn't got it for heads of this size.
const VarlenAttention* flash_attention(at::Device device, int64_t head_size);

// The two passes over one micro-batch, for any number of layers.
class SharedPrefixAttention {
 public:
  // Nothing if the queries aren't all rows of whole sequences, in order: then some keys have no
  // queries.
  static std::optional<SharedPrefixAttention> plan(const std::vector<KeyRuns>& queries,
                                                   int64_t key_rows, at::Device device);

  // These are as PackedAttention's.
  void forward(const VarlenAttention& kernels, const AttentionHeads& shape,
               const AttentionTensors& tensors) const;
  void backward(const VarlenAttention& kernels, const AttentionHeads& shape,
                const AttentionTensors& tensors, const AttentionGradients& gradients) const;

 private:
  struct Rows {
    int64_t begin = 0, length = 0;
    bool operator==(const Rows&) const = default;
  };

  at::Tensor keys_of_prefixes(const at::Tensor& rows) const;

  PackedSequences own_, prefix_;
  std::vector<Rows> prefix_keys_;  // Each sequence of prefix_ sees one of these.
  at::Tensor prefixed_row_R_;      // These rows have a prefix; it is undefined if none has.
  at::Tensor among_prefixed_T_;    // It is a row's place among those, 0 where it has no prefix.
  at::Tensor has_prefix_T_;        // It holds bool.
};

}  // namespace candor::trainer
