#include "launch/context/resident_model.h"

#include "launch/context/model_setup.h"

namespace candor::launch {
namespace {

std::string text_of(const ModelSection& model) {
  RunConfig config;
  config.model = model;
  return to_yaml(config);
}

}  // namespace

const std::string& ResidentModel::identity(const ModelSection& model, comm::ProcessGroup& group,
                                           trainer::HostFiles& hosts) {
  if (identified_ != text_of(model)) {
    identity_ = agreed_model_identity(model, group, hosts);
    identified_ = text_of(model);
  }
  return identity_;
}

const trainer::LlamaModel& ResidentModel::get(const ModelSection& model,
                                              comm::ProcessGroup& group) {
  if (!model_ || loaded_ != text_of(model)) {
    model_.reset();
    model_.emplace(load_model(model, group));
    loaded_ = text_of(model);
  }
  return *model_;
}

}  // namespace candor::launch
