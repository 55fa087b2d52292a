#include "services/inventory-projection/room.h"

#include <utility>

#include "libs/base/status_macros.h"
#include "services/inventory-projection/program.h"
#include "services/inventory-projection/service.h"

namespace weft::inventory {
namespace {

class InventoryRoom final : public service::Room {
 public:
  explicit InventoryRoom(const Settings& settings)
      : settings_(settings), program_(MakeProgram(settings)) {}

  engine::Program* program() override { return &program_; }
  void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) override {
    watchers_ = BindService(settings_, methods, *shards);
  }

 private:
  const Settings settings_;
  engine::Program program_;
  std::unique_ptr<Watchers> watchers_;
};

}  // namespace

std::unique_ptr<service::Room> MakeRoom(const v1::InventoryConfig& config,
                                        const service::Surroundings& /*surroundings*/) {
  absl::StatusOr<Settings> settings = MakeSettings(config);
  WEFT_CHECK_OK(settings);
  return std::make_unique<InventoryRoom>(*settings);
}

}  // namespace weft::inventory
