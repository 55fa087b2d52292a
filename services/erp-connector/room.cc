#include "services/erp-connector/room.h"

#include <utility>

#include "libs/base/status_macros.h"
#include "services/erp-connector/program.h"
#include "services/erp-connector/service.h"

namespace weft::erp {
namespace {

class ErpRoom final : public service::Room {
 public:
  explicit ErpRoom(Settings settings)
      : settings_(std::move(settings)), program_(MakeProgram(settings_)) {}

  engine::Program* program() override { return &program_; }
  void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) override {
    BindService(settings_, methods, *shards);
  }

 private:
  const Settings settings_;
  engine::Program program_;
};

}  // namespace

std::unique_ptr<service::Room> MakeRoom(const v1::ErpConfig& config,
                                        const service::Surroundings& /*surroundings*/) {
  absl::StatusOr<Settings> settings = CheckConfig(config);
  WEFT_CHECK_OK(settings);
  return std::make_unique<ErpRoom>(*std::move(settings));
}

}  // namespace weft::erp
