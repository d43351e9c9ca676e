// The base model and its identity, kept from one training to the next of a sweep.
#pragma once

#include <optional>
#include <string>

#include "comm/process_group.h"
#include "launch/config/run_config.h"
#include "trainer/hosts/host_files.h"
#include "trainer/model/llama.h"

namespace candor::launch {

class ResidentModel {
 public:
  // agreed_model_identity(), anew only where the section is another one than the last. Collective.
  const std::string& identity(const ModelSection& model, comm::ProcessGroup& group,
                              trainer::HostFiles& hosts);
  // load_model(), in the same way. The last one is freed before. Collective.
  const trainer::LlamaModel& get(const ModelSection& model, comm::ProcessGroup& group);

 private:
  std::string identified_, loaded_;  // sections, as text
  std::string identity_;
  std::optional<trainer::LlamaModel> model_;
};

}  // namespace candor::launch
