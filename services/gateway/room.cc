#include "services/gateway/room.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/gateway/api.h"
#include "services/gateway/config.h"
#include "services/gateway/descriptors.h"
#include "services/gateway/front.h"
#include "services/gateway/http_server.h"

namespace weft::gateway {
namespace {

bool IsLoopbackAddress(absl::string_view address) {
  return absl::StartsWith(address, "127.") || address == "::1";
}

class GatewayImpl final : public Gateway {
 public:
  GatewayImpl(Settings settings, std::unique_ptr<const Api> api, FrontParts parts)
      : http_(std::move(settings.http)),
        open_(parts.authenticator->open()),
        api_(std::move(api)),
        front_(std::move(settings.front), WithApi(std::move(parts), api_.get())) {}
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
                       front_.Handle(std::move(exchange));
                     },
                     [this](const absl::Status& status, const HttpRequest& request) {
                       return front_.Refuse(status, request);
                     }));
    return absl::OkStatus();
  }
  int port() const override { return server_ == nullptr ? 0 : server_->port(); }
  void Drain() override { front_.set_ready(false); }
  void Stop(absl::Duration grace) override {
    Drain();
    if (server_ != nullptr) server_->Stop(grace);
  }

 private:
  static FrontParts WithApi(FrontParts parts, const Api* api) {
    parts.api = api;
    return parts;
  }

  const HttpServerOptions http_;
  const bool open_;
  const std::unique_ptr<const Api> api_;
  Front front_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Make(const v1::GatewayConfig& config, Parts parts) {
  WEFT_ASSIGN_OR_RETURN(Settings settings, MakeSettings(config));
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<const Api> api,
                        Api::Load(parts.descriptors.empty() ? RoomDescriptors()
                                                            : parts.descriptors));
  FrontParts front{
      .rooms = std::move(parts.rooms),
      .authenticator = parts.authenticator,
      .access = parts.access != nullptr ? parts.access : &rpc::AccessTable::Default(),
      .clock = parts.clock,
      .metrics = parts.metrics};
  for (const auto& [folder, word] : {std::pair<const char*, const char*>{"inventory-projection", "inventory"},
                                     {"erp-connector", "erp"}}) {
    if (const auto it = front.rooms.find(folder); it != front.rooms.end()) {
      front.rooms.emplace(word, it->second);
    }
  }
  return std::unique_ptr<Gateway>(
      std::make_unique<GatewayImpl>(std::move(settings), std::move(api), std::move(front)));
}

}  // namespace weft::gateway
