#include "tests/commands/watched_config.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <map>
#include <new>
#include <stdexcept>
#include <vector>

#include "launch/config/config_fields.h"
#include "launch/config/config_part.h"

namespace candor::testing_support {
namespace {

constexpr std::size_t kPageBytes = 16384;  // whole pages
constexpr greg_t kTrapFlag = 0x100;
static_assert(sizeof(launch::RunConfig) < kPageBytes);

// Of the one config that is watched at a time.
std::byte* begin_of_pages = nullptr;
std::atomic<bool> was_read[kPageBytes + 16];
int whole_reads = 0;
bool watching = false;

void protect(bool on) {
  ::mprotect(begin_of_pages, kPageBytes, on ? PROT_NONE : PROT_READ | PROT_WRITE);
}

// How much the instruction at `code` reads, for those that take in two keys at once: neighbouring
// numbers and flags are copied by wider loads.
std::size_t bytes_read_by(const std::uint8_t* code) {
  bool half = false, scalar = false, integer = false, wide = false;  // prefixes 66, F2, F3, REX.W
  for (;; ++code) {
    half = half || *code == 0x66;
    scalar = scalar || *code == 0xF2;
    integer = integer || *code == 0xF3;
    wide = wide || (*code & 0xF8) == 0x48;
    const bool prefix = *code == 0x66 || *code == 0xF2 || *code == 0xF3 || (*code & 0xF0) == 0x40;
    if (!prefix) break;
  }
  if (code[0] == 0x8B) return wide ? 8 : (half ? 2 : 4);  // mov
  if (code[0] != 0x0F) return 1;
  if (code[1] == 0xB7) return 2;   // movzx of 16 bits
  if (code[1] == 0x6F) return 16;  // movdqa, movdqu
  const bool packed = !scalar && !integer;
  return packed && (code[1] == 0x10 || code[1] == 0x28) ? 16 : 1;  // movups, movaps
}

void on_fault(int signal, siginfo_t* info, void* context) {
  auto* const at = static_cast<std::byte*>(info->si_addr);
  if (begin_of_pages == nullptr || at < begin_of_pages || at >= begin_of_pages + kPageBytes) {
    std::signal(signal, SIG_DFL);  // a fault of the program's own: it comes again, and ends it
    return;
  }
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const std::size_t bytes =
      bytes_read_by(reinterpret_cast<const std::uint8_t*>(registers[REG_RIP]));
  for (std::size_t i = 0; i < bytes; ++i) was_read[at - begin_of_pages + i] = true;
  protect(false);
  registers[REG_EFL] |= kTrapFlag;
}

void after_the_instruction(int, siginfo_t*, void* context) {
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  if (watching && whole_reads == 0) protect(true);
}

void whole_read(bool begins) {
  whole_reads += begins ? 1 : -1;
  if (watching) protect(whole_reads == 0);
}

// The place of every key in a config.
class Places final : public launch::FieldVisitor {
 public:
  struct Place {
    const void* begin;
    std::size_t bytes;
  };
  std::map<std::string, Place> places;

  void begin_section(const std::string& name, const std::string&) override {
    section_ = name + ".";
  }
  void end_section() override { section_.clear(); }
  void text(const std::string& name, std::string& value, const launch::TextRule&,
            const std::string&) override {
    add(name, value);
  }
  void choice(const std::string& name, launch::ChoiceField& value, bool,
              const std::string&) override {
    places[section_ + name] = {value.bytes().data(), value.bytes().size()};
  }
  void integer(const std::string& name, int64_t& value, const launch::IntegerRule&,
               const std::string&) override {
    add(name, value);
  }
  void number(const std::string& name, double& value, const launch::NumberRule&,
              const std::string&) override {
    add(name, value);
  }
  void flag(const std::string& name, bool& value, const std::string&) override { add(name, value); }
  void texts(const std::string& name, std::vector<std::string>& value, const launch::TextRule&,
             const std::string&) override {
    add(name, value);
  }
  void text_map(const std::string& name, std::map<std::string, std::string>& value,
                const launch::TextRule&, const std::string&) override {
    add(name, value);
  }
  void layers(const std::string& name, trainer::LayerRange& value, const std::string&) override {
    add(name, value);
  }
  void records(const std::string&, launch::RecordList&, const std::string&,
               const std::string&) override {}

  template <typename T>
  void add(const std::string& name, const T& value) {
    places[section_ + name] = {&value, sizeof value};
  }

 private:
  std::string section_;
};

void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

WatchedConfig::WatchedConfig(const launch::RunConfig& config) {
  if (begin_of_pages != nullptr) throw std::logic_error("one config is watched at a time");
  void* const pages =
      ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  begin_of_pages = static_cast<std::byte*>(pages);
  config_ = new (pages) launch::RunConfig(config);
  launch::WholeConfigRead::watcher = whole_read;
  handle(SIGSEGV, on_fault);
  handle(SIGTRAP, after_the_instruction);
}

WatchedConfig::~WatchedConfig() {
  watching = false;
  protect(false);
  std::signal(SIGSEGV, SIG_DFL);
  std::signal(SIGTRAP, SIG_DFL);
  launch::WholeConfigRead::watcher = nullptr;
  config_->~RunConfig();
  ::munmap(begin_of_pages, kPageBytes);
  begin_of_pages = nullptr;
}

void WatchedConfig::begin() {
  for (std::atomic<bool>& byte : was_read) byte = false;
  watching = true;
  protect(true);
}

std::set<std::string> WatchedConfig::end() {
  watching = false;
  protect(false);
  Places places;
  launch::visit_fields(*config_, places);
  places.add("objective", config_->objective);
  places.add("prompt.few_shot", config_->prompt.few_shot);
  std::set<std::string> read;
  for (const auto& [path, place] : places.places) {
    const auto at =
        static_cast<std::size_t>(static_cast<const std::byte*>(place.begin) - begin_of_pages);
    for (std::size_t i = 0; i < place.bytes; ++i) {
      if (was_read[at + i]) read.insert(path);
    }
  }
  return read;
}

}  // namespace candor::testing_support
