#include "services/approval/room.h"

#include "libs/base/status_macros.h"
#include "services/approval/config.h"
#include "services/approval/program.h"
#include "services/approval/service.h"

namespace weft::approval {
namespace {

class ApprovalRoom final : public service::Room {
 public:
  ApprovalRoom(const Settings& settings, const service::Surroundings& surroundings)
      : tokens_(surroundings.mac_key), program_(MakeProgram(settings, surroundings.rooms)) {
    program_.read_models.push_back(&watchers_);
  }

  engine::Program* program() override { return &program_; }
  void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) override {
    BindService(methods, *shards, tokens_, watchers_);
  }

 private:
  const PageTokens tokens_;
  OrderWatchers watchers_;
  engine::Program program_;
};

}  // namespace

std::unique_ptr<service::Room> MakeRoom(const v1::ApprovalConfig& config,
                                        const service::Surroundings& surroundings) {
  absl::StatusOr<Settings> settings = FromConfig(config);
  WEFT_CHECK_OK(settings.status());
  return std::make_unique<ApprovalRoom>(*settings, surroundings);
}

}  // namespace weft::approval
