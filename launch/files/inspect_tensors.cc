#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>

#include "data_pipeline/files/gguf.h"
#include "data_pipeline/files/safetensors.h"
#include "launch/files/inspect_formats.h"

namespace candor::launch {
namespace {

struct ValueSummary {
  double rms = 0, largest = 0;
  int64_t non_finite = 0;
};

template <typename T>
ValueSummary summarize(std::span<const std::byte> bytes) {
  ValueSummary summary;
  double squares = 0;
  const size_t numel = bytes.size() / sizeof(T);
  for (size_t i = 0; i < numel; ++i) {
    T element;
    std::memcpy(&element, bytes.data() + i * sizeof(T),
                sizeof(T));  // tensors in a file needn't be aligned
    const double value = static_cast<double>(element);
    if (!std::isfinite(value)) {
      ++summary.non_finite;
      continue;
    }
    squares += value * value;
    summary.largest = std::max(summary.largest, std::abs(value));
  }
  summary.rms = numel == 0 ? 0 : std::sqrt(squares / static_cast<double>(numel));
  return summary;
}

std::string values_text(const data::TensorView& tensor) {
  ValueSummary summary;
  switch (tensor.dtype) {
    case data::DType::F32: summary = summarize<float>(tensor.bytes); break;
    case data::DType::F64: summary = summarize<double>(tensor.bytes); break;
    case data::DType::F16: summary = summarize<c10::Half>(tensor.bytes); break;
    case data::DType::BF16: summary = summarize<c10::BFloat16>(tensor.bytes); break;
    default: return "";
  }
  std::string text = fmt::format("  rms {:.4g}, largest {:.4g}", summary.rms, summary.largest);
  if (summary.non_finite > 0) text += fmt::format(", {} NOT FINITE", summary.non_finite);
  return text;
}

struct MetadataPrinter {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(float value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& value) const { return shortened(value); }
  template <typename T>
  std::string operator()(const std::vector<T>& values) const {
    return fmt::format("[{} values]", values.size());
  }
  static std::string shortened(std::string text) {
    for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
      text.replace(at, 1, "\\n");
    return text.size() > 100 ? fmt::format("{}... ({} bytes)", text.substr(0, 100), text.size())
                             : text;
  }
};

}  // namespace

std::string inspect_safetensors(const std::string& path) {
  const data::SafetensorsFile file(path);
  std::string out = fmt::format("safetensors {}: {} tensors\n", path, file.tensors().size());
  for (const auto& [key, value] : file.metadata()) out += fmt::format("  {} = {}\n", key, value);
  int64_t bytes = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    out += fmt::format("  {}  {} [{}]{}\n", name, data::dtype_name(tensor.dtype),
                       fmt::join(tensor.shape, ", "), values_text(tensor));
    bytes += static_cast<int64_t>(tensor.bytes.size());
  }
  return out + fmt::format("{} bytes of tensors\n", bytes);
}

std::string inspect_gguf(const std::string& path) {
  const data::GgufFile file(path);
  std::string out =
      fmt::format("GGUF {}: version {}, {} tensors\n", path, file.version(), file.tensors().size());
  for (const auto& [key, value] : file.metadata())
    out += fmt::format("  {} = {}\n", key, std::visit(MetadataPrinter{}, value));
  int64_t numel = 0;
  for (const data::GgufTensor& tensor : file.tensors()) {
    out += fmt::format("  {}  {} [{}]\n", tensor.name,
                       data::gguf_type_name(static_cast<uint32_t>(tensor.type)),
                       fmt::join(tensor.shape, ", "));
    numel += tensor.numel();
  }
  return out + fmt::format("{} parameters\n", numel);
}

}  // namespace candor::launch
