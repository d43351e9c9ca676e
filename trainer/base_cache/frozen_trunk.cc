#include "trainer/base_cache/frozen_trunk.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "data_pipeline/files/hash_beside.h"
#include "data_pipeline/files/sha256.h"
#include "trainer/model/stored_dtype.h"

namespace candor::trainer {
namespace {

// The file's layout is part of its identity, so that one of another version is made anew.
constexpr const char* kLayout = "layout 2";

// The tensors are made in the order of their names, one micro-batch after the other.
std::string entering_name(size_t micro_batch) { return fmt::format("{:08}.entering", micro_batch); }
std::string keys_values_name(size_t micro_batch) {
  return fmt::format("{:08}.keys_values", micro_batch);
}

int64_t keys_values_width(const ModelConfig& config) {
  return 2 * config.key_heads * config.head_size;
}

void append_rows(const at::Tensor& from, int64_t begin, int64_t length, std::string& bytes) {
  const int64_t row_bytes = static_cast<int64_t>(from.element_size()) * from.size(1);
  bytes.append(static_cast<const char*>(from.const_data_ptr()) + begin * row_bytes,
               static_cast<size_t>(length * row_bytes));
}

// Row `from` and those after it of a matrix that begins at `stored`.
void copy_rows(const std::byte* stored, int64_t from, int64_t length, int64_t to,
               at::Tensor& rows) {
  const int64_t row_bytes = static_cast<int64_t>(rows.element_size()) * rows.size(1);
  std::memcpy(static_cast<char*>(rows.mutable_data_ptr()) + to * row_bytes,
              stored + from * row_bytes, static_cast<size_t>(length * row_bytes));
}

// The rows that an aLoRA adapter changes: of every example those from the marker's first token to
// its confidence row.
std::vector<int64_t> rows_from_marker(const data::MicroBatch& batch,
                                      const std::vector<uint32_t>& marker) {
  std::vector<int64_t> rows;
  for (size_t b = 0; b < batch.confidence_row_B.size(); ++b) {
    const int64_t begin = batch.marker_row_B[b], end = batch.confidence_row_B[b] + 1;
    if (!std::equal(marker.begin(), marker.end(), batch.tokens_T.begin() + begin,
                    batch.tokens_T.begin() + end)) {
      throw std::invalid_argument(
          "the adapter acts from its confidence marker on, and an example's marker has other "
          "tokens: is the prompt another than it was trained "
          "with?");
    }
    for (int64_t row = begin; row < end; ++row) rows.push_back(row);
  }
  return rows;
}

}  // namespace

FrozenTrunk::FrozenTrunk(const LlamaModel& model, const data::TokenData& data,
                         std::span<const int64_t> examples, FrozenTrunkOptions options,
                         comm::ProcessGroup& group)
    : model_(model),
      data_(data),
      options_(std::move(options)),
      suffix_(data.examples.size()),
      prefix_(data.prefixes.size()) {
  plan(examples);
  std::string text = fmt::format("{}\n{}\n{}\nmicro-batches of {}\nexamples", kLayout,
                                 options_.identity, rows_text(), options_.batch_examples);
  for (const int64_t example : examples) text += fmt::format(" {}", example);
  const std::string identity = data::sha256_hex(text);
  reused_ = is_there(identity, group);
  if (!reused_) compute(identity, group);
  if (options_.hosts != nullptr)
    options_.hosts->send({options_.path, data::path_of_hash_beside(options_.path)});
  group.barrier();
  file_.emplace(options_.path);
  for (size_t m = 0; m < micro_batches_.size(); ++m) {
    entering_.push_back(file_->tensors().at(entering_name(m)));
    if (options_.keys_values) keys_values_.push_back(file_->tensors().at(keys_values_name(m)));
  }
}

std::string FrozenTrunk::rows_text() const {
  return fmt::format("layer {}{}", options_.layer, options_.keys_values ? " keys and values" : "");
}

void FrozenTrunk::plan(std::span<const int64_t> examples) {
  for (std::vector<int64_t>& members : data::cut_micro_batches(examples, options_.batch_examples)) {
    const data::MicroBatch batch = data::make_micro_batch(data_, members, /*share_prefix=*/true);
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
      const data::Segment& suffix = batch.segments[first_suffix + b];
      const auto example = static_cast<size_t>(members[b]);
      if (suffix.parent >= 0) {
        const data::Segment& prefix = batch.segments[static_cast<size_t>(suffix.parent)];
        store(prefix_[static_cast<size_t>(data_.examples[example].prefix)], prefix.begin,
              prefix.length);
      }
      store(suffix_[example], suffix.begin, suffix.length);
    }
    stored.examples = std::move(members);
    micro_batches_.push_back(std::move(stored));
  }
}

bool FrozenTrunk::is_there(const std::string& identity, comm::ProcessGroup& group) const {
  std::string found;
  if (group.rank() == 0) {
    try {
      const data::SafetensorsFile file(options_.path);
      const auto of_file = file.metadata().find("identity");
      if (of_file != file.metadata().end() && of_file->second == identity &&
          data::matches_hash_beside(options_.path))
        found = "yes";
    } catch (const std::exception&) {  // There is none, or it is damaged: it can be made again.
    }
  }
  group.broadcast_bytes(found, 0);
  return !found.empty();
}

// The micro-batch's tensors one after the other.
std::string FrozenTrunk::stored_bytes(const Stored& stored) const {
  const BaseStates states =
      model_.base_states(data::make_micro_batch(data_, stored.examples, /*share_prefix=*/true),
                         options_.layer, options_.keys_values);
  std::string bytes;
  const auto append = [&](const at::Tensor& rows) {
    const at::Tensor dense = rows.cpu().contiguous();
    for (const Piece& piece : stored.pieces) append_rows(dense, piece.begin, piece.length, bytes);
  };
  append(states.entering_TD);
  for (const at::Tensor& of_layer : states.keys_values) append(of_layer);
  return bytes;
}

// Rank 0 writes micro-batches in order, and so does the keeper of each further file system, who
// gets them anyway; they are computed in rounds of one for each rank, so that few are in memory at
// a time.
void FrozenTrunk::compute(const std::string& identity, comm::ProcessGroup& group) const {
  const auto ranks = static_cast<size_t>(group.world_size()),
             mine = static_cast<size_t>(group.rank()), count = micro_batches_.size();
  const auto compute_round = [&](size_t first) {
    std::vector<std::string> of_ranks = group.all_gather_bytes(
        first + mine < count ? stored_bytes(micro_batches_[first + mine]) : "");
    if (options_.on_progress)
      options_.on_progress(static_cast<int64_t>(std::min(first + ranks, count)),
                           static_cast<int64_t>(count));
    return of_ranks;
  };
  if (mine != 0 && (options_.hosts == nullptr || !options_.hosts->keeps())) {
    for (size_t first = 0; first < count; first += ranks) compute_round(first);
    return;
  }
  std::vector<std::string> round;
  std::vector<data::TensorSource> tensors;
  const ModelConfig& c = model_.config();
  for (size_t m = 0; m < count; ++m) {
    const int64_t rows = micro_batches_[m].rows, element = model_.dtype() == at::kDouble ? 8 : 4;
    const auto entering_bytes = static_cast<size_t>(rows * c.width * element);
    const auto bytes_of_round = [&round, m, ranks](size_t begin, size_t length) {
      const auto bytes = std::as_bytes(std::span(round[m % ranks])).subspan(begin, length);
      return std::vector<std::byte>(bytes.begin(), bytes.end());
    };
    tensors.push_back({.name = entering_name(m),
                       .dtype = stored_dtype(model_.dtype()),
                       .shape = {rows, c.width},
                       .make = [&, bytes_of_round, entering_bytes, m] {
                         if (m % ranks == 0) round = compute_round(m);
                         return bytes_of_round(0, entering_bytes);
                       }});
    if (!options_.keys_values) continue;
    const std::vector<int64_t> shape = {c.layers - options_.layer, rows, keys_values_width(c)};
    const auto keys_values_bytes = static_cast<size_t>(shape[0] * shape[1] * shape[2] * element);
    tensors.push_back({.name = keys_values_name(m),
                       .dtype = stored_dtype(model_.dtype()),
                       .shape = shape,
                       .make = [bytes_of_round, entering_bytes, keys_values_bytes] {
                         return bytes_of_round(entering_bytes, keys_values_bytes);
                       }});
  }
  data::write_hash_beside(options_.path,
                          data::write_safetensors_streamed(
                              options_.path, std::move(tensors),
                              {{"format", "candor frozen trunk"}, {"identity", identity}}));
}

int64_t FrozenTrunk::size_bytes() const {
  int64_t total = 0;
  for (const std::vector<data::TensorView>* tensors : {&entering_, &keys_values_}) {
    for (const data::TensorView& tensor : *tensors)
      total += static_cast<int64_t>(tensor.bytes.size());
  }
  return total;
}

template <typename F>
void FrozenTrunk::each_piece(const data::MicroBatch& batch, F&& f) const {
  const size_t first_suffix = batch.segments.size() - batch.example_B.size();
  for (size_t b = 0; b < batch.example_B.size(); ++b) {
    const auto example = static_cast<size_t>(batch.example_B[b]);
    if (suffix_.at(example).micro_batch < 0)
      throw std::out_of_range(fmt::format("frozen trunk: example {} isn't stored", example));
    const data::Segment& segment = batch.segments[first_suffix + b];
    const int32_t prefix = data_.examples[example].prefix;
    int64_t suffix_begin = segment.begin;
    if (prefix >= 0) {
      const Place& place = prefix_[static_cast<size_t>(prefix)];
      if (segment.parent >= 0) {
        const data::Segment& shared = batch.segments[static_cast<size_t>(segment.parent)];
        f(place, shared.length, shared.begin);
      } else {  // train.share_prefix: false
        const auto length = static_cast<int64_t>(data_.full_prefix(prefix).size());
        f(place, length, segment.begin);
        suffix_begin += length;
      }
    }
    f(suffix_[example], segment.begin + segment.length - suffix_begin, suffix_begin);
  }
}

at::Tensor FrozenTrunk::rows(const data::MicroBatch& batch) const {
  at::Tensor rows_TD =
      at::empty({static_cast<int64_t>(batch.tokens_T.size()), model_.config().width},
                at::TensorOptions().dtype(model_.dtype()));
  each_piece(batch, [&](Place from, int64_t length, int64_t to) {
    copy_rows(entering_[static_cast<size_t>(from.micro_batch)].bytes.data(), from.row, length, to,
              rows_TD);
  });
  return rows_TD.to(model_.device());
}

std::vector<at::Tensor> FrozenTrunk::keys_values(const data::MicroBatch& batch) const {
  std::vector<at::Tensor> of_layers;
  for (int64_t layer = 0; layer < model_.config().layers - options_.layer; ++layer) {
    at::Tensor rows =
        at::empty({static_cast<int64_t>(batch.tokens_T.size()), keys_values_width(model_.config())},
                  at::TensorOptions().dtype(model_.dtype()));
    each_piece(batch, [&](Place from, int64_t length, int64_t to) {
      const data::TensorView& tensor = keys_values_.at(static_cast<size_t>(from.micro_batch));
      copy_rows(tensor.bytes.data(), layer * tensor.shape[1] + from.row, length, to, rows);
    });
    of_layers.push_back(rows.to(model_.device()));
  }
  return of_layers;
}

PassStart start_from_base(const LlamaModel& model, const data::MicroBatch& batch,
                          const FrozenTrunk* trunk, const LoraAdapter* adapter) {
  if (adapter == nullptr || !adapter->options().acts_from_marker())
    return trunk == nullptr ? PassStart() : PassStart::at_layer(trunk->layer(), trunk->rows(batch));
  std::vector<int64_t> rows = rows_from_marker(batch, adapter->options().marker);
  if (trunk != nullptr && trunk->has_keys_values()) {
    return PassStart::at_marker(trunk->layer(), {trunk->rows(batch), trunk->keys_values(batch)},
                                std::move(rows));
  }
  const int64_t layer = adapter->options().layers.begin;
  return PassStart::at_marker(layer, model.base_states(batch, layer, /*keys_values=*/true),
                              std::move(rows));
}

}  // namespace candor::trainer
