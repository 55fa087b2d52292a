#include "services/inventory-projection/program.h"

#include <string>

#include "services/inventory-projection/app.h"

namespace weft::inventory {

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

}  // namespace weft::inventory
