// Files come to every file system once, whole or not at all, and all ranks hear of the first
// problem. Ranks 1 and 2 share a "disk" (a folder) and rank 3 has its own: hosts b and c.
#include "data_pipeline/files/file_error.h"
#include "trainer/hosts/host_files.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "comm/mpi_session.h"

namespace candor::trainer {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kChunk = 16;  // so that a file of some KB takes many looks

std::string text_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string bytes_of_length(size_t length) {
  std::string bytes;
  while (bytes.size() < length) bytes += static_cast<char>(bytes.size() * 131 % 251);
  return bytes;
}

class HostFilesTest : public testing::Test {
 protected:
  HostFilesTest() : all_(comm::make_mpi_process_group({.timeout_s = 60})) {
    if (all_->rank() == 0) {
      std::string pattern = (fs::temp_directory_path() / "candor_hosts_XXXXXX").string();
      root_ = ::mkdtemp(pattern.data());
    }
    all_->broadcast_bytes(root_, 0);
    fs::create_directories(here("/data"));
    all_->barrier();
  }
  ~HostFilesTest() override {
    all_->barrier();
    std::error_code ignored;
    if (all_->rank() == 0) fs::remove_all(root_, ignored);
  }

  int ranks() const { return all_->world_size(); }
  std::string host() const { return std::string(1, "abbc"[all_->rank()]); }
  std::string here(const std::string& path) const { return root_ + "/disk_" + host() + path; }
  HostFilesOptions options() const {
    return {.folder = "/run",
            .host = host(),
            .here = [this](const std::string& path) { return here(path); },
            .chunk_bytes = kChunk};
  }
  void put(const std::string& path, const std::string& bytes) const {
    std::ofstream(here(path), std::ios::binary) << bytes;
  }
  void put_on(const std::string& host_of, const std::string& path, const std::string& bytes) const {
    if (host() == host_of && (all_->rank() != 2)) put(path, bytes);
    all_->barrier();
  }
  // Nothing but files with their final names.
  void expect_no_rest() const {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(here(""))) {
      const std::string path = entry.path().string();
      EXPECT_THAT(path, AllOf(Not(HasSubstr(".tmp-")), Not(HasSubstr(".candor-seen"))));
    }
  }
  // That all ranks throw this, with this in the message. With one rank nothing is sent, so nothing
  // fails.
  template <typename Error, typename Work>
  void expect_on_all(Work work, const std::vector<std::string>& parts) const {
    std::string said = "nothing was thrown";
    try {
      work();
    } catch (const Error& error) {
      said = error.what();
    }
    for (const std::string& part : parts)
      EXPECT_THAT(said, HasSubstr(ranks() > 1 ? part : "nothing was thrown"));
    const std::vector<std::string> of_all = all_->all_gather_bytes(said);
    EXPECT_THAT(of_all, testing::Each(of_all[0]));
    expect_no_rest();
  }

  std::unique_ptr<comm::ProcessGroup> all_;
  std::string root_;
};

TEST_F(HostFilesTest, OneRankOfEachFileSystemKeepsIt) {
  std::vector<std::string> said;
  HostFilesOptions options = this->options();
  options.on_message = [&](const std::string& message) { said.push_back(message); };
  HostFiles files(*all_, options);
  files.look();
  files.look();
  EXPECT_EQ(files.keeps(), all_->rank() != 2);
  EXPECT_EQ(files.all_see_rank_0(), ranks() == 1);
  if (all_->rank() == 0) {
    const char* const expected[] = {
        "", "host b has a file system of its own: what is read there is sent from a",
        "host b has a file system of its own: what is read there is sent from a",
        "hosts b, c have file systems of their own: what is read there is sent from a"};
    EXPECT_EQ(said, ranks() == 1 ? std::vector<std::string>{}
                                 : std::vector<std::string>{expected[ranks() - 1]});
  }
  all_->barrier();
  expect_no_rest();
}

TEST_F(HostFilesTest, ASharedFileSystemIsLeftAlone) {
  HostFilesOptions options{.folder = root_ + "/shared",
                           .host = host(),
                           .here = [](const std::string& path) { return path; }};
  HostFiles files(*all_, options);
  files.send({root_ + "/nothing/of/this/name"});  // isn't even looked at
  EXPECT_TRUE(files.all_see_rank_0());
  EXPECT_EQ(files.keeps(), all_->rank() == 0);
  HostFiles on_one_host(*all_, {.folder = root_ + "/not/made"});
  on_one_host.send({root_ + "/nothing/of/this/name"});
  EXPECT_TRUE(on_one_host.all_see_rank_0());
  EXPECT_FALSE(fs::exists(root_ + "/not/made"));
}

TEST_F(HostFilesTest, FilesOfAnySizeAreThereAfterwardsAndSentOnce) {
  HostFiles files(*all_, options());
  std::vector<std::string> paths;
  for (const size_t length : {0, 1, 15, 16, 17, 128, 129, 5000}) {
    paths.push_back("/data/deep/er/" + std::to_string(length));
    if (all_->rank() != 0) continue;
    fs::create_directories(here("/data/deep/er"));
    put(paths.back(), bytes_of_length(length));
  }
  files.send(paths);
  std::vector<fs::file_time_type> times;
  for (const std::string& path : paths) {
    EXPECT_EQ(text_of(here(path)), bytes_of_length(std::stoul(path.substr(path.rfind('/') + 1))));
    times.push_back(fs::last_write_time(here(path)));
  }
  all_->barrier();
  files.send(paths);
  HostFiles(*all_, options()).send(paths);  // knows no hashes yet
  for (size_t i = 0; i < paths.size(); ++i)
    EXPECT_EQ(fs::last_write_time(here(paths[i])), times[i]);
  expect_no_rest();
}

TEST_F(HostFilesTest, StaleAndDamagedCopiesAreReplaced) {
  HostFiles files(*all_, options());
  const std::string right = bytes_of_length(300);
  put_on("a", "/data/x", right);
  put_on("b", "/data/x", right + "longer");
  std::string flipped = right;
  flipped[200] ^= 1;
  put_on("c", "/data/x", flipped);
  files.send({"/data/x"});
  EXPECT_EQ(text_of(here("/data/x")), right);
  all_->barrier();
  // Again, though each was known to be right; and what rank 0 has changed meanwhile is what counts.
  put_on("b", "/data/x", flipped);
  files.send({"/data/x"});
  EXPECT_EQ(text_of(here("/data/x")), right);
  all_->barrier();
  put_on("a", "/data/x", flipped);
  files.send({"/data/x"});
  EXPECT_EQ(text_of(here("/data/x")), flipped);
}

TEST_F(HostFilesTest, AFullDiskOfOneHostIsNamedByAllAndLeavesWhatWasThere) {
  HostFiles files(*all_, options());
  put_on("a", "/data/large", bytes_of_length(200'000));
  put_on("b", "/data/large", "as it was");
  files.look();
  all_->barrier();
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  if (host() == "b") {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit little = before;
    little.rlim_cur = 50'000;
    ::setrlimit(RLIMIT_FSIZE, &little);
  }
  expect_on_all<std::system_error>([&] { files.send({"/data/large"}); },
                                   {"host b: ", "/data/large", "File too large"});
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(text_of(here("/data/large")) == "as it was", host() == "b");
  all_->barrier();
  files.send({"/data/large"});  // there is room again
  EXPECT_EQ(text_of(here("/data/large")), bytes_of_length(200'000));
}

TEST_F(HostFilesTest, ASourceThatCantBeReadIsNamedByAll) {
  HostFiles files(*all_, options());
  put_on("b", "/data/stale", "nobody may take it for rank 0's");
  expect_on_all<std::system_error>([&] { files.send({"/data/stale"}); },
                                   {"host a: ", "/data/stale", "No such file"});
  if (all_->rank() == 0) fs::create_directories(here("/data/folder"));
  expect_on_all<std::system_error>([&] { files.send({"/data/folder"}); },
                                   {"host a: ", "/data/folder", "Is a directory"});
}

TEST_F(HostFilesTest, AFileThatChangesWhileItIsSentIsntTaken) {
  HostFilesOptions options = this->options();
  options.on_progress = [&](const std::string& path, std::int64_t done, std::int64_t total) {
    if (done < total && fs::file_size(here(path)) > 1000) fs::resize_file(here(path), 1000);
  };
  HostFiles shortened(*all_, options);
  put_on("a", "/data/x", bytes_of_length(5000));
  expect_on_all<data::FileError>([&] { shortened.send({"/data/x"}); },
                                 {"host a: ", "/data/x", "became shorter while it was sent"});
  options.on_progress = [&](const std::string& path, std::int64_t, std::int64_t) {
    std::fstream(here(path), std::ios::binary | std::ios::in | std::ios::out).seekp(4000).put('!');
  };
  HostFiles changed(*all_, options);
  put_on("a", "/data/x", bytes_of_length(5000));
  expect_on_all<data::FileError>([&] { changed.send({"/data/x"}); },
                                 {"host b: ", "/data/x", "changed while it was sent"});
  EXPECT_EQ(fs::exists(here("/data/x")), host() == "a");
}

TEST_F(HostFilesTest, AFolderIsSentWholeAndMayHoldNothingElse) {
  HostFiles files(*all_, options());
  for (const char* name :
       {"/data/config.json", "/data/b.json", "/data/weights.safetensors", "/data/README.md"})
    put_on("a", name, name);
  files.send_folder("/data", {".json", ".safetensors"}, "config.json");
  EXPECT_EQ(text_of(here("/data/config.json")), "/data/config.json");
  EXPECT_EQ(text_of(here("/data/weights.safetensors")), "/data/weights.safetensors");
  EXPECT_EQ(fs::exists(here("/data/README.md")), host() == "a");
  all_->barrier();
  put_on("b", "/data/generation_config.json", "{}");
  expect_on_all<std::invalid_argument>(
      [&] {
        files.send_folder("/data", {".json", ".safetensors"}, "config.json");
      },
      {"host b: /data/generation_config.json is there but not on host a"});
}

TEST_F(HostFilesTest, WhatOthersHaveComesToRankZero) {
  HostFiles files(*all_, options());
  put_on("a", "/data/0", "whole of a");
  put_on("b", "/data/0", "whole of b");
  put_on("a", "/data/1", "damaged");
  put_on("b", "/data/1", "whole of b");
  put_on("b", "/data/2", "damaged");
  put_on("c", "/data/2", "whole of c");
  files.collect({"/data/0", "/data/1", "/data/2", "/data/3"},
                [](const std::string& path) { return text_of(path).starts_with("whole"); });
  if (all_->rank() != 0) return;
  EXPECT_EQ(text_of(here("/data/0")), "whole of a");
  EXPECT_EQ(text_of(here("/data/1")), ranks() > 1 ? "whole of b" : "damaged");
  EXPECT_EQ(text_of(here("/data/2")), ranks() > 3 ? "whole of c" : "");
  EXPECT_FALSE(fs::exists(here("/data/3")));
}

}  // namespace
}  // namespace candor::trainer
