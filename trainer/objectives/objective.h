// The losses over the confidence levels. Each is small, pure and in a file of its own; the schedule
// (schedule.h) mixes them.
//
// Shapes: f holds the K = N+1 confidence logits of one example; level i states the probability i/N;
// target y lies in [0, 1].
// Every function writes dl/df into `gradient_K` (same length as f) and returns the loss. Computed
// in fp64 whatever the model's dtype:
// K is at most 101, so it costs nothing.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace candor::trainer {

// l(q, y) = sum_i q_i (y - i/N)^2 with q = softmax(f). Gradient q_i [(y - i/N)^2 - l]. It vanishes
// where q is one-hot.
// Source: ConfTuner, arXiv 2508.18847, equation of the tokenized Brier score.
double tokenized_brier(std::span<const double> f_K, double y, std::span<double> gradient_K);

// -[y log E + (1-y) log(1-E)], E = sum_i q_i i/N, by log-sum-exp: no clamp, right at |f| = 1e4.
// Gradient q_i - r_i.
double expectation_log_loss(std::span<const double> f_K, double y, std::span<double> gradient_K);

// (y - E)^2: the Brier score of the expectation, without tokenized Brier's variance term.
double mean_brier(std::span<const double> f_K, double y, std::span<double> gradient_K);

// Cross-entropy with t_i proportional to 1 - (y - i/N)^2, over the *full* vocabulary:
// `log_normalizer` is the log-sum-exp of all V logits. `gradient_K` receives the part through the K
// logits' own terms (-t_i); the caller adds softmax over the vocabulary.
// Source: the "sot" option of ConfTuner's authors.
double soft_target(std::span<const double> f_K, double y, double log_normalizer,
                   std::span<double> gradient_K);

}  // namespace candor::trainer
