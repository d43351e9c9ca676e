#include "comm/backend/nccl/nccl_group.h"

#include <c10/core/ScalarType.h>
#include <fmt/format.h>

#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

#include "comm/comm_error.h"

namespace candor::comm {
namespace {

constexpr char kIdFollows = 'i';
constexpr char kErrorFollows = 'e';

ncclDataType_t nccl_type(const at::Tensor& tensor, Collective operation) {
  switch (tensor.scalar_type()) {
    case at::kLong: return ncclInt64;
    case at::kInt: return ncclInt32;
    case at::kByte: return ncclUint8;
    case at::kFloat: return ncclFloat32;
    case at::kDouble: return ncclFloat64;
    default:
      throw std::invalid_argument(
          fmt::format("{}: expected int64, int32, uint8, fp32 or fp64, got {}",
                      collective_name(operation), c10::toString(tensor.scalar_type())));
  }
}

CollectiveCall call_on(const at::Tensor& tensor, Collective operation, int root) {
  if (!tensor.is_contiguous())
    throw std::invalid_argument(
        fmt::format("{}: the tensor must be contiguous", collective_name(operation)));
  return {operation, static_cast<std::int64_t>(tensor.scalar_type()), tensor.numel(), root, 0};
}

}  // namespace

NcclGroup::NcclGroup(std::unique_ptr<ProcessGroup> host, StreamFactory make_stream,
                     const DeviceGroupOptions& options)
    : host_(std::move(host)), make_stream_(std::move(make_stream)), options_(options) {
  const CollectiveCall call{.operation = Collective::kCreate};
  std::string problem;
  try {
    stream_ = make_stream_();
  } catch (const std::exception& error) {
    problem = error.what();
  }
  throw_together(problem, call);
  connect();
}

void NcclGroup::connect() {
  const CollectiveCall call{.operation = Collective::kCreate};
  std::string problem;
  const ncclUniqueId id = agree_on_id(call);
  try {
    initialise(id, call);
  } catch (const CommError& error) {
    problem = error.what();
  }
  try {
    throw_together(problem, call);
  } catch (...) {
    abort_communicator();  // the destructor doesn't run for a constructor that throws
    throw;
  }
}

NcclGroup::~NcclGroup() { abort_communicator(); }

void NcclGroup::throw_together(const std::string& my_problem, const CollectiveCall& call) {
  const std::vector<std::string> problems = host_->all_gather_bytes(my_problem);
  for (std::size_t rank = 0; rank < problems.size(); ++rank) {
    if (problems[rank].empty()) continue;
    throw CommError(static_cast<int>(rank), world_size(), collective_name(call.operation),
                    call.numel, problems[rank]);
  }
}

ncclUniqueId NcclGroup::agree_on_id(const CollectiveCall& call) {
  ncclUniqueId id = {};
  std::string message;
  if (rank() == 0) {
    const ncclResult_t result = ncclGetUniqueId(&id);
    message = result == ncclSuccess ? kIdFollows + std::string(id.internal, sizeof id.internal)
                                    : kErrorFollows + text_of(result);
  }
  host_->broadcast_bytes(message, 0);
  if (message.size() != 1 + sizeof id.internal || message[0] != kIdFollows) {
    throw CommError(0, world_size(), collective_name(call.operation), call.numel,
                    "ncclGetUniqueId: " + message.substr(1));
  }
  std::memcpy(id.internal, message.data() + 1, sizeof id.internal);
  return id;
}

void NcclGroup::initialise(const ncclUniqueId& id, const CollectiveCall& call) {
  Deadline deadline(options_.timeout_s);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  const ncclResult_t result = state_after(
      ncclCommInitRankConfig(&communicator_, world_size(), id, rank(), &config), deadline, call);
  if (result != ncclSuccess) fail(call, "ncclCommInitRankConfig: " + text_of(result));
}

ncclResult_t NcclGroup::state_after(ncclResult_t result, Deadline& deadline,
                                    const CollectiveCall& call) {
  for (PollPause pause; result == ncclInProgress; pause()) {
    if (deadline.passed()) fail_late(call);
    ncclResult_t state = ncclSuccess;
    const ncclResult_t asked = ncclCommGetAsyncError(communicator_, &state);
    result = asked == ncclSuccess ? state : asked;
  }
  return result;
}

void NcclGroup::run(CollectiveCall call, const std::function<ncclResult_t()>& launch) {
  call.sequence = next_sequence_++;
  if (communicator_ == nullptr) {
    throw CommError(rank(), world_size(), collective_name(call.operation), call.numel,
                    "the communicator was aborted after an earlier failure");
  }
  if (options_.check_agreement) {
    const CollectiveCall::Fields mine = call.fields();
    std::vector<CollectiveCall::Fields> by_rank;
    for (const std::string& bytes : host_->all_gather_bytes(
             std::string(reinterpret_cast<const char*>(mine.data()), sizeof mine))) {
      if (bytes.size() != sizeof mine) fail(call, "ranks disagree about the group's calls");
      std::memcpy(by_rank.emplace_back().data(), bytes.data(), sizeof mine);
    }
    if (const auto disagreement = find_disagreement(by_rank)) {
      throw CommError(rank(), world_size(), collective_name(call.operation), call.numel,
                      *disagreement);
    }
  }
  if (call.numel == 0) return;
  Deadline deadline(options_.timeout_s);
  try {
    stream_->wait_for_compute();
    if (const ncclResult_t result = state_after(launch(), deadline, call); result != ncclSuccess)
      fail(call, text_of(result));
    stream_->mark_end();
    for (PollPause pause; !stream_->reached_end(); pause()) {
      ncclResult_t state = ncclSuccess;
      const ncclResult_t asked = ncclCommGetAsyncError(communicator_, &state);
      const ncclResult_t result = asked == ncclSuccess ? state : asked;
      if (result != ncclSuccess && result != ncclInProgress) fail(call, text_of(result));
      if (deadline.passed()) fail_late(call);
    }
  } catch (const CommError&) {
    throw;
  } catch (const std::runtime_error& error) {  // the stream's
    fail(call, error.what());
  }
}

bool NcclGroup::belongs_on_host(const at::Tensor& tensor) const {
  if (!tensor.defined())
    throw std::invalid_argument("a collective was called on an undefined tensor");
  if (tensor.device() == stream_->device()) return false;
  if (tensor.is_cpu()) return true;
  throw std::invalid_argument(fmt::format("rank {}: the tensor is on {}, the group on {}", rank(),
                                          tensor.device().str(), stream_->device().str()));
}

void NcclGroup::all_reduce_sum(at::Tensor& tensor) {
  if (belongs_on_host(tensor)) return host_->all_reduce_sum(tensor);
  const ncclDataType_t type = nccl_type(tensor, Collective::kAllReduceSum);
  run(call_on(tensor, Collective::kAllReduceSum, -1), [&] {
    void* const data = tensor.mutable_data_ptr();
    return ncclAllReduce(data, data, static_cast<std::size_t>(tensor.numel()), type, ncclSum,
                         communicator_, stream_->handle());
  });
}

void NcclGroup::all_reduce_max(at::Tensor& tensor) {
  if (belongs_on_host(tensor)) return host_->all_reduce_max(tensor);
  const ncclDataType_t type = nccl_type(tensor, Collective::kAllReduceMax);
  run(call_on(tensor, Collective::kAllReduceMax, -1), [&] {
    void* const data = tensor.mutable_data_ptr();
    return ncclAllReduce(data, data, static_cast<std::size_t>(tensor.numel()), type, ncclMax,
                         communicator_, stream_->handle());
  });
}

void NcclGroup::broadcast(at::Tensor& tensor, int root) {
  if (belongs_on_host(tensor)) return host_->broadcast(tensor, root);
  if (root < 0 || root >= world_size())
    throw std::invalid_argument(
        fmt::format("broadcast: expected a root in 0..{}, got {}", world_size() - 1, root));
  run(call_on(tensor, Collective::kBroadcast, root), [&] {
    void* const data = tensor.mutable_data_ptr();
    return ncclBroadcast(data, data, tensor.nbytes(), ncclUint8, root, communicator_,
                         stream_->handle());
  });
}

std::unique_ptr<ProcessGroup> NcclGroup::split(int color, int key) {
  std::unique_ptr<ProcessGroup> part = host_->split(color, key);
  if (!part) return nullptr;
  return std::make_unique<NcclGroup>(std::move(part), make_stream_, options_);
}

Settled NcclGroup::settle(bool finished, const std::string& where) {
  if (!finished) abort_communicator();
  Settled settled = host_->settle(finished, where);
  if (!settled.finished) next_sequence_ = 0;  // the survivors may be a call apart
  while (!settled.finished) {
    abort_communicator();
    try {
      connect();
      break;
    } catch (const RankLostError&) {  // one more, while the communicator formed
      const Settled again = host_->settle(false, where);
      settled.same_place = settled.same_place && again.same_place;
      settled.lost.insert(settled.lost.end(), again.lost.begin(), again.lost.end());
    }
  }
  return settled;
}

void NcclGroup::abort(int exit_code) {
  abort_communicator();
  host_->abort(exit_code);
  std::terminate();  // not reached: tells the compiler what [[noreturn]] on a virtual call doesn't
}

void NcclGroup::abort_communicator() {
  if (communicator_ != nullptr) ncclCommAbort(std::exchange(communicator_, nullptr));
}

std::string NcclGroup::text_of(ncclResult_t result) const {
  std::string text = ncclGetErrorString(result);
  const char* const details = communicator_ == nullptr ? nullptr : ncclGetLastError(communicator_);
  if (details != nullptr && *details != '\0') text += fmt::format(" ({})", details);
  return text;
}

void NcclGroup::fail(const CollectiveCall& call, const std::string& reason) {
  abort_communicator();
  host_->barrier();  // MPI knows which rank is gone, or waits for it and names it
  throw CommError(rank(), world_size(), collective_name(call.operation), call.numel, reason);
}

void NcclGroup::fail_late(const CollectiveCall& call) {
  fail(call, fmt::format("not complete after {} s; another rank is missing, stopped or much slower",
                         options_.timeout_s));
}

}  // namespace candor::comm
