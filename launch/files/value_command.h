// candor value: what a YAML file says for one key, read as a run's config is, for scripts.
#pragma once

#include <string>
#include <vector>

namespace candor::launch {

// Without ranks. The rest of the file isn't checked, so that a script learns of a config that a run
// would refuse where that run writes. overrides: of --set. Throws std::invalid_argument for text
// that isn't YAML, a key that no config has and one without a single value there;
// std::system_error.
std::string value_in_config(const std::string& path, const std::string& key,
                            const std::vector<std::string>& overrides);

}  // namespace candor::launch
