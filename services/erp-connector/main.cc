// The room erp-connector as a process of its own.
#include "libs/service/process.h"
#include "services/erp-connector/config.h"
#include "services/erp-connector/room.h"

int main(int argc, char** argv) {
  return weft::service::RoomMain(
      argc, argv,
      weft::service::Spec<weft::erp::v1::ErpConfig>("erp-connector", &weft::erp::CheckConfig,
                                                    &weft::erp::MakeRoom));
}
