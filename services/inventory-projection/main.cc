#include "libs/service/process.h"
#include "services/inventory-projection/config.h"
#include "services/inventory-projection/room.h"

int main(int argc, char** argv) {
  using namespace weft;  // NOLINT(google-build-using-namespace): only here.
  return service::RoomMain(
      argc, argv,
      service::Spec<inventory::v1::InventoryConfig>(
          "inventory-projection", &inventory::MakeSettings, &inventory::MakeRoom));
}
