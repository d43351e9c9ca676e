// The stream that collectives run on, behind an interface, so that NcclGroup's logic can be tested
// without a GPU.
// Used by one thread. Every call may throw UnavailableError with the driver's text.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>

struct CUstream_st;  // cudaStream_t is a pointer to it

namespace candor::comm {

class DeviceStream {
 public:
  virtual ~DeviceStream() = default;

  virtual at::Device device() const = 0;
  virtual CUstream_st* handle() const = 0;
  // What is launched on this stream from now on starts after what the caller's compute stream has
  // been given so far.
  virtual void wait_for_compute() = 0;
  // Marks the end of what was launched so far; reached_end() says, without waiting, whether the
  // device has come to the latest mark.
  virtual void mark_end() = 0;
  virtual bool reached_end() = 0;
};

using StreamFactory = std::function<std::unique_ptr<DeviceStream>()>;

// A stream of its own on this GPU, which becomes the thread's current device. Throws
// UnavailableError if there is no such GPU.
std::unique_ptr<DeviceStream> make_cuda_stream(int device_index);

}  // namespace candor::comm
