#include "services/gateway/testing/fixture_room.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/protobuf/empty.pb.h"
#include "services/gateway/testing/fixture_descriptors.h"
#include "weft/testing/v1/fixture.pb.h"

namespace weft::gateway {
namespace {

namespace t1 = weft::testing::v1;

constexpr char kService[] = "weft.testing.v1.FixtureService/";
constexpr char kAccess[] =
    "@everyone = guest buyer buyer-approver buyer-admin storefront rep sales-manager "
    "pricing-manager erp-admin operator auditor service\n"
    "weft.testing.v1.FixtureService/GetThing @everyone\n"
    "weft.testing.v1.FixtureService/ListThings @everyone\n"
    "weft.testing.v1.FixtureService/CreateThing @everyone\n"
    "weft.testing.v1.FixtureService/UpdateThing @everyone\n"
    "weft.testing.v1.FixtureService/DeleteThing @everyone\n"
    "weft.testing.v1.FixtureService/GetFile @everyone\n"
    "weft.testing.v1.FixtureService/Fail @everyone\n"
    "weft.testing.v1.FixtureService/Reflect @everyone\n"
    "weft.testing.v1.FixtureService/Hang @everyone\n"
    "weft.testing.v1.FixtureService/WatchThings @everyone\n"
    "weft.testing.v1.FixtureService/AuditThings operator auditor\n";

std::unique_ptr<rpc::Authenticator> AuthenticatorFor(const rpc::TokenVerifier& verifier,
                                                     bool open) {
  return open ? rpc::OpenLoopback(verifier, "demo") : rpc::RequireToken(verifier);
}

template <typename Response>
using Answer = absl::StatusOr<Response>;

}  // namespace

Fixture::Fixture(FixtureOptions options)
    : verifier_({{.issuer = rpc::kRoomIssuer,
                  .audience = rpc::kAudience,
                  .keys = rpc::JsonWebKeySet({key_.public_key()}),
                  .rooms = true}},
                clock_),
      authenticator_(AuthenticatorFor(verifier_, options.open)),
      access_(rpc::AccessTable::Parse(kAccess).value()),
      server_({.room = "testing", .authenticator = authenticator_.get(), .access = &access_}),
      pool_({.observer = this}) {
  Bind();
  REQUIRE(server_.Start().ok());
  client_ = pool_.Room({.room = "testing", .target = server_.target()});
  if (options.room_away) server_.Shutdown(absl::ZeroDuration());
  options.config.set_port(0);
  service::Surroundings around;
  around.clock = &clock_;
  around.rooms = {{"testing", client_.get()}};
  around.metrics = options.metrics;
  around.authenticator = authenticator_.get();
  gateway_ = MakeGateway(options.config, around,
                         {.descriptors = FixtureDescriptors(), .access = &access_})
                 .value();
  REQUIRE(gateway_->Start().ok());
}

Fixture::~Fixture() {
  gateway_->Stop(absl::ZeroDuration());
  pool_.Shutdown();
  server_.Shutdown(absl::ZeroDuration());
}

std::string Fixture::Token(Principal principal, absl::Duration age) const {
  if (principal.tenant.empty()) principal.tenant = "acme";
  if (principal.subject.empty()) principal.subject = "s-1";
  return rpc::SignToken(key_, {.principal = std::move(principal),
                               .issued = absl::Now() - age,
                               .lifetime = absl::Minutes(10)});
}

std::string Fixture::Bearer(const std::string& role) const {
  Principal principal{.user = "u-1", .roles = {role}};
  if (absl::StartsWith(role, "buyer")) principal.account = "a-1";
  if (role == "storefront") principal.accounts = {"a-1"};
  return absl::StrCat("Bearer ", Token(std::move(principal)));
}

void Fixture::Handled(const rpc::CallRecord& record) {
  MutexLock lock(mutex_);
  calls_.push_back(record);
  changed_.NotifyAll();
}

absl::Status Fixture::WaitForCall(const std::string& method) {
  MutexLock lock(mutex_);
  while (true) {
    for (const rpc::CallRecord& call : calls_) {
      if (call.method == kService + method) return call.status;
    }
    if (!changed_.WaitFor(mutex_, absl::Seconds(20))) return absl::UnknownError("never ended");
  }
}

void Fixture::Bind() {
  const std::string s = kService;
  server_.Read<t1::GetThingRequest, t1::Thing>(
      s + "GetThing", [this](const rpc::CallContext& context, const t1::GetThingRequest& request)
                          -> Answer<t1::Thing> {
        Remember(context);
        t1::Thing thing;
        thing.set_id(request.id());
        thing.set_title(request.filter().shelf());
        return thing;
      });
  const auto list = [this](const rpc::CallContext& context,
                           const t1::ListThingsRequest& request) -> Answer<t1::ListThingsResponse> {
    Remember(context);
    t1::ListThingsResponse response;
    for (const std::string& word : request.words()) response.add_things()->set_title(word);
    return response;
  };
  server_.Read<t1::ListThingsRequest, t1::ListThingsResponse>(s + "ListThings", list);
  server_.Read<t1::ListThingsRequest, t1::ListThingsResponse>(s + "AuditThings", list);
  server_.Unary<t1::CreateThingRequest, t1::Thing>(
      s + "CreateThing", [this](const rpc::CallContext& context,
                                const t1::CreateThingRequest& request, rpc::Reply<t1::Thing> reply) {
        Remember(context);
        const auto account = ActingAccount(context.principal, request.account());
        if (!account.ok()) return reply(account.status(), {});
        t1::Thing thing = request.thing();
        thing.set_id(*account);
        bool replayed = false;
        {
          MutexLock lock(mutex_);
          const auto [it, fresh] =
              created_.emplace(request.request_id(), request.thing().title());
          replayed = !fresh;
          if (replayed && it->second != request.thing().title()) {
            return reply(InvalidArgument("REQUEST_ID_REUSED", "another body came with this key"), {});
          }
        }
        reply(thing, {.replayed = replayed, .token = "g1.7"});
      });
  server_.Read<t1::UpdateThingRequest, t1::Thing>(
      s + "UpdateThing", [](const rpc::CallContext&, const t1::UpdateThingRequest& request)
                             -> Answer<t1::Thing> {
        if (!request.etag().empty() && request.etag() != "v1") {
          return Aborted("ETAG_MISMATCH", "the thing has moved on; read it again",
                         {{"etag", "v1"}});
        }
        t1::Thing thing = request.thing();
        thing.set_etag("v1");
        return thing;
      });
  server_.Read<t1::DeleteThingRequest, google::protobuf::Empty>(
      s + "DeleteThing",
      [](const rpc::CallContext&, const t1::DeleteThingRequest&) -> Answer<google::protobuf::Empty> {
        return google::protobuf::Empty();
      });
  server_.Read<t1::GetFileRequest, t1::File>(
      s + "GetFile",
      [](const rpc::CallContext&, const t1::GetFileRequest& request) -> Answer<t1::File> {
        t1::File file;
        file.set_name(request.name());
        return file;
      });
  server_.Read<t1::FailRequest, t1::Thing>(
      s + "Fail",
      [](const rpc::CallContext&, const t1::FailRequest& request) -> Answer<t1::Thing> {
        const auto code = static_cast<absl::StatusCode>(request.code());
        if (request.reason().empty()) return absl::Status(code, request.message());
        ErrorMetadata metadata(request.metadata().begin(), request.metadata().end());
        return Error(code, request.reason(), request.message(), std::move(metadata));
      });
  server_.Read<t1::Kinds, t1::Kinds>(
      s + "Reflect", [](const rpc::CallContext&, const t1::Kinds& request) -> Answer<t1::Kinds> {
        return request;
      });
  server_.Unary<t1::HangRequest, t1::Thing>(
      s + "Hang", [this](const rpc::CallContext& context, const t1::HangRequest&,
                         rpc::Reply<t1::Thing> reply) {
        Remember(context);
        MutexLock lock(mutex_);
        kept_.push_back(std::make_shared<rpc::Reply<t1::Thing>>(std::move(reply)));
      });
  server_.ServerStream<t1::WatchThingsRequest, t1::Thing>(
      s + "WatchThings", [this](const rpc::CallContext& context,
                                const t1::WatchThingsRequest& request, rpc::Stream<t1::Thing> stream) {
        Remember(context);
        for (int i = 0; i < request.count(); ++i) {
          t1::Thing thing;
          thing.set_id(absl::StrCat("t", i));
          stream.Write(thing);
        }
        if (request.stay()) {
          MutexLock lock(mutex_);
          kept_.push_back(std::make_shared<rpc::Stream<t1::Thing>>(std::move(stream)));
          return;
        }
        stream.Finish(request.code() == 0
                          ? absl::OkStatus()
                          : Error(static_cast<absl::StatusCode>(request.code()), "WATCH_ENDED",
                                  "no more things"));
      });
}

}  // namespace weft::gateway
