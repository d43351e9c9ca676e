// Event files: their frames, what a resumed run voids, and what a new run removes.
#include "trainer/training/tensorboard_events.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/files/temporary_folder.h"
#include "trainer/training/metrics_log.h"

namespace candor::trainer {
namespace {

using testing::HasSubstr;

// The bodies of a file's events, without their frames.
std::vector<std::string> events_of(const std::string& path) {
  const std::string bytes = data::read_file(path);
  std::vector<std::string> events;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data() + at, 8);
    events.push_back(bytes.substr(at + 8 + 4, length));
    at += 8 + 4 + length + 4;
    EXPECT_LE(at, bytes.size());
  }
  return events;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(TensorBoardEvents, FramesCarryTheKnownChecksums) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);  // the check value of CRC-32C
  const data::TemporaryFolder temporary;
  const std::string folder = temporary / "events";
  {
    TensorBoardEvents events(folder);
    events.scalar("train/loss", 3, 0.5F);
    events.flush();
  }
  const std::vector<std::string> events = events_of(folder + "/" + names_in(folder).at(0));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_THAT(events[0], HasSubstr("brain.Event:2"));
  EXPECT_THAT(events[1], HasSubstr("train/loss"));
}

// TensorBoard's event_accumulator.py forgets the steps from that of a session's start on. It reads
// a folder's files by their names.
TEST(TensorBoardEvents, AResumedRunVoidsTheStepsThatItDoesAgain) {
  const data::TemporaryFolder temporary;
  const std::string folder = temporary / "events", metrics = temporary / "metrics.jsonl";
  StepRecord record{.max_steps = 4};
  {
    MetricsLog log(metrics, folder, 0);
    for (record.step = 1; record.step <= 4; ++record.step) log.write(record);
  }
  const std::string first = names_in(folder).at(0);
  {
    MetricsLog log(metrics, folder, 3);
    record.step = 4;
    log.write(record);
  }
  ASSERT_EQ(names_in(folder).size(), 2U);
  EXPECT_EQ(names_in(folder)[0], first);
  const std::vector<std::string> events = events_of(folder + "/" + names_in(folder)[1]);
  ASSERT_GT(events.size(), 2U);
  // Event.step (field 2) is 4, Event.session_log (field 7) is one of status (field 1) START (1).
  EXPECT_THAT(events[1], testing::EndsWith(std::string("\x10\x04\x3a\x02\x08\x01", 6)));
  EXPECT_THAT(events[2], HasSubstr("train/loss"));
}

TEST(TensorBoardEvents, ANewRunRemovesOnlyEventFilesOfItsOwnKind) {
  const data::TemporaryFolder temporary;
  const std::string folder = temporary / "events", metrics = temporary / "metrics.jsonl";
  { const MetricsLog log(metrics, folder, 0); }
  const std::string ours = names_in(folder).at(0);
  std::filesystem::create_directories(folder + "/mine");
  const std::vector<std::string> others = {"events.out.tfevents.1700000000.host.12.0",
                                           "events.out.tfevents.1700000000.host", "notes.txt",
                                           "mine/notes.txt", "mine/" + ours};
  for (const std::string& name : others) std::ofstream(folder + "/" + name) << name;
  { const MetricsLog log(metrics, folder, 0); }
  for (const std::string& name : others) EXPECT_EQ(data::read_file(folder + "/" + name), name);
  EXPECT_EQ(names_in(folder).size(), 5U) << "one event file of the new run";
}

}  // namespace
}  // namespace candor::trainer
