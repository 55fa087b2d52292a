#include "services/inventory-projection/room.h"

#include <utility>

#include "libs/base/status_macros.h"
#include "services/inventory-projection/app.h"
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

engine::Program MakeProgram(const Settings& settings) {
  engine::Program program("inventory-projection");
  const std::string service = "weft.inventory.v1.InventoryService/";
  program.Command<v1::ReserveRequest, v1::Reservation>(
      kReserveMethod, [settings](const v1::ReserveRequest& request, engine::Turn& turn) {
        return Reserve(request, settings, turn);
      });
  program.Command(service + "Confirm", &Confirm);
  program.Command<v1::ExtendRequest, v1::Reservation>(
      service + "Extend", [settings](const v1::ExtendRequest& request, engine::Turn& turn) {
        return Extend(request, settings, turn);
      });
  program.Command(service + "Release", &Release);
  program.Timer(kExpireTimer, &Expire);

  program.Events(engine::kTimeline, &OnFact);
  program.Events(kMovementsTopic, [settings](const engine::Event& event, engine::Turn& turn) {
    return OnStock(event, settings, turn);
  });
  program.Events(kErpOrdersTopic, [settings](const engine::Event& event, engine::Turn& turn) {
    return OnErpOrder(event, settings, turn);
  });
  program.Emits(kStockTopic, {});
  return program;
}

std::unique_ptr<service::Room> MakeRoom(const v1::InventoryConfig& config,
                                        const service::Surroundings& /*surroundings*/) {
  absl::StatusOr<Settings> settings = MakeSettings(config);
  WEFT_CHECK_OK(settings);
  return std::make_unique<InventoryRoom>(*settings);
}

}  // namespace weft::inventory
