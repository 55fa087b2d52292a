// The table of role × RPC, cell by cell, at the gateway's door.
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/rpc/token_signer.h"
#include "libs/rpc/token_verifier.h"
#include "services/gateway/descriptors.h"
#include "services/gateway/front.h"

namespace weft::gateway {
namespace {

// Remembers that it was asked; never answers with anything.
class AskedClient final : public rpc::Client {
 public:
  void CallRaw(const std::string&, std::string, const rpc::CallOptions&,
               rpc::RawAnswerCallback done) override {
    done(rpc::RawAnswer{});
  }
  std::unique_ptr<rpc::StreamHandle> StreamRaw(const std::string&, std::string,
                                               const rpc::CallOptions&,
                                               rpc::StreamCallbacks callbacks) override {
    class Handle final : public rpc::StreamHandle {
      void Cancel() override {}
    };
    callbacks.end(absl::OkStatus());
    return std::make_unique<Handle>();
  }
};

class OneExchange final : public Exchange {
 public:
  OneExchange(HttpRequest request, int& status) : request_(std::move(request)), status_(status) {}
  const HttpRequest& request() const override { return request_; }
  void Respond(HttpResponse response) override { status_ = response.status; }
  void BeginStream(HttpResponse head) override { status_ = head.status; }
  bool Write(std::string) override { return true; }
  void EndStream(std::string) override {}
  void OnGone(std::function<void()>) override {}
  void After(absl::Duration, std::function<void()>) override {}

 private:
  const HttpRequest request_;
  int& status_;
};

// A path that the template matches: variables become "x".
std::string Sample(absl::string_view path) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '{') {
      out += path[i];
      continue;
    }
    const size_t close = path.find('}', i);
    const absl::string_view inside = path.substr(i + 1, close - i - 1);
    const size_t equals = inside.find('=');
    absl::StrAppend(&out, equals == absl::string_view::npos
                              ? "x"
                              : absl::StrReplaceAll(inside.substr(equals + 1),
                                                    {{"**", "x"}, {"*", "x"}}));
    i = close;
  }
  return out;
}

TEST_CASE("each role reaches exactly the RPCs of its rows", "[gateway][access]") {
  const SystemClock clock;
  const auto key = rpc::SigningKey::Generate(rpc::Algorithm::kEdDsa);
  const rpc::TokenVerifier verifier({{.issuer = rpc::kRoomIssuer,
                                      .audience = rpc::kAudience,
                                      .keys = rpc::JsonWebKeySet({key.public_key()}),
                                      .rooms = true}},
                                    clock);
  const auto authenticator = rpc::RequireToken(verifier);
  const auto api = Api::Load(RoomDescriptors()).value();
  AskedClient room;
  std::map<std::string, rpc::Client*> rooms;
  for (const Method& method : api->methods()) rooms[method.room] = &room;
  Front front({}, {.api = api.get(),
                   .rooms = rooms,
                   .authenticator = authenticator.get(),
                   .access = &rpc::AccessTable::Default(),
                   .clock = &clock});
  size_t cells = 0;

  for (const char* role : kRoles) {
    Principal principal{.tenant = "acme", .subject = "s", .user = "u", .roles = {role}};
    if (absl::StartsWith(role, "buyer")) principal.account = "a-1";
    const std::string bearer = absl::StrCat(
        "Bearer ", rpc::SignToken(key, {.principal = principal, .issued = absl::Now()}));
    for (const Binding& binding : api->bindings()) {
      const std::string& method = api->methods()[binding.method].name;
      const rpc::AccessRow* row = rpc::AccessTable::Default().Find(method);
      CAPTURE(role, method, binding.path);
      REQUIRE(row != nullptr);
      int status = 0;

      front.Handle(std::make_shared<OneExchange>(
          HttpRequest{.method = binding.http_method,
                      .target = Sample(binding.path),
                      .headers = {{"Authorization", bearer}, {"Idempotency-Key", "k"}}},
          status));

      // Whatever else is wrong with the request is found later than the role.
      CHECK(status == (row->roles.count(role) > 0 ? 200 : 403));
      ++cells;
    }
  }
  CHECK(cells == std::size(kRoles) * api->bindings().size());
}

}  // namespace
}  // namespace weft::gateway
