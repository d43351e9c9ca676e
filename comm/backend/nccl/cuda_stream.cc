#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "comm/backend/nccl/stream.h"
#include "comm/comm_error.h"

namespace candor::comm {
namespace {

void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess)
    throw UnavailableError(fmt::format("{}: {}", what, cudaGetErrorString(code)));
}

class CudaStream final : public DeviceStream {
 public:
  explicit CudaStream(int device_index)
      : device_(at::DeviceType::CUDA, static_cast<c10::DeviceIndex>(device_index)) {
    int devices = 0;
    check(cudaGetDeviceCount(&devices), "looking for GPUs");
    if (device_index < 0 || device_index >= devices) {
      throw UnavailableError(fmt::format(
          "this rank has no GPU of its own and its host has {}: start at most one rank per GPU",
          devices));
    }
    check(cudaSetDevice(device_index), "cudaSetDevice");
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    check(cudaEventCreateWithFlags(&computed_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    check(cudaEventCreateWithFlags(&ended_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  }
  ~CudaStream() override {  // errors at the end of a stream help nobody
    if (ended_ != nullptr) cudaEventDestroy(ended_);
    if (computed_ != nullptr) cudaEventDestroy(computed_);
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
  }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  at::Device device() const override { return device_; }
  CUstream_st* handle() const override { return stream_; }

  void wait_for_compute() override {
    check(cudaEventRecord(computed_, c10::cuda::getCurrentCUDAStream(device_.index()).stream()),
          "cudaEventRecord");
    check(cudaStreamWaitEvent(stream_, computed_, 0), "cudaStreamWaitEvent");
  }
  void mark_end() override { check(cudaEventRecord(ended_, stream_), "cudaEventRecord"); }
  bool reached_end() override {
    const cudaError_t code = cudaEventQuery(ended_);
    if (code == cudaErrorNotReady) {
      (void)cudaGetLastError();  // else the next kernel launch check would report it
      return false;
    }
    check(code, "cudaEventQuery");
    return true;
  }

 private:
  at::Device device_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t computed_ = nullptr;
  cudaEvent_t ended_ = nullptr;
};

}  // namespace

std::unique_ptr<DeviceStream> make_cuda_stream(int device_index) {
  return std::make_unique<CudaStream>(device_index);
}

}  // namespace candor::comm
