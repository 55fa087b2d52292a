// inventory-projection with a fault planted: it does not look for another owner's
// claim before it answers. For the test that has to find it; nothing else runs it.
#include "libs/engine/open.h"
#include "libs/service/process.h"
#include "services/inventory-projection/config.h"
#include "services/inventory-projection/room.h"

int main(int argc, char** argv) {
  using namespace weft;  // NOLINT(google-build-using-namespace): only here.
  service::RoomSpec spec = service::Spec<inventory::v1::InventoryConfig>(
      "inventory-projection", &inventory::MakeSettings, &inventory::MakeRoom);
  spec.adjust_shards = [](engine::Options& options) { options.core.bugs.no_claim_check = true; };
  return service::RoomMain(argc, argv, std::move(spec));
}
