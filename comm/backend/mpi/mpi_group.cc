#include "comm/backend/mpi/mpi_group.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <stdexcept>

#include "comm/comm_error.h"
#include "comm/liveness/liveness.h"

namespace candor::comm {
namespace {

MPI_Datatype mpi_type(const at::Tensor& tensor, Collective operation) {
  switch (tensor.scalar_type()) {
    case at::kLong: return MPI_INT64_T;
    case at::kInt: return MPI_INT32_T;
    case at::kByte: return MPI_UINT8_T;
    case at::kFloat: return MPI_FLOAT;
    case at::kDouble: return MPI_DOUBLE;
    default:
      throw std::invalid_argument(
          fmt::format("{}: expected int64, int32, uint8, fp32 or fp64, got {}",
                      collective_name(operation), c10::toString(tensor.scalar_type())));
  }
}

void check_contiguous(const at::Tensor& tensor, Collective operation) {
  if (!tensor.defined() || !tensor.is_contiguous()) {
    throw std::invalid_argument(
        fmt::format("{}: the tensor must be defined and contiguous", collective_name(operation)));
  }
}

std::string error_text(int mpi_code) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(mpi_code, text, &length);
  return text;
}

// Mixes two numbers into one that no other pair is likely to give. The mixing is SplitMix64's
// finaliser, written out here because comm knows nothing of the data pipeline, where the trainer's
// copy is. Nothing that lasts depends on these numbers.
std::int64_t mixed(std::int64_t a, std::int64_t b) {
  auto x = static_cast<std::uint64_t>(a) * 0x9e3779b97f4a7c15U + static_cast<std::uint64_t>(b);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return static_cast<std::int64_t>((x ^ (x >> 31)) >> 1);
}

}  // namespace

std::vector<int> MpiGroup::world_ranks_of(MPI_Comm communicator) {
  MPI_Group group = MPI_GROUP_NULL, world = MPI_GROUP_NULL;
  MPI_Comm_group(communicator, &group);
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  int size = 0;
  MPI_Group_size(group, &size);
  std::vector<int> ranks(static_cast<std::size_t>(size)), world_ranks(ranks.size());
  std::iota(ranks.begin(), ranks.end(), 0);
  MPI_Group_translate_ranks(group, size, ranks.data(), world, world_ranks.data());
  MPI_Group_free(&group);
  MPI_Group_free(&world);
  return world_ranks;
}

MpiGroup::MpiGroup(MPI_Comm communicator, const ProcessGroupOptions& options, std::int64_t id)
    : communicator_(communicator),
      options_(options),
      fault_tolerance_(FaultTolerance::of_this_job()),
      id_(id),
      world_ranks_(world_ranks_of(communicator)) {
  MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN);
  MPI_Comm_rank(communicator_, &info_.rank);
  MPI_Comm_size(communicator_, &info_.world_size);
  const Liveness::Blocking blocking(options_.liveness.get(), "finding the ranks of this host",
                                    options_.timeout_s);
  Running running{{Collective::kCreate, -1, 0, -1, 0}, Deadline(options_.timeout_s)};
  MPI_Comm host = MPI_COMM_NULL;
  check(MPI_Comm_split_type(communicator_, MPI_COMM_TYPE_SHARED, info_.rank, MPI_INFO_NULL, &host),
        running);
  MPI_Comm_set_errhandler(host, MPI_ERRORS_RETURN);
  MPI_Comm_rank(host, &info_.local_rank);
  MPI_Comm_size(host, &info_.local_world_size);
  host_ = world_ranks_[static_cast<std::size_t>(info_.rank)];
  check(MPI_Allreduce(MPI_IN_PLACE, &host_, 1, MPI_INT64_T, MPI_MIN, host), running);
  MPI_Comm_free(&host);
}

MpiGroup::Running MpiGroup::begin(Collective operation, std::int64_t dtype, std::int64_t numel,
                                  std::int64_t root) {
  Running running{{operation, dtype, numel, root, next_sequence_++}, Deadline(options_.timeout_s)};
  if (options_.liveness) options_.liveness->arrived(id_, running.call.sequence);
  if (broken_)
    throw CommError(info_.rank, info_.world_size, collective_name(operation), numel,
                    "the group is broken by an earlier failure");
  if (options_.check_agreement) check_agreement(running);
  return running;
}

void MpiGroup::check_agreement(Running& running) {
  struct Calls {
    CollectiveCall::Fields mine;
    std::vector<CollectiveCall::Fields> by_rank;
  };
  const auto calls = std::make_shared<Calls>();
  calls->mine = running.call.fields();
  calls->by_rank.resize(static_cast<std::size_t>(info_.world_size));
  const int fields = static_cast<int>(calls->mine.size());
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallgather(calls->mine.data(), fields, MPI_INT64_T, calls->by_rank.data(), fields,
                       MPI_INT64_T, communicator_, &request),
        running);
  wait(request, running, calls);
  if (const auto disagreement = find_disagreement(calls->by_rank)) {
    throw CommError(info_.rank, info_.world_size, collective_name(running.call.operation),
                    running.call.numel, *disagreement);
  }
}

void MpiGroup::check(int mpi_code, Running& running) {
  if (mpi_code == MPI_SUCCESS) return;
  broken_ = true;
  if (fault_tolerance_ && FaultTolerance::is_rank_lost(mpi_code)) {
    fault_tolerance_->revoke(communicator_);
    throw RankLostError(info_.rank, info_.world_size, collective_name(running.call.operation),
                        running.call.numel, error_text(mpi_code));
  }
  throw CommError(info_.rank, info_.world_size, collective_name(running.call.operation),
                  running.call.numel, error_text(mpi_code));
}

void MpiGroup::overdue(Running& running, const std::shared_ptr<void>& owner) {
  std::vector<LateRank> late;
  if (options_.liveness)
    late = options_.liveness->late_ranks(id_, running.call.sequence, world_ranks_);
  const bool one_is_gone =
      std::any_of(late.begin(), late.end(), [](const LateRank& rank) { return !rank.answers; });
  if (fault_tolerance_ && one_is_gone && !running.waited_for_news) {
    running.waited_for_news = true;
    running.deadline = Deadline(kNewsOfALoss_s);
    return;
  }
  broken_ = true;
  // A collective can't be cancelled and MPI may still write: what it writes to is given up, not
  // freed.
  [[maybe_unused]] const auto* given_up = new std::shared_ptr<void>(owner);
  std::string who;
  bool all_can_be_ended = !late.empty();
  for (std::size_t i = 0; i < late.size(); ++i) {
    if (i < 3) who += (who.empty() ? "" : ", ") + late[i].description;
    if (i == 3) who += fmt::format(", and {} more", late.size() - 3);
    all_can_be_ended = all_can_be_ended && late[i].answers;
  }
  const std::string reason = fmt::format(
      "not complete after {} s (run.timeout_s); {}", options_.timeout_s,
      who.empty() ? "another rank is missing, stopped or much slower" : "it waits for " + who);
  if (fault_tolerance_ && all_can_be_ended) {
    options_.liveness->end(late, id_, running.call.sequence, options_.timeout_s);
    fault_tolerance_->revoke(communicator_);
    throw RankLostError(info_.rank, info_.world_size, collective_name(running.call.operation),
                        running.call.numel, reason);
  }
  throw CommError(info_.rank, info_.world_size, collective_name(running.call.operation),
                  running.call.numel, reason);
}

void MpiGroup::wait(MPI_Request request, Running& running, const std::shared_ptr<void>& owner) {
  PollPause pause;
  for (;;) {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), running);
    if (done) return;
    if (running.deadline.passed()) overdue(running, owner);
    pause();
  }
}

void MpiGroup::all_reduce(at::Tensor& tensor, Collective operation, MPI_Op mpi_operation) {
  check_contiguous(tensor, operation);
  const MPI_Datatype type = mpi_type(tensor, operation);
  Running running =
      begin(operation, static_cast<std::int64_t>(tensor.scalar_type()), tensor.numel(), -1);
  at::Tensor host = tensor.is_cpu() ? tensor : tensor.cpu();
  const auto owner = std::make_shared<at::Tensor>(host);
  auto* const bytes = static_cast<std::byte*>(host.mutable_data_ptr());
  const std::int64_t element_bytes = static_cast<std::int64_t>(host.element_size());
  for (std::int64_t begin_at = 0; begin_at < host.numel(); begin_at += options_.chunk_numel) {
    const int count = static_cast<int>(std::min(options_.chunk_numel, host.numel() - begin_at));
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Iallreduce(MPI_IN_PLACE, bytes + begin_at * element_bytes, count, type, mpi_operation,
                         communicator_, &request),
          running);
    wait(request, running, owner);
  }
  if (!tensor.is_cpu()) tensor.copy_(host);
}

void MpiGroup::check_root(int root) const {
  if (root < 0 || root >= info_.world_size) {
    throw std::invalid_argument(
        fmt::format("broadcast: expected a root in 0..{}, got {}", info_.world_size - 1, root));
  }
}

void MpiGroup::broadcast_from(std::byte* bytes, std::int64_t bytes_left, int root, Running& running,
                              const std::shared_ptr<void>& owner) {
  while (bytes_left > 0) {
    const std::int64_t count = std::min(options_.chunk_numel, bytes_left);
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Ibcast(bytes, static_cast<int>(count), MPI_BYTE, root, communicator_, &request),
          running);
    wait(request, running, owner);
    bytes += count;
    bytes_left -= count;
  }
}

void MpiGroup::broadcast(at::Tensor& tensor, int root) {
  check_contiguous(tensor, Collective::kBroadcast);
  check_root(root);
  Running running = begin(Collective::kBroadcast, static_cast<std::int64_t>(tensor.scalar_type()),
                          tensor.numel(), root);
  at::Tensor host = tensor.is_cpu() ? tensor : tensor.cpu();
  broadcast_from(static_cast<std::byte*>(host.mutable_data_ptr()),
                 static_cast<std::int64_t>(host.nbytes()), root, running,
                 std::make_shared<at::Tensor>(host));
  if (!tensor.is_cpu() && root != info_.rank) tensor.copy_(host);
}

void MpiGroup::broadcast_bytes(std::string& bytes, int root) {
  check_root(root);
  Running running = begin(Collective::kBroadcastBytes, -1, 0, root);
  const auto length = std::make_shared<std::int64_t>(static_cast<std::int64_t>(bytes.size()));
  broadcast_from(reinterpret_cast<std::byte*>(length.get()), sizeof *length, root, running, length);
  const auto buffer = std::make_shared<std::string>(
      root == info_.rank ? bytes : std::string(static_cast<std::size_t>(*length), '\0'));
  broadcast_from(reinterpret_cast<std::byte*>(buffer->data()), *length, root, running, buffer);
  if (root != info_.rank) bytes = std::move(*buffer);
}

std::vector<std::string> MpiGroup::all_gather_bytes(const std::string& bytes) {
  Running running = begin(Collective::kAllGatherBytes, -1, 0, -1);
  struct Buffers {
    std::int64_t my_length = 0;
    std::vector<std::int64_t> lengths;
    std::string mine, round;
    std::vector<int> counts, displacements;
  };
  const auto buffers = std::make_shared<Buffers>();
  const auto ranks = static_cast<std::size_t>(info_.world_size);
  buffers->my_length = static_cast<std::int64_t>(bytes.size());
  buffers->lengths.resize(ranks);
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallgather(&buffers->my_length, 1, MPI_INT64_T, buffers->lengths.data(), 1, MPI_INT64_T,
                       communicator_, &request),
        running);
  wait(request, running, buffers);

  // Rounds in which every rank gives a slice: their sum stays below MPI's 32-bit displacements.
  buffers->mine = bytes;
  std::vector<std::string> gathered(ranks);
  const std::int64_t longest = *std::max_element(buffers->lengths.begin(), buffers->lengths.end());
  const std::int64_t slice = std::max<std::int64_t>(1, options_.chunk_numel / info_.world_size);
  for (std::int64_t begin_at = 0; begin_at < longest; begin_at += slice) {
    buffers->counts.clear();
    buffers->displacements.clear();
    int round_bytes = 0;
    for (const std::int64_t length : buffers->lengths) {
      buffers->counts.push_back(
          static_cast<int>(std::clamp<std::int64_t>(length - begin_at, 0, slice)));
      buffers->displacements.push_back(round_bytes);
      round_bytes += buffers->counts.back();
    }
    buffers->round.resize(static_cast<std::size_t>(round_bytes));
    const char* const send = buffers->mine.data() + std::min(begin_at, buffers->my_length);
    check(MPI_Iallgatherv(send, buffers->counts[static_cast<std::size_t>(info_.rank)], MPI_CHAR,
                          buffers->round.data(), buffers->counts.data(),
                          buffers->displacements.data(), MPI_CHAR, communicator_, &request),
          running);
    wait(request, running, buffers);
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      gathered[rank].append(buffers->round, static_cast<std::size_t>(buffers->displacements[rank]),
                            static_cast<std::size_t>(buffers->counts[rank]));
    }
  }
  return gathered;
}

void MpiGroup::barrier() {
  Running running = begin(Collective::kBarrier, -1, 0, -1);
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibarrier(communicator_, &request), running);
  wait(request, running, nullptr);
}

std::unique_ptr<ProcessGroup> MpiGroup::split(int color, int key) {
  Running running = begin(Collective::kSplit, -1, 0, -1);
  // MPI_Comm_split has no nonblocking form: once every rank has passed here, nobody is missing.
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibarrier(communicator_, &request), running);
  wait(request, running, nullptr);
  MPI_Comm part = MPI_COMM_NULL;
  const Liveness::Blocking blocking(options_.liveness.get(), "MPI_Comm_split", options_.timeout_s);
  check(MPI_Comm_split(communicator_, color < 0 ? MPI_UNDEFINED : color, key, &part), running);
  if (part == MPI_COMM_NULL) return nullptr;
  return std::make_unique<MpiGroup>(part, options_,
                                    mixed(mixed(id_, running.call.sequence), color));
}

void MpiGroup::abort(int exit_code) {
  if (options_.liveness) options_.liveness->ending_the_job();
  std::fflush(nullptr);
  int job_size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &job_size);
  if (job_size > 1) MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);  // a single rank needs no one to end the others, and MPI_Abort would print
}

}  // namespace candor::comm
