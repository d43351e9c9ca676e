// What candor doesn't own and would have to replace is kept: PATH becomes the first free one of
// PATH.1, PATH.2 and so on, which is returned. A file or a folder. Throws std::system_error.
#pragma once

#include <string>

namespace candor::launch {

std::string keep_beside(const std::string& path);

}  // namespace candor::launch
