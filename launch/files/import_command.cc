#include "launch/files/import_command.h"

#include "launch/context/model_import.h"

namespace candor::launch {

int import_command(RunContext& context) {
  if (context.group.rank() == 0) import_and_tell(context.arguments.input, context.arguments.output);
  context.group.barrier();
  return 0;
}

}  // namespace candor::launch
