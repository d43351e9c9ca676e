#include "data_pipeline/tokens/token_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "data_pipeline/files/file_error.h"
#include "data_pipeline/tokens/hdf5_columns.h"
#include "data_pipeline/tokens/hdf5_handle.h"
#include "data_pipeline/tokens/temporary_name.h"

namespace candor::data {
namespace {

constexpr const char* kFormatName = "candor tokens";

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
  out.attribute("tokenizer_sha256", data.tokenizer_sha256);
  out.attribute("template_sha256", data.template_sha256);
  out.attribute("prompt_sha256", data.prompt_sha256);
  out.attribute("model_identity", data.model_identity);
  out.attribute("examples", static_cast<int64_t>(data.examples()));
  out.attribute("prefixes", static_cast<int64_t>(data.prefixes()));
  out.attribute("suffix_tokens", static_cast<int64_t>(data.tokens.size()));
  out.column("prefix_tokens", data.prefix_tokens);
  out.column("prefix_offsets", data.prefix_offsets);
  out.column("prefix_parent", data.prefix_parent);
  out.column("prefix_index", data.prefix_index);
  out.column("tokens", data.tokens);
  out.column("offsets", data.offsets);
  out.column("confidence_position", data.confidence_position);
  out.column("marker_position", data.marker_position);
  out.column("response_begin", data.response_begin);
  out.column("response_end", data.response_end);
  out.column("target", data.target);
  out.column("graded", data.graded);
  out.column("example_id", data.example_id);
  out.column("dataset", data.dataset);
  out.column("entity", data.entity);
  out.column("split", data.split);
  out.column("level_ids", data.level_ids);
  out.column("level_values", data.level_values);
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
  data.tokenizer_sha256 = in.text_attribute("tokenizer_sha256");
  data.template_sha256 = in.text_attribute("template_sha256");
  data.prompt_sha256 = in.text_attribute("prompt_sha256");
  data.model_identity = in.text_attribute("model_identity");
  data.prefix_tokens = in.column<uint32_t>("prefix_tokens");
  data.prefix_offsets = in.column<uint64_t>("prefix_offsets");
  data.prefix_parent = in.column<int32_t>("prefix_parent");
  data.prefix_index = in.column<int32_t>("prefix_index");
  data.tokens = in.column<uint32_t>("tokens");
  data.offsets = in.column<uint64_t>("offsets");
  data.confidence_position = in.column<uint32_t>("confidence_position");
  data.marker_position = in.column<uint32_t>("marker_position");
  data.response_begin = in.column<uint32_t>("response_begin");
  data.response_end = in.column<uint32_t>("response_end");
  data.target = in.column<float>("target");
  data.graded = in.column<uint8_t>("graded");
  data.example_id = in.strings("example_id");
  data.dataset = in.strings("dataset");
  data.entity = in.strings("entity");
  data.split = in.strings("split");
  data.level_ids = in.column<uint32_t>("level_ids");
  data.level_values = in.column<double>("level_values");
  const auto same = [](int64_t count, size_t got) {
    return count >= 0 && static_cast<uint64_t>(count) == got;
  };
  if (!same(in.integer_attribute("examples"), data.examples()) ||
      !same(in.integer_attribute("prefixes"), data.prefixes()) ||
      !same(in.integer_attribute("suffix_tokens"), data.tokens.size())) {
    throw FileError(
        fmt::format("{}: its counts don't agree with its columns; the file is damaged: run "
                    "`candor prepare` again",
                    path));
  }
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

}  // namespace candor::data
