#include "trainer/training/micro_batch_gradient.h"

#include <ATen/ATen.h>

#include <span>

namespace candor::trainer {
namespace {

double weight_of(const GradientOptions& options, size_t b) {
  return options.weight_B.empty() ? 1.0 : options.weight_B[b];
}

// The K-logit losses of all examples; dlogits_BK gets their gradient. On the CPU, in fp64. Returns
// the summed loss.
double level_losses(const at::Tensor& logits_BK, const data::MicroBatch& batch,
                    const GradientOptions& options, const at::Tensor& log_normalizer_B,
                    double& soft_target_weight, at::Tensor& dlogits_BK) {
  const int64_t levels = logits_BK.size(1);
  const at::Tensor f_BK = logits_BK.to(at::kCPU, at::kDouble).contiguous();
  dlogits_BK = at::zeros({f_BK.size(0), levels}, at::kDouble);
  std::vector<double> gradient_K(static_cast<size_t>(levels));
  double total = 0;
  for (size_t b = 0; b < batch.target_B.size(); ++b) {
    const std::span<const double> f_K(
        f_BK.const_data_ptr<double>() + static_cast<int64_t>(b) * levels,
        static_cast<size_t>(levels));
    double* d_K = dlogits_BK.mutable_data_ptr<double>() + static_cast<int64_t>(b) * levels;
    const double y = batch.target_B[b];
    const double weight = weight_of(options, b);
    for (const LossWeight& part : options.losses) {
      const LossEntry& entry = entry_of(part.loss);
      double log_normalizer = 0;
      if (entry.reads_vocabulary) {
        log_normalizer = log_normalizer_B[static_cast<int64_t>(b)].item<double>();
        soft_target_weight = part.weight;
      }
      const double loss = entry.of_example(f_K, y, log_normalizer, gradient_K);
      total += weight * part.weight * loss;
      for (size_t i = 0; i < gradient_K.size(); ++i) d_K[i] += weight * part.weight * gradient_K[i];
    }
  }
  return total;
}

}  // namespace

double add_micro_batch_gradient(const LlamaModel& model, const LoraAdapter& adapter,
                                const data::MicroBatch& batch, const GradientOptions& options,
                                at::Tensor& gradient_flat) {
  const bool lm = options.lm_weight_per_token > 0;
  const auto [result, saved] =
      model.forward_to_train(batch, {.adapter = &adapter, .lm_rows = lm}, options.dropout_key,
                             start_from_base(model, batch, options.trunk, &adapter));
  const auto examples = static_cast<int64_t>(batch.target_B.size());
  const at::Tensor confidence_BD = result.head_in_RD.narrow(0, 0, examples);
  const at::Tensor head_KD = model.head_rows(options.level_ids);

  at::Tensor dhead_RD = at::zeros_like(result.head_in_RD);
  at::Tensor log_normalizer_B, softmax_BV;
  if (has_soft_target(options.losses)) {
    const at::Tensor logits_BV = model.logits(confidence_BD);
    log_normalizer_B = logits_BV.to(at::kDouble).logsumexp(1).cpu();
    softmax_BV = logits_BV.softmax(1);
    if (!options.weight_B.empty())
      softmax_BV.mul_(
          at::tensor(options.weight_B, at::kDouble).to(softmax_BV.options()).unsqueeze(1));
  }
  double soft_target_weight = 0;
  at::Tensor dlogits_BK;
  double loss = level_losses(at::mm(confidence_BD, head_KD.t()), batch, options, log_normalizer_B,
                             soft_target_weight, dlogits_BK);
  at::Tensor dconfidence_BD;
  if (soft_target_weight > 0) {
    // Softmax and target nearly cancel at the levels, so they are subtracted before the product
    // rounds, not after it.
    const at::Tensor dlogits_BV = softmax_BV.mul_(soft_target_weight);
    const at::Tensor level_ids =
        at::tensor(std::vector<int64_t>(options.level_ids.begin(), options.level_ids.end()))
            .to(model.device());
    dlogits_BV.index_add_(1, level_ids, dlogits_BK.to(dlogits_BV.options()));
    dconfidence_BD = model.logits_backward(dlogits_BV);
  } else {
    dconfidence_BD = at::mm(dlogits_BK.to(head_KD.options()), head_KD);
  }
  dhead_RD.narrow(0, 0, examples).copy_(dconfidence_BD);

  if (lm && !result.lm_labels.empty()) {
    const auto rows = static_cast<int64_t>(result.lm_labels.size());
    const at::Tensor labels_R1 = at::tensor(result.lm_labels, at::TensorOptions().dtype(at::kLong))
                                     .to(model.device())
                                     .unsqueeze(1);
    at::Tensor log_q_RV = model.logits(result.head_in_RD.narrow(0, examples, rows)).log_softmax(1);
    loss -= options.lm_weight_per_token *
            log_q_RV.gather(1, labels_R1).to(at::kDouble).sum().item<double>();
    at::Tensor dlogits_RV = log_q_RV.exp_();
    dlogits_RV.scatter_add_(1, labels_R1, at::full({rows, 1}, -1.0, dlogits_RV.options()));
    dhead_RD.narrow(0, examples, rows)
        .copy_(model.logits_backward(dlogits_RV).mul_(options.lm_weight_per_token));
  }
  model.backward(saved, dhead_RD, gradient_flat);
  return loss;
}

}  // namespace candor::trainer
