#include "libs/service/process.h"
#include "services/approval/config.h"
#include "services/approval/room.h"

int main(int argc, char** argv) {
  return weft::service::RoomMain(argc, argv,
                                 weft::service::Spec<weft::approval::v1::ApprovalConfig>(
                                     "approval", &weft::approval::FromConfig,
                                     &weft::approval::MakeRoom));
}
