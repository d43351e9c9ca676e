// Cached decoding against the packed forward pass, and greedy generation.
#include "trainer/generation/cached_decoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "trainer/generation/greedy_generator.h"

namespace candor::trainer {
namespace {

const std::string kTiny = std::string(CANDOR_SOURCE_DIR) + "/tests/model/data/tiny";

// Logits after the last token of one sequence, by the packed forward pass, which is checked against
// transformers.
at::Tensor packed_logits(const LlamaModel& model, const std::vector<uint32_t>& tokens) {
  data::MicroBatch batch;
  batch.tokens_T = tokens;
  batch.segments.push_back({0, static_cast<int64_t>(tokens.size()), -1, 0});
  batch.confidence_row_B.push_back(static_cast<int64_t>(tokens.size()) - 1);
  batch.example_B.push_back(0);
  batch.target_B.push_back(0);
  batch.response_rows_B.emplace_back(0, 0);
  return model.logits(model.forward(batch, {}).head_in_RD)[0];
}

std::vector<uint32_t> joined(std::vector<uint32_t> a, const std::vector<uint32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class CachedDecoderTest : public testing::TestWithParam<std::vector<uint32_t>> {
 protected:
  LlamaModel model_{kTiny, at::kDouble};
  std::vector<std::vector<uint32_t>> suffixes_ = {{5, 6, 7}, {9}, {11, 12, 13, 14, 15, 16}};
};

TEST_P(CachedDecoderTest, GivesThePackedForwardsLogitsAtEveryStep) {
  const std::vector<uint32_t> prefix = GetParam();
  CachedDecoder decoder(model_, prefix);
  for (int round = 0; round < 2;
       ++round) {  // the second group finds the prefix as the first left it
    std::vector<std::vector<uint32_t>> sequences = suffixes_;
    decoder.begin_group(3, 12);
    std::vector<CachedDecoder::Append> appends;
    for (size_t s = 0; s < 3; ++s) appends.push_back({static_cast<int64_t>(s), suffixes_[s]});
    for (uint32_t step = 0; step < 4; ++step) {
      const at::Tensor logits = decoder.append(appends);
      for (size_t n = 0; n < appends.size(); ++n) {
        const at::Tensor expected =
            packed_logits(model_, joined(prefix, sequences[static_cast<size_t>(appends[n].slot)]));
        EXPECT_LT((logits[static_cast<int64_t>(n)] - expected).abs().max().item<double>(), 1e-10);
      }
      // One sequence rests in step 1, another ends after step 2.
      static const uint32_t kNext[] = {20, 21, 22, 23};
      std::vector<CachedDecoder::Append> next;
      for (size_t s = 0; s < 3; ++s) {
        if ((step == 0 && s == 1) || (step >= 2 && s == 0)) continue;
        sequences[s].push_back(kNext[step]);
        next.push_back({static_cast<int64_t>(s), std::span<const uint32_t>(&kNext[step], 1)});
      }
      appends = next;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Prefixes, CachedDecoderTest,
                         testing::Values(std::vector<uint32_t>{}, std::vector<uint32_t>{3},
                                         std::vector<uint32_t>{3, 4, 5, 6, 7, 8, 9, 10, 30, 31}));

TEST(CachedDecoder, RefusesWhatDoesNotFit) {
  const LlamaModel model(kTiny, at::kFloat);
  CachedDecoder decoder(model, {1});
  decoder.begin_group(1, 2);
  const std::vector<uint32_t> three = {1, 2, 3}, unknown = {99};
  EXPECT_THROW(decoder.append({{0, three}}), std::logic_error);
  EXPECT_THROW(decoder.append({{0, unknown}}), std::invalid_argument);
}

TEST(GreedyGenerator, TakesTheLikeliestTokenUntilAnEnd) {
  const LlamaModel model(kTiny, at::kDouble);
  const std::vector<uint32_t> prefix = {3, 4, 5};
  const std::vector<std::vector<uint32_t>> suffixes = {{6, 7}, {8}, {9, 10, 11}};
  GreedyGenerator generator(model, prefix);
  const auto whole = generator.generate(suffixes, {.max_new_tokens = 6});
  for (size_t s = 0; s < suffixes.size(); ++s) {
    std::vector<uint32_t> sequence = joined(prefix, suffixes[s]);
    ASSERT_EQ(whole[s].size(), 6U);
    for (const uint32_t token : whole[s]) {
      EXPECT_EQ(token, packed_logits(model, sequence).argmax().item<int64_t>());
      sequence.push_back(token);
    }
  }
  // An end token isn't part of the answer, and other sequences go on.
  const uint32_t end = whole[0][2];
  const auto ended = generator.generate(suffixes, {.max_new_tokens = 6, .end_tokens = {end}});
  for (size_t s = 0; s < suffixes.size(); ++s) {
    const auto at = std::find(whole[s].begin(), whole[s].end(), end);
    EXPECT_EQ(ended[s], std::vector<uint32_t>(whole[s].begin(), at));
  }
  const auto complete = generator.generate(
      suffixes, {.max_new_tokens = 6,
                 .is_complete = [](std::span<const uint32_t> ids) { return ids.size() == 2; }});
  for (const auto& ids : complete) EXPECT_EQ(ids.size(), 2U);
}

// Fewer slots than sequences: each says what it says alone, whoever had its slot before, and
// prompts that end at different times mix.
TEST(GreedyGenerator, ASequenceTakesTheSlotOfOneThatEnded) {
  const LlamaModel model(kTiny, at::kDouble);
  std::vector<std::vector<uint32_t>> suffixes;
  for (uint32_t s = 0; s < 11; ++s) {
    suffixes.emplace_back();
    for (uint32_t t = 0; t <= s * 5 % 7; ++t) suffixes.back().push_back((s * 17 + t * 3) % 61);
  }
  const GreedyOptions alone{
      .max_new_tokens = 7, .slots = 1, .is_complete = [](std::span<const uint32_t> ids) {
        return ids.back() % 3 == 0;
      }};
  GreedyGenerator generator(model, {3, 4, 5});
  std::vector<std::vector<uint32_t>> expected;
  for (const auto& suffix : suffixes)
    expected.push_back(generator.generate(std::span(&suffix, 1), alone)[0]);
  size_t shortest = 7, longest = 0;
  for (const auto& ids : expected)
    shortest = std::min(shortest, ids.size()), longest = std::max(longest, ids.size());
  ASSERT_LT(shortest, longest);
  for (const int64_t slots : {1, 2, 4, 11, 32}) {
    GreedyOptions options = alone;
    options.slots = slots;
    EXPECT_EQ(generator.generate(suffixes, options), expected) << slots << " slots";
  }
  EXPECT_TRUE(generator.generate({}, alone).empty());
}

}  // namespace
}  // namespace candor::trainer
