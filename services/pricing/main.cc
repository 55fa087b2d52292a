// The room pricing as a process of its own: --config=FILE, --check_config.
#include "libs/service/process.h"
#include "services/pricing/config.h"
#include "services/pricing/room.h"

int main(int argc, char** argv) {
  return weft::service::RoomMain(
      argc, argv,
      weft::service::Spec<weft::pricing::v1::PricingConfig>(
          "pricing", &weft::pricing::MakeSettings, &weft::pricing::MakeRoom));
}
