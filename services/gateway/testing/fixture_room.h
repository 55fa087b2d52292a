// A room that serves weft.testing.v1 over gRPC, and a gateway before it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/rpc/grpc_client.h"
#include "libs/rpc/grpc_server.h"
#include "libs/rpc/token_signer.h"
#include "libs/rpc/token_verifier.h"
#include "services/gateway/room.h"
#include "weft/gateway/v1/config.pb.h"

namespace weft::gateway {

struct FixtureOptions {
  v1::GatewayConfig config;
  bool open = false;     // Callers without a token are let in.
  bool room_away = false;
  telemetry::MetricsScope* metrics = nullptr;
};

class Fixture final : private rpc::CallObserver {
 public:
  explicit Fixture(FixtureOptions options = {});
  ~Fixture() override;

  int port() const { return gateway_->port(); }
  Gateway& gateway() { return *gateway_; }

  // A token of the tenant "acme".
  std::string Token(Principal principal, absl::Duration age = absl::ZeroDuration()) const;
  // "Bearer …" of a principal with the role; buyers act for account a-1.
  std::string Bearer(const std::string& role) const;

  // How the gateway's call of `method` ended, once it has.
  absl::Status WaitForCall(const std::string& method);
  // What the room saw last.
  rpc::CallContext last() {
    MutexLock lock(mutex_);
    return last_;
  }

 private:
  void Declare(const std::string&) override {}
  void Started(const std::string&) override {}
  void Handled(const rpc::CallRecord& record) override;
  void Bind();
  void Remember(const rpc::CallContext& context) {
    MutexLock lock(mutex_);
    last_ = context;
  }

  const SystemClock clock_;
  const rpc::SigningKey key_ = rpc::SigningKey::Generate(rpc::Algorithm::kEdDsa);
  const rpc::TokenVerifier verifier_;
  const std::unique_ptr<rpc::Authenticator> authenticator_;
  const rpc::AccessTable access_;
  rpc::GrpcServer server_;
  rpc::ClientPool pool_;
  std::unique_ptr<rpc::Client> client_;
  std::unique_ptr<Gateway> gateway_;

  Mutex mutex_;
  CondVar changed_;
  rpc::CallContext last_ ABSL_GUARDED_BY(mutex_);
  std::vector<rpc::CallRecord> calls_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> created_ ABSL_GUARDED_BY(mutex_);  // By request id.
  // Calls that are never answered, and streams that stay open.
  std::vector<std::shared_ptr<void>> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::gateway
