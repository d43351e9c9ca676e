// What this host is called.
#pragma once

#include <string>

namespace candor::comm {

// As gethostname() says; "?" where it doesn't.
std::string host_name();

}  // namespace candor::comm
