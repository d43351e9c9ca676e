#include "trainer/training/tensorboard_events.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "comm/host_name.h"

namespace candor::trainer {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
    table[i] = value;
  }
  return table;
}

template <typename T>
std::string little_endian(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes.push_back(static_cast<char>((value & 127) | 128));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

// Protocol buffer field number and wire type: 0 varint, 1 eight bytes, 2 length-delimited, 5 four
// bytes.
std::string key(uint32_t field, uint32_t wire) { return varint((field << 3) | wire); }
std::string delimited(uint32_t field, const std::string& body) {
  return key(field, 2) + varint(body.size()) + body;
}

uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

double now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

constexpr std::string_view kNamesBegin = "events.out.tfevents.", kOurNamesEnd = ".candor.v2";

namespace fs = std::filesystem;

// Now, or a second behind the youngest event file of the folder.
int64_t seconds_of_a_new_file(const std::string& folder) {
  auto seconds = static_cast<int64_t>(now_s());
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kNamesBegin)) continue;
    int64_t theirs = 0;
    std::from_chars(name.data() + kNamesBegin.size(), name.data() + name.size(), theirs);
    seconds = std::max(seconds, theirs + 1);
  }
  return seconds;
}

}  // namespace

void remove_event_files(const std::string& folder) {
  if (!fs::is_directory(folder)) return;
  std::vector<fs::path> ours;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kNamesBegin) && name.ends_with(kOurNamesEnd) && entry.is_regular_file())
      ours.push_back(entry.path());
  }
  for (const fs::path& path : ours) fs::remove(path);
}

uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = crc_table();
  uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes)
    crc = kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xFF] ^ (crc >> 8);
  return crc ^ 0xFFFFFFFFU;
}

TensorBoardEvents::TensorBoardEvents(const std::string& folder) {
  fs::create_directories(folder);
  path_ = fmt::format("{}/{}{}.{}.{}{}", folder, kNamesBegin, seconds_of_a_new_file(folder),
                      comm::host_name(), ::getpid(), kOurNamesEnd);
  file_ = std::fopen(path_.c_str(), "wb");
  if (file_ == nullptr) throw std::system_error(errno, std::generic_category(), path_);
  write_event(delimited(3, "brain.Event:2"), 0);
  flush();
}

TensorBoardEvents::~TensorBoardEvents() {
  if (file_ != nullptr) std::fclose(file_);
}

void TensorBoardEvents::restart_at(int64_t step) {
  constexpr uint64_t kStart = 1;
  write_event(delimited(7, key(1, 0) + varint(kStart)), step);  // Event.session_log, its status
}

void TensorBoardEvents::scalar(const std::string& tag, int64_t step, float value) {
  const std::string entry =
      delimited(1, tag) + key(2, 5) + little_endian(value);  // Summary.Value: tag, simple_value
  write_event(delimited(5, delimited(1, entry)), step);      // Event.summary, Summary.value
}

void TensorBoardEvents::hyperparameters(
    const std::vector<std::pair<std::string, std::string>>& values) {
  std::string start;
  for (const auto& [name, text] : values) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    // google.protobuf.Value: number_value or string_value.
    const std::string value = is_number ? key(2, 1) + little_endian(number) : delimited(3, text);
    start +=
        delimited(1, delimited(1, name) + delimited(2, value));  // SessionStartInfo.hparams, a map
  }
  const std::string plugin_data = delimited(3, start);  // HParamsPluginData.session_start_info
  const std::string metadata = delimited(
      1, delimited(1, "hparams") + delimited(2, plugin_data));  // SummaryMetadata.plugin_data
  const std::string nothing = key(1, 0) + varint(1) + delimited(2, "") +
                              delimited(5, std::string(4, '\0'));  // TensorProto: one float, 0
  const std::string entry =
      delimited(1, "_hparams_/session_start_info") + delimited(8, nothing) + delimited(9, metadata);
  write_event(delimited(5, delimited(1, entry)), 0);
}

void TensorBoardEvents::write_event(const std::string& body, int64_t step) {
  const std::string event =
      key(1, 1) + little_endian(now_s()) + key(2, 0) + varint(static_cast<uint64_t>(step)) + body;
  const std::string length = little_endian(static_cast<uint64_t>(event.size()));
  const std::string frame =
      length + little_endian(masked(crc32c(length))) + event + little_endian(masked(crc32c(event)));
  if (std::fwrite(frame.data(), 1, frame.size(), file_) != frame.size())
    throw std::system_error(errno, std::generic_category(), path_);
}

void TensorBoardEvents::flush() {
  if (std::fflush(file_) != 0) throw std::system_error(errno, std::generic_category(), path_);
}

}  // namespace candor::trainer
