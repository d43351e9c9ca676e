#include "trainer/kernels/packed_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <numeric>

#include "trainer/kernels/cpu_clones.h"
#include "trainer/kernels/gemm.h"

namespace candor::trainer {
namespace {

// Aligned the same in every run: a BLAS may add in another order for another alignment.
template <typename Real>
class Scratch {
 public:
  explicit Scratch(int64_t count)
      : data_(static_cast<Real*>(
            std::aligned_alloc(64, static_cast<size_t>(padded(count)) * sizeof(Real)))) {
    if (data_ == nullptr) throw std::bad_alloc();
  }
  Real* get() const { return data_.get(); }
  static int64_t padded(int64_t count) { return std::max<int64_t>(count + 15, 16) / 16 * 16; }

 private:
  struct Free {
    void operator()(Real* data) const { std::free(data); }
  };
  std::unique_ptr<Real, Free> data_;
};

// One block and one key head. Row i * group + g of its matrices is query i of the block, head g of
// the group that shares the key head.
template <typename Real>
struct Task {
  const AttentionBuffers<Real>* in = nullptr;
  const AttentionPlan* plan = nullptr;
  const QueryBlock* block = nullptr;
  int64_t key_head = 0;
  // A row of the score matrix, which has this stride, is [prefix | own].
  int64_t group = 0, size = 0, rows = 0, stride = 0;

  Task(const AttentionBuffers<Real>& buffers, const AttentionPlan& all, const QueryBlock& one,
       int64_t head)
      : in(&buffers),
        plan(&all),
        block(&one),
        key_head(head),
        group(buffers.heads / buffers.key_heads),
        size(buffers.head_size),
        rows(one.count * group),
        stride(Scratch<Real>::padded(one.prefix_length + one.most_own)) {}

  const KeyRuns& query(int64_t i) const {
    return plan->queries[static_cast<size_t>(block->first + i)];
  }

  // f(i, keys that query i sees, keys that have a score in its rows).
  template <typename F>
  void each_query(F&& f) const {
    for (int64_t r = block->first_run; r < block->past_runs; ++r) {
      const QueryRun& run = plan->runs[static_cast<size_t>(r)];
      for (int64_t i = run.first - block->first; i < run.first - block->first + run.count; ++i) {
        f(i, block->prefix_length + query(i).own_length, block->prefix_length + run.own_length);
      }
    }
  }
  int64_t out_column() const { return key_head * group * size; }

  // [rows, head_size] of the block's queries from a buffer whose rows hold all heads.
  void gather(const Real* from, int64_t from_stride, Real scale, Real* to) const {
    for (int64_t i = 0; i < block->count; ++i) {
      const Real* row = from + query(i).query_row * from_stride + out_column();
      for (int64_t d = 0; d < group * size; ++d) to[i * group * size + d] = scale * row[d];
    }
  }

  // scores = x y^T for the keys (or values) y that each row sees; of its own run a row gets more
  // than it sees.
  void scores_of(const Real* x, const Real* y, Real* scores) const {
    const Real* head = y + key_head * size;
    if (block->prefix_length > 0) {
      gemm<Real>({rows, block->prefix_length, size}, {x, size},
                 {head + block->prefix_begin * in->kv_stride, in->kv_stride, Operand::kTransposed},
                 {scores, stride});
    }
    each_run([&](const QueryRun& run, int64_t row, int64_t count) {
      gemm<Real>({count, run.own_length, size}, {x + row * size, size},
                 {head + run.own_begin * in->kv_stride, in->kv_stride, Operand::kTransposed},
                 {scores + row * stride + block->prefix_length, stride});
    });
  }

  // result[rows, head_size] = weights y.
  void weighted_sum(const Real* weights, const Real* y, Real* result) const {
    const Real* head = y + key_head * size;
    if (block->prefix_length > 0) {
      gemm<Real>({rows, size, block->prefix_length}, {weights, stride},
                 {head + block->prefix_begin * in->kv_stride, in->kv_stride}, {result, size});
    }
    each_run([&](const QueryRun& run, int64_t row, int64_t count) {
      gemm<Real>({count, size, run.own_length},
                 {weights + row * stride + block->prefix_length, stride},
                 {head + run.own_begin * in->kv_stride, in->kv_stride},
                 {result + row * size, size, block->prefix_length > 0 ? Real(1) : Real(0)});
    });
  }

  // Adds weights^T x to the rows of `into` that the keys have; into's first column is the key
  // head's.
  void add_transposed(const Real* weights, const Real* x, Real* into, int64_t into_stride) const {
    if (block->prefix_length > 0) {
      gemm<Real>({block->prefix_length, size, rows}, {weights, stride, Operand::kTransposed},
                 {x, size}, {into + block->prefix_begin * into_stride, into_stride, 1});
    }
    each_run([&](const QueryRun& run, int64_t row, int64_t count) {
      gemm<Real>({run.own_length, size, count},
                 {weights + row * stride + block->prefix_length, stride, Operand::kTransposed},
                 {x + row * size, size}, {into + run.own_begin * into_stride, into_stride, 1});
    });
  }

 private:
  template <typename F>
  void each_run(F&& f) const {
    for (int64_t r = block->first_run; r < block->past_runs; ++r) {
      const QueryRun& run = plan->runs[static_cast<size_t>(r)];
      f(run, (run.first - block->first) * group, run.count * group);
    }
  }
};

// A row of scores: those of `seen` keys count, the rest up to `width` become 0.
template <typename Real>
CANDOR_INLINE void softmax_body(Real* scores, int64_t seen, int64_t width, Real* sum, Real* lse) {
  Real largest = -std::numeric_limits<Real>::max();
  for (int64_t j = 0; j < seen; ++j) largest = std::max(largest, scores[j]);
  Real total = 0;
  for (int64_t j = 0; j < seen; ++j) {
    scores[j] = std::exp(scores[j] - largest);
    total += scores[j];
  }
  for (int64_t j = seen; j < width; ++j) scores[j] = 0;
  *sum = total;
  *lse = largest + std::log(total);
}

// Scores s become probabilities p = exp(s - lse), and dscores, which come as the gradients dp of
// the probabilities, gradients ds = p (dp - delta) of the scores.
template <typename Real>
CANDOR_INLINE void softmax_backward_body(Real* scores, Real* dscores, int64_t seen, int64_t width,
                                         Real lse, Real delta) {
  for (int64_t j = 0; j < seen; ++j) {
    scores[j] = std::exp(scores[j] - lse);
    dscores[j] = scores[j] * (dscores[j] - delta);
  }
  for (int64_t j = seen; j < width; ++j) scores[j] = dscores[j] = 0;
}

#define CANDOR_SOFTMAX(Real, suffix)                                                              \
  CANDOR_CPU_CLONES void softmax_##suffix(Real* s, int64_t seen, int64_t width, Real* sum,        \
                                          Real* lse) {                                            \
    softmax_body<Real>(s, seen, width, sum, lse);                                                 \
  }                                                                                               \
  CANDOR_CPU_CLONES void softmax_backward_##suffix(Real* s, Real* d, int64_t seen, int64_t width, \
                                                   Real lse, Real delta) {                        \
    softmax_backward_body<Real>(s, d, seen, width, lse, delta);                                   \
  }
CANDOR_SOFTMAX(float, f32)
CANDOR_SOFTMAX(double, f64)
#undef CANDOR_SOFTMAX

void softmax(float* s, int64_t seen, int64_t width, float* sum, float* lse) {
  softmax_f32(s, seen, width, sum, lse);
}
void softmax(double* s, int64_t seen, int64_t width, double* sum, double* lse) {
  softmax_f64(s, seen, width, sum, lse);
}
void softmax_backward(float* s, float* d, int64_t seen, int64_t width, float lse, float delta) {
  softmax_backward_f32(s, d, seen, width, lse, delta);
}
void softmax_backward(double* s, double* d, int64_t seen, int64_t width, double lse, double delta) {
  softmax_backward_f64(s, d, seen, width, lse, delta);
}

template <typename Real>
Real dot(const Real* a, const Real* b, int64_t n) {
  Real sum = 0;
  for (int64_t d = 0; d < n; ++d) sum += a[d] * b[d];
  return sum;
}

template <typename Real>
Real scale_of(const AttentionBuffers<Real>& in) {
  return Real(1) / std::sqrt(static_cast<Real>(in.head_size));
}

// Elements of the largest score matrix, and of the largest matrix of queries.
template <typename Real>
std::pair<int64_t, int64_t> scratch_sizes(const AttentionBuffers<Real>& in,
                                          const AttentionPlan& plan) {
  int64_t scores = 0, rows = 0;
  for (const QueryBlock& block : plan.blocks) {
    const Task<Real> task(in, plan, block, 0);
    scores = std::max(scores, task.rows * task.stride);
    rows = std::max(rows, task.rows);
  }
  return {scores, rows * in.head_size};
}

template <typename Real>
void forward_task(const Task<Real>& task, Real* scores, Real* q, Real* o) {
  const AttentionBuffers<Real>& in = *task.in;
  Real *const out = in.out, *const lse = in.lse;
  task.gather(in.q, in.q_stride, scale_of(in), q);
  task.scores_of(q, in.k, scores);
  Real* const sums = q;  // The queries aren't needed any more.
  task.each_query([&](int64_t i, int64_t seen, int64_t width) {
    for (int64_t g = 0; g < task.group; ++g) {
      softmax(scores + (i * task.group + g) * task.stride, seen, width, sums + i * task.group + g,
              lse + task.query(i).query_row * in.heads + task.key_head * task.group + g);
    }
  });
  task.weighted_sum(scores, in.v, o);
  for (int64_t i = 0; i < task.block->count; ++i) {
    Real* row = out + task.query(i).query_row * in.heads * task.size + task.out_column();
    for (int64_t g = 0; g < task.group; ++g) {
      const Real inverse = Real(1) / sums[i * task.group + g];
      for (int64_t d = 0; d < task.size; ++d)
        row[g * task.size + d] = inverse * o[(i * task.group + g) * task.size + d];
    }
  }
}

template <typename Real>
struct BackwardScratch {
  Scratch<Real> scores, dscores, q, d_o, dq;
  BackwardScratch(int64_t score_count, int64_t query_count)
      : scores(score_count),
        dscores(score_count),
        q(query_count),
        d_o(query_count),
        dq(query_count) {}
};

// Where the gradients of one key head's keys and values are added: its first column.
template <typename Real>
struct KeyGradients {
  Real* dk = nullptr;
  Real* dv = nullptr;
  int64_t stride = 0;
};

template <typename Real>
void backward_task(const Task<Real>& task, const AttentionGradientBuffers<Real>& gradients,
                   const KeyGradients<Real>& into, const BackwardScratch<Real>& scratch) {
  const AttentionBuffers<Real>& in = *task.in;
  const Real *const out = in.out, *const lse = in.lse;
  Real *const scores = scratch.scores.get(), *const dscores = scratch.dscores.get(),
              *const q = scratch.q.get(), *const d_o = scratch.d_o.get();
  const int64_t out_stride = in.heads * task.size;
  task.gather(in.q, in.q_stride, scale_of(in), q);
  task.gather(gradients.dout, out_stride, Real(1), d_o);
  task.scores_of(q, in.k, scores);
  task.scores_of(d_o, in.v, dscores);
  task.each_query([&](int64_t i, int64_t seen, int64_t width) {
    const KeyRuns& query = task.query(i);
    for (int64_t g = 0; g < task.group; ++g) {
      const int64_t row = i * task.group + g;
      const Real delta =
          dot(d_o + row * task.size,
              out + query.query_row * out_stride + task.out_column() + g * task.size, task.size);
      softmax_backward(scores + row * task.stride, dscores + row * task.stride, seen, width,
                       lse[query.query_row * in.heads + task.key_head * task.group + g], delta);
    }
  });
  task.add_transposed(scores, d_o, into.dv, into.stride);
  task.add_transposed(dscores, q, into.dk, into.stride);  // q carries the scale.
  Real* const dq_block = scratch.dq.get();
  task.weighted_sum(dscores, in.k, dq_block);
  for (int64_t i = 0; i < task.block->count; ++i) {
    Real* row = gradients.dq + task.query(i).query_row * in.q_stride + task.out_column();
    for (int64_t d = 0; d < task.group * task.size; ++d)
      row[d] += scale_of(in) * dq_block[i * task.group * task.size + d];
  }
}

// The cut of the blocks into parts of about the same work, which run side by side for one key head.
// Their number depends on the model alone.
std::vector<size_t> parts_of(const AttentionPlan& plan, int64_t key_heads) {
  const auto parts = static_cast<size_t>((6 + key_heads - 1) / key_heads);
  const double total =
      std::accumulate(plan.blocks.begin(), plan.blocks.end(), 0.0,
                      [](double sum, const QueryBlock& block) { return sum + block.work; });
  std::vector<size_t> ends;
  double before = 0;
  for (size_t b = 0; b < plan.blocks.size(); ++b) {
    before += plan.blocks[b].work;
    while (ends.size() + 1 < parts &&
           before * static_cast<double>(parts) >= total * static_cast<double>(ends.size() + 1))
      ends.push_back(b + 1);
  }
  while (ends.size() < parts) ends.push_back(plan.blocks.size());
  return ends;
}

template <typename Real>
void forward(const AttentionBuffers<Real>& in, const AttentionPlan& plan) {
  const auto [score_count, query_count] = scratch_sizes(in, plan);
  // Tasks differ in size and write rows of their own, so each thread takes the next one.
  const int64_t tasks = static_cast<int64_t>(plan.blocks.size()) * in.key_heads;
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, std::min<int64_t>(tasks, at::get_num_threads()), 1,
                   [&, scores_n = score_count, queries_n = query_count](int64_t, int64_t) {
                     const Scratch<Real> scores(scores_n), q(queries_n), o(queries_n);
                     for (int64_t t = next++; t < tasks; t = next++) {
                       const Task<Real> task(in, plan,
                                             plan.blocks[static_cast<size_t>(t / in.key_heads)],
                                             t % in.key_heads);
                       forward_task(task, scores.get(), q.get(), o.get());
                     }
                   });
}

template <typename Real>
void backward(const AttentionBuffers<Real>& in, const AttentionPlan& plan,
              const AttentionGradientBuffers<Real>& gradients) {
  Real *const dk = gradients.dk, *const dv = gradients.dv;
  const auto [score_count, query_count] = scratch_sizes(in, plan);
  const std::vector<size_t> ends = parts_of(plan, in.key_heads);
  const auto parts = static_cast<int64_t>(ends.size());
  // The first part adds to dk and dv themselves, each other part to a buffer of its own: [part, key
  // head, dk or dv, key row, head_size].
  const int64_t one = plan.key_rows * in.head_size;
  const Scratch<Real> partial((parts - 1) * in.key_heads * 2 * one);
  const auto partial_of = [&](int64_t part, int64_t head) {
    return partial.get() + ((part - 1) * in.key_heads + head) * 2 * one;
  };
  at::parallel_for(
      0, parts * in.key_heads, 1,
      [&, scores_n = score_count, queries_n = query_count](int64_t b, int64_t e) {
        const BackwardScratch<Real> scratch(scores_n, queries_n);
        for (int64_t t = b; t < e; ++t) {
          const int64_t part = t / in.key_heads, head = t % in.key_heads;
          KeyGradients<Real> into{dk + head * in.head_size, dv + head * in.head_size, in.kv_stride};
          if (part > 0) {
            Real* const own = partial_of(part, head);
            std::fill_n(own, 2 * one, Real(0));
            into = {own, own + one, in.head_size};
          }
          for (size_t block = part == 0 ? 0 : ends[static_cast<size_t>(part - 1)];
               block < ends[static_cast<size_t>(part)]; ++block) {
            backward_task(Task<Real>(in, plan, plan.blocks[block], head), gradients, into, scratch);
          }
        }
      });
  at::parallel_for(0, plan.key_rows, 64, [&](int64_t b, int64_t e) {
    for (int64_t part = 1; part < parts; ++part) {
      for (int64_t head = 0; head < in.key_heads; ++head) {
        const Real* from = partial_of(part, head);
        for (int64_t row = b; row < e; ++row) {
          const int64_t at = row * in.kv_stride + head * in.head_size;
          for (int64_t d = 0; d < in.head_size; ++d) dk[at + d] += from[row * in.head_size + d];
          for (int64_t d = 0; d < in.head_size; ++d)
            dv[at + d] += from[one + row * in.head_size + d];
        }
      }
    }
  });
}

}  // namespace

template <typename Real>
void packed_attention_forward(const AttentionBuffers<Real>& in, const AttentionPlan& plan) {
  forward(in, plan);
}

template <typename Real>
void packed_attention_backward(const AttentionBuffers<Real>& in, const AttentionPlan& plan,
                               const AttentionGradientBuffers<Real>& gradients) {
  backward(in, plan, gradients);
}

template void packed_attention_forward(const AttentionBuffers<float>&, const AttentionPlan&);
template void packed_attention_forward(const AttentionBuffers<double>&, const AttentionPlan&);
template void packed_attention_backward(const AttentionBuffers<float>&, const AttentionPlan&,
                                        const AttentionGradientBuffers<float>&);
template void packed_attention_backward(const AttentionBuffers<double>&, const AttentionPlan&,
                                        const AttentionGradientBuffers<double>&);

}  // namespace candor::trainer
