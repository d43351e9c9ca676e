#include "launch/ranks/host_files_setup.h"

#include <fmt/format.h>

#include <memory>

#include "launch/progress/progress.h"

namespace candor::launch {
namespace {

constexpr int64_t kWorthTelling = 64 << 20;  // smaller files pass without a word

int64_t megabytes(int64_t bytes) { return bytes / 1'000'000; }

}  // namespace

trainer::HostFilesOptions host_files_options(const std::string& run_dir) {
  trainer::HostFilesOptions options{.folder = run_dir};
  options.on_message = [](const std::string& message) {
    fmt::print(stderr, "candor  {}\n", message);
  };
  options.on_progress = [progress = std::shared_ptr<Progress>()](
                            const std::string& path, int64_t done, int64_t total) mutable {
    if (total < kWorthTelling) return;
    if (!progress)
      progress = std::make_shared<Progress>(
          ProgressOptions{.name = "sending " + path, .unit = "MB", .total = megabytes(total)});
    progress->update(megabytes(done));
    if (done < total) return;
    progress->finish();
    progress.reset();
  };
  return options;
}

}  // namespace candor::launch
