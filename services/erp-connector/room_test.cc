// The room's methods, as a caller sees them.
#include "services/erp-connector/room.h"

#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/testing/room_harness.h"
#include "weft/sales/v1/sales.pb.h"

namespace weft::erp {
namespace {

class Methods final : public rpc::MethodRegistry {
 public:
  void RegisterUnary(const std::string& method, rpc::RawUnaryHandler handler) override {
    unary_[method] = std::move(handler);
  }
  void RegisterStream(const std::string& /*method*/, rpc::RawStreamHandler /*handler*/) override {}

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& tenant, const std::string& name,
                                const Request& request) {
    rpc::CallContext context;
    context.principal = testing::MakePrincipal(tenant, {"erp-admin"});
    context.method = "weft.erp.v1.ErpService/" + name;
    context.deadline = absl::InfiniteFuture();
    absl::StatusOr<Response> result = absl::UnknownError("not answered");
    unary_.at(context.method)(context, request.SerializeAsString(),
                              [&](absl::StatusOr<std::string> bytes, rpc::ReplyInfo info) {
                                if (!bytes.ok()) {
                                  result = bytes.status();
                                  return;
                                }
                                Response response;
                                REQUIRE(response.ParseFromString(*bytes));
                                result = response;
                                token = info.token;
                              });
    return result;
  }

  std::string token;

 private:
  std::map<std::string, rpc::RawUnaryHandler> unary_;
};

class World {
 public:
  World() : room_(MakeRoom(Config(), {})), harness(*room_->program()) {
    room_->Bind(methods, &harness.shards());
  }

  absl::StatusOr<v1::IngestResponse> Ingest(const std::string& text,
                                            const std::string& tenant = "acme") {
    v1::IngestRequest request;
    request.set_connection("main");
    request.set_request_id(absl::StrCat("r", ++requests_));
    request.set_text(text);
    return methods.Call<v1::IngestResponse>(tenant, "Ingest", request);
  }

  static v1::ErpConfig Config() {
    v1::ErpConfig config;
    for (const char* tenant : {"acme", "other"}) {
      auto& connection = *config.add_connections();
      connection.set_name(std::string(tenant) == "acme" ? "main" : "second");
      connection.set_tenant(tenant);
      connection.set_takes_orders(true);
    }
    return config;
  }

 private:
  std::unique_ptr<service::Room> room_;

 public:
  testing::RoomHarness harness;
  Methods methods;

 private:
  int requests_ = 0;
};

std::string Item(int number, const char* unit = "\"EA\"") {
  return absl::StrCat(R"({"type":"item","id":"i)", number, R"(","version":1,"data":{"sku":"S)",
                      number, R"(","baseUnit":)", unit, "}}");
}

}  // namespace

TEST_CASE("a write's token lets the next read see it", "[erp]") {
  World world;
  REQUIRE(world.Ingest(Item(1)).ok());
  REQUIRE_FALSE(world.methods.token.empty());

  v1::ListConnectionsRequest request;
  request.set_after(world.methods.token);
  const auto list = world.methods.Call<v1::ListConnectionsResponse>("acme", "ListConnections",
                                                                    request);

  REQUIRE(list.ok());
  REQUIRE(list->connections_size() == 1);
  CHECK(list->connections(0).name() == "main");
  CHECK(list->connections(0).messages().applied() == 1);
  REQUIRE(list->connections(0).entities_size() == 1);
  CHECK(list->connections(0).entities(0).live() == 1);
}

TEST_CASE("a connection of another tenant is unknown", "[erp]") {
  World world;

  const auto response = world.Ingest(Item(1), "other");

  CHECK(ReasonOf(response.status()) == "CONNECTION_UNKNOWN");
  CHECK(world.methods.Call<v1::ListConnectionsResponse>("other", "ListConnections",
                                                        v1::ListConnectionsRequest())
            ->connections(0)
            .name() == "second");
}

TEST_CASE("calls that cannot work are refused with the reason", "[erp]") {
  World world;
  const auto ingest = [&](const std::string& text) { return ReasonOf(world.Ingest(text).status()); };

  CHECK(ingest("") == "PAYLOAD_EMPTY");
  CHECK(ingest(" \n ") == "PAYLOAD_EMPTY");
  CHECK(ingest("[{}") == "PAYLOAD_UNREADABLE");
  CHECK(ingest(std::string((4 << 20) + 1, ' ')) == "PAYLOAD_TOO_LARGE");
  v1::IngestRequest without_id;
  without_id.set_connection("main");
  without_id.set_text("{}");
  CHECK(ReasonOf(world.methods.Call<v1::IngestResponse>("acme", "Ingest", without_id).status()) ==
        "REQUEST_ID_REQUIRED");
  v1::GetParkedRequest parked;
  parked.set_id("7");
  CHECK(ReasonOf(world.methods.Call<v1::ParkedMessage>("acme", "GetParked", parked).status()) ==
        "PARKED_NOT_FOUND");
  v1::GetExportRequest exported;
  exported.set_order("7");
  CHECK(ReasonOf(world.methods.Call<v1::Export>("acme", "GetExport", exported).status()) ==
        "EXPORT_NOT_FOUND");
  v1::ResolveLoadRequest resolve;
  resolve.set_id("1");
  resolve.set_request_id("x");
  CHECK(ReasonOf(world.methods.Call<v1::Load>("acme", "ResolveLoad", resolve).status()) ==
        "RESOLUTION_REQUIRED");
  resolve.set_resolution(v1::LOAD_RESOLUTION_KEEP);
  CHECK(ReasonOf(world.methods.Call<v1::Load>("acme", "ResolveLoad", resolve).status()) ==
        "LOAD_NOT_FOUND");
}

TEST_CASE("parked messages are listed in pages and shown with their bytes", "[erp]") {
  World world;
  std::string text;
  for (int i = 0; i < 5; ++i) absl::StrAppend(&text, Item(i, "7"), "\n");
  absl::StrAppend(&text, Item(0));
  REQUIRE(world.Ingest(text).ok());

  std::vector<std::string> ids;
  v1::ListParkedRequest request;
  request.set_page_size(4);
  do {
    const auto page = world.methods.Call<v1::ListParkedResponse>("acme", "ListParked", request);
    REQUIRE(page.ok());
    for (const auto& parked : page->parked()) {
      ids.push_back(parked.id());
      CHECK(parked.data().empty());
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());

  CHECK(ids == std::vector<std::string>{"1", "2", "3", "4", "5", "6"});
  v1::GetParkedRequest get;
  get.set_id("6");
  auto shown = world.methods.Call<v1::ParkedMessage>("acme", "GetParked", get);
  REQUIRE(shown.ok());
  CHECK(shown->waits_for() == "1");
  CHECK(shown->data() == Item(0));
  CHECK(shown->type() == "item");
  CHECK(shown->key() == "S0");
}

TEST_CASE("loads are listed newest first", "[erp]") {
  World world;
  for (const char* load : {"A", "B", "C"}) {
    REQUIRE(world
                .Ingest(absl::StrCat(R"([{"type":"load.begin","id":"b)", load,
                                     R"(","data":{"load":")", load,
                                     R"(","entities":["item"]}},{"type":"load.end","id":"e)", load,
                                     R"(","data":{"load":")", load, "\"}}]"))
                .ok());
  }
  v1::ListLoadsRequest request;
  request.set_page_size(2);

  const auto first = world.methods.Call<v1::ListLoadsResponse>("acme", "ListLoads", request);
  request.set_page_token(first->next_page_token());
  const auto second = world.methods.Call<v1::ListLoadsResponse>("acme", "ListLoads", request);

  REQUIRE(first->loads_size() == 2);
  CHECK(first->loads(0).load() == "C");
  CHECK(first->loads(0).state() == v1::LOAD_STATE_ENDED);
  REQUIRE(second->loads_size() == 1);
  CHECK(second->loads(0).load() == "A");
  CHECK(second->next_page_token().empty());
}

TEST_CASE("unresolved references name both ends", "[erp]") {
  World world;
  REQUIRE(
      world
          .Ingest(
              R"({"type":"price","id":"p","data":{"book":"LIST","sku":"A","tiers":[{"minimumQuantity":1,"price":2}]}})")
          .ok());

  const auto list = world.methods.Call<v1::ListUnresolvedResponse>("acme", "ListUnresolved",
                                                                   v1::ListUnresolvedRequest());

  REQUIRE(list.ok());
  REQUIRE(list->references_size() == 2);
  CHECK(list->references(0).reason() == "UNRESOLVED_REFERENCE");
  CHECK(list->references(0).source() == "price LIST/A//1");
  CHECK(list->references(0).target() == "item A");
  CHECK(list->references(1).target() == "price-book LIST");
}

TEST_CASE("an export shows its state and what went to the ERP", "[erp]") {
  World world;
  weft::sales::v1::OrderReleased order;
  order.set_order("orders/o1");
  order.set_account("17850");
  world.harness.Deliver("acme", "weft.sales.orders.v1", "approval", "orders/o1", order);

  v1::GetExportRequest get;
  get.set_order("o1");
  const auto shown = world.methods.Call<v1::Export>("acme", "GetExport", get);

  REQUIRE(shown.ok());
  CHECK(shown->state() == v1::EXPORT_STATE_SENT);
  CHECK(shown->text() == world.harness.emitted("erp.main.out")[0].payload);
  v1::ListExportsRequest list;
  list.set_state(v1::EXPORT_STATE_HELD);
  CHECK(world.methods.Call<v1::ListExportsResponse>("acme", "ListExports", list)->exports_size() ==
        0);
  list.set_state(v1::EXPORT_STATE_SENT);
  CHECK(world.methods.Call<v1::ListExportsResponse>("acme", "ListExports", list)->exports_size() ==
        1);
}

TEST_CASE("settings that cannot work are refused", "[erp]") {
  const auto refused = [](const std::function<void(v1::ErpConfig&)>& change) {
    v1::ErpConfig config = World::Config();
    change(config);
    return ReasonOf(CheckConfig(config).status()) == "CONFIG_INVALID";
  };

  CHECK_FALSE(refused([](auto&) {}));
  CHECK(refused([](auto& c) { c.mutable_connections(0)->set_name("Main"); }));
  CHECK(refused([](auto& c) { c.mutable_connections(0)->set_name(""); }));
  CHECK(refused([](auto& c) { c.mutable_connections(0)->clear_tenant(); }));
  CHECK(refused([](auto& c) { c.mutable_connections(0)->set_type("sap"); }));
  CHECK(refused([](auto& c) { c.mutable_connections(0)->set_name("second"); }));
  CHECK(refused([](auto& c) { c.mutable_connections(1)->set_tenant("acme"); }));
  CHECK(refused([](auto& c) { c.mutable_connections(0)->set_absent_percent_max(101); }));
  CHECK(refused([](auto& c) { c.mutable_connections(0)->mutable_acknowledge_within(); }));
  CHECK(refused([](auto& c) { c.mutable_connections(0)->set_topic_out("erp.main.in"); }));
}

}  // namespace weft::erp
