// File names that were read out of a file: they must not lead out of the folder that the file lies
// in.
#pragma once

#include <string>

namespace candor::data {

// folder/name, where `name` is a plain file name (no "/", not "." or "..", no control character)
// and, where it is a link, one whose end lies in the folder too. A cache of the Hugging Face hub is
// read as it is: there MODEL/snapshots/REVISION holds links into MODEL/blobs.
// `where` (the file, and what in it) starts the message of the std::invalid_argument. A missing
// file is left to whoever opens it.
std::string contained_path(const std::string& folder, const std::string& name,
                           const std::string& where);

}  // namespace candor::data
