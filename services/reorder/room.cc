#include "services/reorder/room.h"

#include <string>

#include "libs/base/status_macros.h"
#include "services/reorder/neighbours.h"
#include "services/reorder/program.h"
#include "services/reorder/service.h"

namespace weft::reorder {
namespace {

class ReorderRoom final : public service::Room {
 public:
  ReorderRoom(const Settings& settings, const service::Surroundings& surroundings)
      : settings_(settings),
        mac_key_(surroundings.mac_key),
        neighbours_(surroundings.rooms),
        program_(MakeProgram(neighbours_)) {}

  engine::Program* program() override { return &program_; }
  void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) override {
    BindService(settings_, neighbours_, mac_key_, methods, *shards);
  }

 private:
  const Settings settings_;
  const std::string mac_key_;
  const Neighbours neighbours_;
  engine::Program program_;
};

}  // namespace

std::unique_ptr<service::Room> MakeRoom(const v1::ReorderConfig& config,
                                        const service::Surroundings& surroundings) {
  absl::StatusOr<Settings> settings = MakeSettings(config);
  WEFT_CHECK_OK(settings);
  return std::make_unique<ReorderRoom>(*settings, surroundings);
}

}  // namespace weft::reorder
