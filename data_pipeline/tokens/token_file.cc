#include "data_pipeline/tokens/token_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include "data_pipeline/files/file_error.h"
#include "data_pipeline/tokens/hdf5_columns.h"
#include "data_pipeline/tokens/hdf5_handle.h"
#include "data_pipeline/tokens/temporary_name.h"

namespace candor::data {
namespace {

constexpr const char* kFormatName = "candor tokens";

// Gives every column's name and where its values lie, in the order of the file: a vector, or the
// member of Example that has one value of it.
template <class Data, class Visit>
void visit_columns(Data& data, const Visit& visit) {
  visit("prefix_tokens", data.prefixes.ids);
  visit("prefix_offsets", data.prefixes.offsets);
  visit("prefix_parent", data.prefix_parent);
  visit("prefix_index", &Example::prefix);
  visit("tokens", data.suffixes.ids);
  visit("offsets", data.suffixes.offsets);
  visit("confidence_position", &Example::confidence_position);
  visit("marker_position", &Example::marker_position);
  visit("response_begin", &Example::response_begin);
  visit("response_end", &Example::response_end);
  visit("target", &Example::target);
  visit("graded", &Example::graded);
  visit("example_id", &Example::id);
  visit("dataset", &Example::dataset);
  visit("entity", &Example::entity);
  visit("split", &Example::split);
  visit("level_ids", data.levels.ids);
  visit("level_values", data.levels.values);
}

// A bool is a byte in the file.
template <class Field>
using Stored = std::conditional_t<std::is_same_v<Field, bool>, uint8_t, Field>;

struct WriteColumn {
  ColumnWriter& out;
  const std::vector<Example>& examples;

  template <class T>
  void operator()(const char* name, const std::vector<T>& values) const {
    out.column(name, values);
  }
  template <class Field>
  void operator()(const char* name, Field Example::*field) const {
    std::vector<Stored<Field>> values;
    values.reserve(examples.size());
    for (const Example& example : examples) values.push_back(example.*field);
    out.column(name, values);
  }
};

// Reads what isn't of single examples.
struct ReadVectors {
  const ColumnReader& in;

  template <class T>
  void operator()(const char* name, std::vector<T>& values) const {
    values = in.column<T>(name);
  }
  template <class Field>
  void operator()(const char* /*name*/, Field Example::* /*field*/) const {}
};

// Reads what each example has; `examples` has its size already.
struct ReadExamples {
  const ColumnReader& in;
  std::vector<Example>& examples;
  const std::string& path;

  template <class T>
  void operator()(const char* /*name*/, std::vector<T>& /*values*/) const {}
  template <class Field>
  void operator()(const char* name, Field Example::*field) const {
    std::vector<Stored<Field>> values = in.column<Stored<Field>>(name);
    if (values.size() != examples.size())
      throw std::invalid_argument(fmt::format("{}: {} has {} elements, expected {}", path, name,
                                              values.size(), examples.size()));
    for (size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_same_v<Field, bool>) {
        if (values[i] > 1)
          throw std::invalid_argument(fmt::format(
              "{}: example number {}: {} must be 0 or 1, got {}", path, i, name, values[i]));
        examples[i].*field = values[i] == 1;
      } else {
        examples[i].*field = std::move(values[i]);
      }
    }
  }
};

void write_columns(const std::string& name, const std::string& path, const TokenData& data) {
  const Hdf5Session session;
  const Hdf5Handle access(hdf5_check(H5Pcreate(H5P_FILE_ACCESS), path, "create"), H5Pclose);
  hdf5_check(H5Pset_file_locking(access, /*use_file_locking=*/false, /*ignore_when_disabled=*/true),
             path, "create");
  // The newer layout has checksums on HDF5's own structures too.
  hdf5_check(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110), path, "create");
  const Hdf5Handle creation(hdf5_check(H5Pcreate(H5P_FILE_CREATE), path, "create"), H5Pclose);
  hdf5_check(H5Pset_obj_track_times(creation, false), path, "create");
  Hdf5Handle file(
      hdf5_check(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, creation, access), path, "create"),
      H5Fclose);
  ColumnWriter out(file, path);
  out.attribute("format", std::string(kFormatName));
  out.attribute("format_version", kTokenFileVersion);
  out.attribute("tokenizer_sha256", data.origin.tokenizer_sha256);
  out.attribute("template_sha256", data.origin.template_sha256);
  out.attribute("prompt_sha256", data.origin.prompt_sha256);
  out.attribute("model_identity", data.origin.model_identity);
  if (!data.origin.day.empty()) out.attribute("day", data.origin.day);
  out.attribute("examples", static_cast<int64_t>(data.examples.size()));
  out.attribute("prefixes", static_cast<int64_t>(data.prefixes.size()));
  out.attribute("suffix_tokens", static_cast<int64_t>(data.suffixes.ids.size()));
  visit_columns(data, WriteColumn{out, data.examples});
  hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL), path, "flush");
  hdf5_check(file.close_now(), path, "close");
}

Hdf5Handle open_token_file(const std::string& path) {
  const Hdf5Handle access(hdf5_check(H5Pcreate(H5P_FILE_ACCESS), path, "open"), H5Pclose);
  // Network file systems often can't lock, and nobody writes a file that is already in place.
  hdf5_check(H5Pset_file_locking(access, /*use_file_locking=*/false, /*ignore_when_disabled=*/true),
             path, "open");
  Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
  if (!file.valid()) {
    throw FileError(
        fmt::format("{}: truncated or damaged, HDF5 can't open it ({}); run `candor prepare` again",
                    path, hdf5_error_text()));
  }
  return file;
}

// It throws for what can't be a token file, and returns how many bytes one has.
uint64_t checked_file_bytes(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw std::system_error(
        errno, std::generic_category(),
        fmt::format("{}: can't open the token file (`candor prepare` makes it)", path));
  }
  if (!S_ISREG(status.st_mode))
    throw std::system_error(EISDIR, std::generic_category(),
                            fmt::format("{}: expected a token file", path));
  if (status.st_size == 0)
    throw FileError(
        fmt::format("{}: truncated, the file is empty; run `candor prepare` again", path));
  return static_cast<uint64_t>(status.st_size);
}

void check_format(const ColumnReader& in, const std::string& path) {
  if (!in.has_attribute("format") || in.text_attribute("format") != kFormatName) {
    throw FileError(
        fmt::format("{}: an HDF5 file, but not a token file; `candor prepare` makes one", path));
  }
  if (const int64_t version = in.integer_attribute("format_version");
      version != kTokenFileVersion) {
    throw FileError(fmt::format(
        "{}: format version {}, this program reads version {}; run `candor prepare` again", path,
        version, kTokenFileVersion));
  }
}

TokenData read_columns(const ColumnReader& in, const std::string& path) {
  TokenData data;
  data.origin = {.tokenizer_sha256 = in.text_attribute("tokenizer_sha256"),
                 .template_sha256 = in.text_attribute("template_sha256"),
                 .prompt_sha256 = in.text_attribute("prompt_sha256"),
                 .model_identity = in.text_attribute("model_identity"),
                 .day = in.has_attribute("day") ? in.text_attribute("day") : ""};
  visit_columns(data, ReadVectors{in});
  const auto same = [](int64_t count, size_t got) {
    return count >= 0 && static_cast<uint64_t>(count) == got;
  };
  if (!same(in.integer_attribute("examples"), data.suffixes.size()) ||
      !same(in.integer_attribute("prefixes"), data.prefixes.size()) ||
      !same(in.integer_attribute("suffix_tokens"), data.suffixes.ids.size())) {
    throw FileError(
        fmt::format("{}: its counts don't agree with its columns; the file is damaged: run "
                    "`candor prepare` again",
                    path));
  }
  data.examples.resize(data.suffixes.size());
  visit_columns(data, ReadExamples{in, data.examples, path});
  return data;
}

}  // namespace

void write_token_file(const std::string& path, const TokenData& data) {
  validate_token_data(data, path);
  TemporaryName temporary(path);
  write_columns(temporary.name(), path, data);
  temporary.publish();
}

TokenData read_token_file(const std::string& path) {
  const uint64_t file_bytes = checked_file_bytes(path);
  TokenData data;
  {
    const Hdf5Session session;
    if (H5Fis_hdf5(path.c_str()) == 0)
      throw FileError(fmt::format(
          "{}: not a token file (no HDF5 signature); `candor prepare` makes one", path));
    const Hdf5Handle file = open_token_file(path);
    const ColumnReader in(file, path, file_bytes);
    check_format(in, path);
    data = read_columns(in, path);
  }
  validate_token_data(data, path);
  return data;
}

void check_token_file_matches(const TokenOrigin& origin, std::string_view path,
                              const TokenOrigin& expected) {
  const auto compare = [path](std::string_view what, std::string_view got, std::string_view wanted,
                              std::string_view hint) {
    if (wanted.empty() || got == wanted) return;
    throw std::invalid_argument(
        fmt::format("{} was made with another {} (file: {:.12}, this run: {:.12}); {}, or run "
                    "`candor prepare` again",
                    path, what, got, wanted, hint));
  };
  compare("tokenizer", origin.tokenizer_sha256, expected.tokenizer_sha256,
          "use the model folder it was made with");
  compare("chat template", origin.template_sha256, expected.template_sha256,
          "use the template it was made with");
  compare("prompt", origin.prompt_sha256, expected.prompt_sha256,
          "undo the change in the prompt: block");
  compare("model", origin.model_identity, expected.model_identity,
          "use the model it was made with");
  compare("day in its prompts", origin.day, expected.day, "set prompt.date to the day of the file");
}

}  // namespace candor::data
