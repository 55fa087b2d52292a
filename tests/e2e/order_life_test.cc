// One order through the rooms that touch it: erp-connector, pricing,
// inventory-projection, approval, in one process on the embedded log, by gRPC.
// The test plays the ERP and the people.
#include <catch2/catch.hpp>
#include <future>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/service/process.h"
#include "libs/telemetry/log.h"
#include "libs/testing/paths.h"
#include "services/approval/config.h"
#include "services/approval/room.h"
#include "services/erp-connector/room.h"
#include "services/inventory-projection/config.h"
#include "services/inventory-projection/room.h"
#include "services/pricing/config.h"
#include "services/pricing/room.h"
#include "weft/approval/v1/approval.pb.h"
#include "weft/erp/v1/erp.pb.h"
#include "weft/inventory/v1/inventory.pb.h"

namespace weft {
namespace {

namespace av1 = approval::v1;

class Mesh {
 public:
  Mesh() { Start(); }

  void Start() {
    service::ProcessOptions options{.name = "test", .log = &log_};
    options.service.set_grpc_address("127.0.0.1:0");
    options.service.set_health_address("127.0.0.1:0");
    options.service.set_admin_address("127.0.0.1:0");
    options.service.set_data_dir(folder_.path());
    options.service.mutable_identity()->set_open_loopback(true);
    options.service.mutable_identity()->set_open_tenant("demo");
    options.service.mutable_drain_pause();
    options.service.set_open_files_min(64);
    options.rooms.push_back(service::Spec<pricing::v1::PricingConfig>(
        "pricing", &pricing::MakeSettings, &pricing::MakeRoom));
    options.rooms.push_back(service::Spec<inventory::v1::InventoryConfig>(
        "inventory-projection", &inventory::MakeSettings, &inventory::MakeRoom));
    service::RoomSpec erp =
        service::Spec<erp::v1::ErpConfig>("erp-connector", &erp::CheckConfig, &erp::MakeRoom);
    auto& connection =
        *static_cast<erp::v1::ErpConfig&>(*erp.config).add_connections();
    connection.set_name("main");
    connection.set_tenant("demo");
    connection.set_takes_orders(true);
    options.rooms.push_back(erp);
    options.rooms.push_back(service::Spec<av1::ApprovalConfig>(
        "approval", &approval::FromConfig, &approval::MakeRoom));
    auto process = service::Process::Start(std::move(options));
    REQUIRE(process.status() == absl::OkStatus());
    process_ = *std::move(process);
  }
  void Restart() {
    process_.reset();
    Start();
  }

  template <typename Response>
  absl::StatusOr<Response> Call(const std::string& room, const std::string& method,
                                const google::protobuf::Message& request) {
    std::promise<absl::StatusOr<rpc::RawAnswer>> promise;
    process_->client(room).CallRaw(
        method, request.SerializeAsString(), {.timeout = absl::Seconds(20)},
        [&](absl::StatusOr<rpc::RawAnswer> answer) { promise.set_value(std::move(answer)); });
    const absl::StatusOr<rpc::RawAnswer> answer = promise.get_future().get();
    if (!answer.ok()) return answer.status();
    Response response;
    response.ParseFromString(answer->payload);
    return response;
  }

  void Ingest(const std::string& messages) {
    erp::v1::IngestRequest request;
    request.set_connection("main");
    request.set_request_id(absl::StrCat("in-", ++ids_));
    request.set_text(messages);
    const auto answer =
        Call<erp::v1::IngestResponse>("erp-connector", "weft.erp.v1.ErpService/Ingest", request);
    REQUIRE(answer.status() == absl::OkStatus());
    CAPTURE(answer->ShortDebugString());
    REQUIRE(answer->problems().empty());
  }

  absl::StatusOr<av1::Order> Submit(const std::string& external, const std::string& quantity) {
    av1::SubmitOrderRequest request;
    request.set_request_id(absl::StrCat("submit-", external));
    request.set_external_order_id(external);
    request.set_account("17850");
    request.set_user("ann");
    auto& line = *request.add_lines();
    line.set_sku("85123A");
    line.mutable_quantity()->set_value(quantity);
    return Call<av1::Order>("approval", "weft.approval.v1.OrderService/SubmitOrder", request);
  }
  av1::Order Order(const std::string& name) {
    av1::GetOrderRequest request;
    request.set_name(name);
    return Call<av1::Order>("approval", "weft.approval.v1.OrderService/GetOrder", request)
        .value();
  }
  // Watches until the order is in `state`, or in a final one.
  av1::Order Await(const std::string& name, av1::OrderState state) {
    av1::WatchOrderRequest request;
    request.set_name(name);
    struct Seen {
      std::promise<av1::Order> order;
      std::atomic<bool> done{false};
    };
    const auto seen = std::make_shared<Seen>();
    const auto stream = process_->client("approval").StreamRaw(
        "weft.approval.v1.OrderService/WatchOrder", request.SerializeAsString(),
        {.timeout = absl::Seconds(20)},
        {.message =
             [seen, state](std::string bytes) {
               av1::Order order;
               order.ParseFromString(bytes);
               const bool final = order.state() == av1::ORDER_STATE_REJECTED ||
                                  order.state() == av1::ORDER_STATE_CANCELLED ||
                                  order.state() == av1::ORDER_STATE_FAILED ||
                                  order.state() == av1::ORDER_STATE_INVOICED;
               if ((order.state() == state || final) && !seen->done.exchange(true)) {
                 seen->order.set_value(order);
               }
             },
         .end =
             [seen](absl::Status) {
               if (!seen->done.exchange(true)) seen->order.set_value({});
             }});
    return seen->order.get_future().get();
  }
  std::string Reserved() {
    inventory::v1::GetAvailabilityRequest request;
    request.add_lines()->set_sku("85123A");
    return Call<inventory::v1::GetAvailabilityResponse>(
               "inventory-projection", "weft.inventory.v1.InventoryService/GetAvailability",
               request)
        ->lines(0)
        .reserved();
  }
  // The facts are there once an order gets as far as its price.
  void AwaitFacts() {
    for (int i = 0; i < 200; ++i) {
      const auto order = Submit(absl::StrCat("probe-", i), "1");
      if (order.ok()) {
        const av1::Order seen = Await(order->name(), av1::ORDER_STATE_SENT);
        if (seen.state() == av1::ORDER_STATE_SENT) return;
      }
      absl::SleepFor(absl::Milliseconds(20));  // Four rooms read at their own pace.
    }
    FAIL("the facts did not arrive");
  }

 private:
  testing::TempDir folder_;
  telemetry::Logger log_{"test", telemetry::Level::kError, [](const std::string&) {}};
  std::unique_ptr<service::Process> process_;
  int ids_ = 0;
};

constexpr char kMasterData[] = R"json(
{"type":"load.begin","id":"lb","data":{"load":"L1","entities":["item","account","price","price-book","location","user"]}}
{"type":"item","id":"i1","version":1,"data":{"sku":"85123A","name":"Heart holder","baseUnit":"EA"}}
{"type":"location","id":"l1","version":1,"data":{"location":"DEN"}}
{"type":"account","id":"a1","version":1,"data":{"account":"17850","currencyCode":"GBP","terms":"NET30"}}
{"type":"credit","id":"c1","changedAt":"2026-01-01T00:00:00Z","data":{"account":"17850","limit":{"amount":"20000","currencyCode":"GBP"},"openBalance":{"amount":"0","currencyCode":"GBP"}}}
{"type":"user","id":"u1","version":1,"data":{"user":"ann","account":"17850","roles":[{"role":"buyer"}],"manager":"bob"}}
{"type":"user","id":"u2","version":1,"data":{"user":"bob","account":"17850","roles":[{"role":"buyer-approver"}],"approvalLimit":{"amount":"5000","currencyCode":"GBP"}}}
{"type":"price-book","id":"b1","version":1,"data":{"book":"LIST","currencyCode":"GBP"}}
{"type":"price","id":"p1","version":1,"data":{"book":"LIST","sku":"85123A","tiers":[{"minimumQuantity":1,"price":2.95},{"minimumQuantity":32,"price":"2.55"}]}}
{"type":"stock.count","id":"s1","version":1,"data":{"sku":"85123A","location":"DEN","onHand":5000,"watermark":"2026-01-01T00:00:00Z"}}
{"type":"load.end","id":"le","data":{"load":"L1"}}
)json";

std::string IdOf(const std::string& order) { return order.substr(order.find('/') + 1); }

TEST_CASE("an order goes from the shop to the ERP and back through the rooms", "[e2e]") {
  Mesh mesh;
  mesh.Ingest(kMasterData);
  mesh.AwaitFacts();

  const auto submitted = mesh.Submit("web-1", "600");
  REQUIRE(submitted.status() == absl::OkStatus());
  av1::Order order = mesh.Await(submitted->name(), av1::ORDER_STATE_PENDING_APPROVAL);
  CAPTURE(order.ShortDebugString());
  REQUIRE(order.state() == av1::ORDER_STATE_PENDING_APPROVAL);
  CHECK(order.total().amount() == "1530.00");
  CHECK(order.lines(0).sources(0).location() == "DEN");
  CHECK_FALSE(order.lines(0).decision_id().empty());

  // A restart in the middle changes nothing.
  mesh.Restart();

  av1::DecideRequest decide;
  decide.set_name(order.approval());
  decide.set_request_id("d1");
  decide.set_decision(av1::DECISION_APPROVE);
  decide.set_user("ann");
  const std::string method = "weft.approval.v1.ApprovalService/Decide";
  CHECK(ReasonOf(mesh.Call<av1::Approval>("approval", method, decide).status()) ==
        "CANNOT_DECIDE_OWN");
  decide.set_user("bob");
  REQUIRE(mesh.Call<av1::Approval>("approval", method, decide).ok());

  order = mesh.Await(order.name(), av1::ORDER_STATE_SENT);
  REQUIRE(order.state() == av1::ORDER_STATE_SENT);
  CHECK(mesh.Reserved() == "601");  // With the probe's piece.

  const std::string id = IdOf(order.name());
  const auto export_state = [&] {
    erp::v1::GetExportRequest request;
    request.set_order(id);
    return mesh.Call<erp::v1::Export>("erp-connector", "weft.erp.v1.ErpService/GetExport",
                                      request);
  };
  for (int i = 0; i < 200 && !export_state().ok(); ++i) absl::SleepFor(absl::Milliseconds(20));
  REQUIRE(export_state().status() == absl::OkStatus());

  mesh.Ingest(absl::StrCat(
      R"({"type":"order.acknowledged","id":"k1","data":{"order":")", id,
      R"(","erpOrder":"SO-1","time":"2026-01-02T00:00:00Z"}})"));
  order = mesh.Await(order.name(), av1::ORDER_STATE_ACKNOWLEDGED);
  CHECK(order.erp_order() == "SO-1");
  mesh.Ingest(absl::StrCat(
      R"({"type":"order.shipped","id":"k2","data":{"order":")", id,
      R"(","shipment":"SH-1","time":"2026-01-03T00:00:00Z","tracking":"T1","lines":[)",
      R"({"line":1,"sku":"85123A","location":"DEN","quantity":600}]}})"));
  order = mesh.Await(order.name(), av1::ORDER_STATE_SHIPPED);
  CHECK(order.shipments(0).tracking() == "T1");
  mesh.Ingest(absl::StrCat(
      R"({"type":"invoice","id":"k3","data":{"invoice":"IN-1","account":"17850","order":")", id,
      R"(","time":"2026-01-04T00:00:00Z","currencyCode":"GBP","lines":[)",
      R"({"line":1,"sku":"85123A","quantity":600,"unitPrice":"2.55","net":"1530.00"}]}})"));
  order = mesh.Await(order.name(), av1::ORDER_STATE_INVOICED);
  CAPTURE(order.ShortDebugString());
  CHECK(order.state() == av1::ORDER_STATE_INVOICED);
  CHECK(order.incidents().empty());

  av1::VerifyAuditTrailRequest verify;
  const auto trail = mesh.Call<av1::VerifyAuditTrailResponse>(
      "approval", "weft.approval.v1.ApprovalService/VerifyAuditTrail", verify);
  REQUIRE(trail.ok());
  CHECK(trail->intact());
}

TEST_CASE("what the ERP refuses is given back", "[e2e]") {
  Mesh mesh;
  mesh.Ingest(kMasterData);
  mesh.AwaitFacts();
  const std::string before = mesh.Reserved();
  const auto submitted = mesh.Submit("web-1", "10");
  REQUIRE(mesh.Await(submitted->name(), av1::ORDER_STATE_SENT).state() ==
          av1::ORDER_STATE_SENT);
  CHECK(mesh.Reserved() != before);

  std::string ingest =
      absl::StrCat(R"({"type":"order.rejected","id":"r1","data":{"order":")",
                   IdOf(submitted->name()),
                   R"(","reason":"no such ship-to","time":"2026-01-02T00:00:00Z"}})");
  erp::v1::GetExportRequest request;
  request.set_order(IdOf(submitted->name()));
  for (int i = 0; i < 200 && !mesh.Call<erp::v1::Export>(
                                      "erp-connector", "weft.erp.v1.ErpService/GetExport",
                                      request)
                                  .ok();
       ++i) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  mesh.Ingest(ingest);

  const av1::Order order = mesh.Await(submitted->name(), av1::ORDER_STATE_REJECTED);
  CHECK(order.state() == av1::ORDER_STATE_REJECTED);
  CHECK(order.reason().reason() == "ERP_REJECTED");
  CHECK(mesh.Reserved() == before);
}

TEST_CASE("what cannot be had says why", "[e2e]") {
  Mesh mesh;
  mesh.Ingest(kMasterData);
  mesh.AwaitFacts();
  // 5,000 in stock less the probe, so 5,001 cannot be held.
  const av1::Order short_order =
      mesh.Await(mesh.Submit("web-1", "5001")->name(), av1::ORDER_STATE_SENT);
  CHECK(short_order.reason().reason() == "INSUFFICIENT_STOCK");
  const av1::Order dear = mesh.Await(mesh.Submit("web-2", "8000")->name(), av1::ORDER_STATE_SENT);
  CHECK(dear.reason().reason() == "CREDIT_EXCEEDED");
}

}  // namespace
}  // namespace weft
