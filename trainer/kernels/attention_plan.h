// Which rows a query attends to, and the cut of all queries into blocks that are computed as matrix
// products.
//
// Each query names its keys as two runs of rows in a key/value buffer: a prefix (all of it) and its
// own sequence up to itself. So one plan serves training (keys are the micro-batch's own rows) and
// generation (keys are a cache).
// A block is some consecutive queries with one prefix, whose scores are one product with it; its
// runs are consecutive rows of one sequence.
#pragma once

#include <cstdint>
#include <vector>

namespace candor::trainer {

struct KeyRuns {
  int64_t query_row = 0;  // The query lies there in the q, out and gradient buffers.
  int64_t prefix_begin = 0, prefix_length = 0;
  int64_t own_begin = 0, own_length = 0;
};

struct QueryRun {
  int64_t first = 0, count = 0;  // They count the plan's queries.
  // The last query sees all of these keys; the others see less, row by row.
  int64_t own_begin = 0, own_length = 0;
};

struct QueryBlock {
  int64_t first = 0, count = 0;  // They count the plan's queries.
  int64_t prefix_begin = 0, prefix_length = 0;
  int64_t most_own = 0;                  // The longest own_length of its queries.
  int64_t first_run = 0, past_runs = 0;  // Its runs are [first_run, past_runs).
  double work = 0;                       // It counts scores.
};

struct AttentionPlan {
  // At most rows_per_block queries a block.
  AttentionPlan(std::vector<KeyRuns> queries, int64_t rows_per_block);

  std::vector<KeyRuns> queries;
  std::vector<QueryRun> runs;
  std::vector<QueryBlock> blocks;
  int64_t key_rows = 0;  // It is one past the last row that somebody sees.
};

// Queries of a block such that the heads that share a key head are about a hundred rows of a
// product.
int64_t attention_rows_per_block(int64_t heads, int64_t key_heads);

}  // namespace candor::trainer
