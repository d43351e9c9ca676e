#include "trainer/model/frozen_trunk.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

#include "data_pipeline/files/sha256.h"

namespace candor {
namespace {

std::string tensor_name(size_t micro_batch) { return fmt::format("entering.{:08}", micro_batch); }

}  // namespace

FrozenTrunk::FrozenTrunk(const LlamaModel& model, const TokenData& data, std::span<const int64_t> examples, FrozenTrunkOptions options,
                         ProcessGroup& group)
    : model_(model), data_(data), options_(std::move(options)), suffix_(data.examples()), prefix_(data.prefixes()) {
  plan(examples);
  std::string text = fmt::format("{}\nlayer {}\nmicro-batches of {}\nexamples", options_.identity, options_.layer, options_.batch_examples);
  for (const int64_t example : examples) text += fmt::format(" {}", example);
  const std::string identity = sha256_hex(text);
  reused_ = is_there(identity, group);
  if (!reused_) compute(identity, group);
  group.barrier();
  file_.emplace(options_.path);
  for (size_t m = 0; m < micro_batches_.size(); ++m) tensors_.push_back(file_->tensors().at(tensor_name(m)));
}

void FrozenTrunk::plan(std::span<const int64_t> examples) {
  for (std::vector<int64_t>& members : cut_micro_batches(examples, options_.batch_examples)) {
    const MicroBatch batch = make_micro_batch(data_, members, /*share_prefix=*/true);
    const auto here = static_cast<int64_t>(micro_batches_.size());
    Stored stored;
    const auto store = [&](Place& place, int64_t begin, int64_t length) {
      if (place.micro_batch >= 0) return;
      place = {here, stored.rows};
      stored.pieces.push_back({begin, length});
      stored.rows += length;
    };
    const size_t first_suffix = batch.segments.size() - members.size();
    for (size_t b = 0; b < members.size(); ++b) {
      const Segment& suffix = batch.segments[first_suffix + b];
      const auto example = static_cast<size_t>(members[b]);
      if (suffix.parent >= 0) {
        const Segment& prefix = batch.segments[static_cast<size_t>(suffix.parent)];
        store(prefix_[static_cast<size_t>(data_.prefix_index[example])], prefix.begin, prefix.length);
      }
      store(suffix_[example], suffix.begin, suffix.length);
    }
    stored.examples = std::move(members);
    micro_batches_.push_back(std::move(stored));
  }
}

bool FrozenTrunk::is_there(const std::string& identity, ProcessGroup& group) const {
  std::string found;
  if (group.rank() == 0) {
    try {
      const SafetensorsFile file(options_.path);
      const auto of_file = file.metadata().find("identity");
      if (of_file != file.metadata().end() && of_file->second == identity) found = "yes";
    } catch (const std::exception&) {  // none, or damaged: it can be made again
    }
  }
  group.broadcast_bytes(found, 0);
  return !found.empty();
}

std::string FrozenTrunk::stored_bytes(const Stored& stored) const {
  const at::Tensor hidden_TD =
      model_.hidden_entering(make_micro_batch(data_, stored.examples, /*share_prefix=*/true), options_.layer).cpu().contiguous();
  const auto row_bytes = static_cast<int64_t>(hidden_TD.element_size()) * hidden_TD.size(1);
  const auto* rows = static_cast<const char*>(hidden_TD.const_data_ptr());
  std::string bytes;
  for (const Piece& piece : stored.pieces) bytes.append(rows + piece.begin * row_bytes, static_cast<size_t>(piece.length * row_bytes));
  return bytes;
}

// Rank 0 writes micro-batches in order; they are computed in rounds of one for each rank, so that few are in memory at a time.
void FrozenTrunk::compute(const std::string& identity, ProcessGroup& group) const {
  const auto ranks = static_cast<size_t>(group.world_size()), mine = static_cast<size_t>(group.rank()), count = micro_batches_.size();
  const auto compute_round = [&](size_t first) {
    std::vector<std::string> of_ranks = group.all_gather_bytes(first + mine < count ? stored_bytes(micro_batches_[first + mine]) : "");
    if (options_.on_progress) options_.on_progress(static_cast<int64_t>(std::min(first + ranks, count)), static_cast<int64_t>(count));
    return of_ranks;
  };
  if (mine != 0) {
    for (size_t first = 0; first < count; first += ranks) compute_round(first);
    return;
  }
  std::vector<std::string> round;
  std::vector<TensorSource> tensors;
  for (size_t m = 0; m < count; ++m) {
    tensors.push_back({.name = tensor_name(m),
                       .dtype = model_.dtype() == at::kDouble ? DType::F64 : DType::F32,
                       .shape = {micro_batches_[m].rows, model_.config().width},
                       .make = [&, m] {
                         if (m % ranks == 0) round = compute_round(m);
                         const auto bytes = std::as_bytes(std::span(round[m % ranks]));
                         return std::vector<std::byte>(bytes.begin(), bytes.end());
                       }});
  }
  write_safetensors_streamed(options_.path, std::move(tensors), {{"format", "candor frozen trunk"}, {"identity", identity}});
}

int64_t FrozenTrunk::size_bytes() const {
  int64_t total = 0;
  for (const TensorView& tensor : tensors_) total += static_cast<int64_t>(tensor.bytes.size());
  return total;
}

void FrozenTrunk::copy_rows(Place from, int64_t length, int64_t to, at::Tensor& rows_TD) const {
  const auto row_bytes = static_cast<int64_t>(rows_TD.element_size()) * rows_TD.size(1);
  const TensorView& tensor = tensors_[static_cast<size_t>(from.micro_batch)];
  std::memcpy(static_cast<char*>(rows_TD.mutable_data_ptr()) + to * row_bytes, tensor.bytes.data() + from.row * row_bytes,
              static_cast<size_t>(length * row_bytes));
}

at::Tensor FrozenTrunk::rows(const MicroBatch& batch) const {
  at::Tensor rows_TD = at::empty({static_cast<int64_t>(batch.tokens_T.size()), model_.config().width}, at::TensorOptions().dtype(model_.dtype()));
  const size_t first_suffix = batch.segments.size() - batch.example_B.size();
  for (size_t b = 0; b < batch.example_B.size(); ++b) {
    const auto example = static_cast<size_t>(batch.example_B[b]);
    if (suffix_.at(example).micro_batch < 0) throw std::out_of_range(fmt::format("frozen trunk: example {} isn't stored", example));
    const Segment& segment = batch.segments[first_suffix + b];
    const int32_t prefix = data_.prefix_index[example];
    int64_t suffix_begin = segment.begin;
    if (prefix >= 0) {
      const Place& place = prefix_[static_cast<size_t>(prefix)];
      if (segment.parent >= 0) {
        const Segment& shared = batch.segments[static_cast<size_t>(segment.parent)];
        copy_rows(place, shared.length, shared.begin, rows_TD);
      } else {  // train.share_prefix: false
        const auto length = static_cast<int64_t>(data_.full_prefix(prefix).size());
        copy_rows(place, length, segment.begin, rows_TD);
        suffix_begin += length;
      }
    }
    copy_rows(suffix_[example], segment.begin + segment.length - suffix_begin, suffix_begin, rows_TD);
  }
  return rows_TD.to(model_.device());
}

}  // namespace candor
