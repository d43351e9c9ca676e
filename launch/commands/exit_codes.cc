#include "launch/commands/exit_codes.h"

#include <new>
#include <stdexcept>
#include <system_error>

#include "comm/comm_error.h"

namespace candor {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }  // libtorch appends a back trace

}  // namespace

Failure describe_failure(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const CommError& e) {
    return {kExitCommunication, first_line(e.what())};
  } catch (const NonFiniteError& e) {
    return {kExitNonFinite, first_line(e.what())};
  } catch (const std::invalid_argument& e) {
    return {kExitUserError, first_line(e.what())};
  } catch (const std::runtime_error& e) {  // also std::system_error
    return {kExitFileError, first_line(e.what())};
  } catch (const std::bad_alloc&) {
    return {kExitInternal,
            "out of memory: use fewer ranks on this host, or smaller train.micro_batch_examples, answer.group_size or evaluate.batch_examples"};
  } catch (const std::exception& e) {
    return {kExitInternal, "internal error: " + first_line(e.what())};
  } catch (...) {
    return {kExitInternal, "internal error of an unknown kind"};
  }
}

}  // namespace candor
