// state.json of a checkpoint. Its hash of itself hides the rest from a search, so every input is
// also tried with the right one.
#include <nlohmann/json.hpp>

#include "data_pipeline/files/sha256.h"
#include "tests/fuzz/fuzz_input.h"
#include "trainer/training/checkpoint_manifest.h"

namespace {

void try_to_read(const std::string& text) {
  const candor::trainer::CheckpointManifest manifest =
      candor::trainer::parse_manifest(text, "state.json");
  candor::data::require(manifest.state.step >= 0 && manifest.state.best_step >= 0 &&
                            manifest.state.skipped_steps >= 0,
                        "counts aren't negative");
  const candor::trainer::CheckpointManifest again =
      candor::trainer::parse_manifest(candor::trainer::manifest_text(manifest), "state.json");
  candor::data::require(
      again.files == manifest.files && again.state.identity == manifest.state.identity,
      "what was read is written the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const std::string text(candor::data::text_of(data, size_bytes));
  nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  candor::data::expecting_refusals([&] { try_to_read(text); });
  if (!json.is_object()) return 0;
  return candor::data::expecting_refusals([&] {
    json.erase("state_sha256");
    json["state_sha256"] = candor::data::sha256_hex(
        json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    try_to_read(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  });
}
