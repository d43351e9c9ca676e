#include "trainer/kernels/attention_plan.h"

#include <algorithm>
#include <utility>

namespace candor::trainer {

AttentionPlan::AttentionPlan(std::vector<KeyRuns> all, int64_t rows_per_block)
    : queries(std::move(all)) {
  const auto count = static_cast<int64_t>(queries.size());
  for (int64_t i = 0; i < count; ++i) {
    const KeyRuns& query = queries[static_cast<size_t>(i)];
    const bool same_prefix = !blocks.empty() && blocks.back().prefix_begin == query.prefix_begin &&
                             blocks.back().prefix_length == query.prefix_length;
    if (!same_prefix || blocks.back().count == rows_per_block) {
      const auto run = static_cast<int64_t>(runs.size());
      blocks.push_back({.first = i,
                        .prefix_begin = query.prefix_begin,
                        .prefix_length = query.prefix_length,
                        .first_run = run,
                        .past_runs = run});
    }
    QueryBlock& block = blocks.back();
    const bool goes_on = block.past_runs > block.first_run &&
                         runs.back().own_begin == query.own_begin &&
                         runs.back().own_length < query.own_length;
    if (!goes_on) {
      runs.push_back({.first = i, .own_begin = query.own_begin});
      ++block.past_runs;
    }
    ++runs.back().count;
    runs.back().own_length = query.own_length;
    ++block.count;
    block.most_own = std::max(block.most_own, query.own_length);
    block.work += static_cast<double>(query.prefix_length + query.own_length);
    key_rows = std::max(
        {key_rows, query.prefix_begin + query.prefix_length, query.own_begin + query.own_length});
  }
}

int64_t attention_rows_per_block(int64_t heads, int64_t key_heads) {
  return std::max<int64_t>(8, 96 / (heads / key_heads));
}

}  // namespace candor::trainer
