#include "services/gateway/room.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/gateway/api.h"
#include "services/gateway/config.h"
#include "services/gateway/descriptors.h"
#include "services/gateway/front.h"
#include "services/gateway/http_metrics.h"
#include "services/gateway/http_server.h"

namespace weft::gateway {
namespace {

bool IsLoopbackAddress(absl::string_view address) {
  return absl::StartsWith(address, "127.") || address == "::1";
}

// Rooms by the word in their package.
std::map<std::string, rpc::Client*> ByWord(std::map<std::string, rpc::Client*> rooms) {
  constexpr std::pair<const char*, const char*> kFolders[] = {
      {"inventory-projection", "inventory"},
      {"erp-connector", "erp"},
      // The one room that has documents.
      {"pricing", "documents"}};
  for (const auto& [folder, word] : kFolders) {
    if (const auto it = rooms.find(folder); it != rooms.end()) rooms.emplace(word, it->second);
  }
  return rooms;
}

class GatewayImpl final : public Gateway {
 public:
  GatewayImpl(Settings settings, std::unique_ptr<const Api> api,
              const service::Surroundings& surroundings, const rpc::AccessTable& access)
      : http_(std::move(settings.http)),
        open_(surroundings.authenticator->open()),
        api_(std::move(api)) {
    if (surroundings.metrics != nullptr) metrics_.emplace(*surroundings.metrics, *api_);
    front_.emplace(std::move(settings.front),
                   FrontParts{.api = api_.get(),
                              .rooms = ByWord(surroundings.rooms),
                              .authenticator = surroundings.authenticator,
                              .access = &access,
                              .clock = surroundings.clock,
                              .metrics = metrics_.has_value() ? &*metrics_ : nullptr,
                              .log = surroundings.log});
  }
  ~GatewayImpl() override { Stop(absl::ZeroDuration()); }

  absl::Status Start() override {
    if (open_ && !IsLoopbackAddress(http_.address)) {
      return FailedPrecondition(
          "OPEN_NOT_LOOPBACK",
          absl::StrCat("callers without a token are let in on loopback only, not on ",
                       http_.address, "; configure issuers or listen on 127.0.0.1"),
          {{"address", http_.address}});
    }
    WEFT_ASSIGN_OR_RETURN(
        server_, HttpServer::Start(
                     http_,
                     [this](std::shared_ptr<Exchange> exchange) {
                       front_->Handle(std::move(exchange));
                     },
                     [this](const absl::Status& status, const HttpRequest& request) {
                       return front_->Refuse(status, request);
                     }));
    return absl::OkStatus();
  }
  int port() const override { return server_ == nullptr ? 0 : server_->port(); }
  void Drain() override { front_->set_ready(false); }
  void Stop(absl::Duration grace) override {
    Drain();
    if (server_ != nullptr) server_->Stop(grace);
  }

 private:
  const HttpServerOptions http_;
  const bool open_;
  const std::unique_ptr<const Api> api_;
  std::optional<HttpMetrics> metrics_;
  std::optional<Front> front_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> MakeGateway(const v1::GatewayConfig& config,
                                                     const service::Surroundings& surroundings,
                                                     const Overrides& overrides) {
  WEFT_ASSIGN_OR_RETURN(Settings settings, MakeSettings(config));
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<const Api> api,
                        Api::Load(overrides.descriptors.empty() ? RoomDescriptors()
                                                                : overrides.descriptors));
  return std::unique_ptr<Gateway>(std::make_unique<GatewayImpl>(
      std::move(settings), std::move(api), surroundings,
      overrides.access != nullptr ? *overrides.access : rpc::AccessTable::Default()));
}

std::unique_ptr<service::Room> MakeRoom(const v1::GatewayConfig& config,
                                        const service::Surroundings& surroundings) {
  absl::StatusOr<std::unique_ptr<Gateway>> gateway = MakeGateway(config, surroundings);
  // The contracts are compiled in: a wrong rule is a bug of this build.
  WEFT_CHECK_OK(gateway);
  return *std::move(gateway);
}

}  // namespace weft::gateway
