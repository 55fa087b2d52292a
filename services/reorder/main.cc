#include "libs/service/process.h"
#include "services/reorder/config.h"
#include "services/reorder/room.h"

int main(int argc, char** argv) {
  using namespace weft;  // NOLINT(google-build-using-namespace): only here.
  return service::RoomMain(
      argc, argv,
      service::Spec<reorder::v1::ReorderConfig>("reorder", &reorder::MakeSettings,
                                                &reorder::MakeRoom));
}
