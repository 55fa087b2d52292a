// The room's methods as its server calls them: every one bound, streams live.
#include <catch2/catch.hpp>
#include <set>

#include "services/approval/service.h"
#include "services/approval/testing/approval_rig.h"

namespace weft::approval {
namespace {

class Registry final : public rpc::MethodRegistry {
 public:
  void RegisterUnary(const std::string& method, rpc::RawUnaryHandler handler) override {
    unary[method] = std::move(handler);
  }
  void RegisterStream(const std::string& method, rpc::RawStreamHandler handler) override {
    streams[method] = std::move(handler);
  }
  template <typename Response>
  absl::StatusOr<Response> Call(const std::string& method, const rpc::CallContext& context,
                                const google::protobuf::MessageLite& request) {
    absl::StatusOr<std::string> bytes = absl::UnknownError("not answered");
    unary.at(method)(context, request.SerializeAsString(),
                     [&](absl::StatusOr<std::string> answer, rpc::ReplyInfo info) {
                       bytes = std::move(answer);
                       last = std::move(info);
                     });
    if (!bytes.ok()) return bytes.status();
    Response response;
    response.ParseFromString(*bytes);
    return response;
  }

  std::map<std::string, rpc::RawUnaryHandler> unary;
  std::map<std::string, rpc::RawStreamHandler> streams;
  rpc::ReplyInfo last;
};

class Reader final : public rpc::RawStream {
 public:
  bool Write(std::string message) override {
    v1::Order order;
    order.ParseFromString(message);
    orders.push_back(order);
    return !ended.has_value();
  }
  void Finish(absl::Status status) override { ended = std::move(status); }
  void OnDone(std::function<void()> done) override { leave = std::move(done); }
  bool done() const override { return ended.has_value(); }

  std::vector<v1::Order> orders;
  std::optional<absl::Status> ended;
  std::function<void()> leave;
};

// The room with its server's side.
struct Served {
  Served() {
    rig.program.read_models.push_back(&watchers);
    BindService(registry, rig.room.shards(), tokens, watchers);
  }
  rpc::CallContext As(const Principal& who) const {
    rpc::CallContext context;
    context.principal = who;
    context.deadline = absl::InfiniteFuture();
    return context;
  }
  std::shared_ptr<Reader> Watch(const std::string& name, const Principal& who) {
    v1::WatchOrderRequest request;
    request.set_name(name);
    auto reader = std::make_shared<Reader>();
    registry.streams.at("weft.approval.v1.OrderService/WatchOrder")(
        As(who), request.SerializeAsString(), reader);
    return reader;
  }

  OrderWatchers watchers;
  PageTokens tokens{"k"};
  Rig rig;
  Registry registry;
};

TEST_CASE("every method of the contract is bound, as a stream where it streams", "[service]") {
  Served served;
  const auto* file = v1::Order::descriptor()->file();
  int methods = 0;
  for (int s = 0; s < file->service_count(); ++s) {
    for (int m = 0; m < file->service(s)->method_count(); ++m) {
      const auto* method = file->service(s)->method(m);
      const std::string name = file->service(s)->full_name() + "/" + method->name();
      CAPTURE(name);
      CHECK(served.registry.streams.count(name) == (method->server_streaming() ? 1 : 0));
      CHECK(served.registry.unary.count(name) == (method->server_streaming() ? 0 : 1));
      ++methods;
    }
  }
  CHECK(served.registry.unary.size() + served.registry.streams.size() ==
        static_cast<size_t>(methods));
}

TEST_CASE("a submit answers with a token that a read can wait for", "[service]") {
  Served served;
  v1::SubmitOrderRequest request = served.rig.OrderOf("w", "5");
  request.set_request_id("r-1");
  const auto context = served.As(served.rig.Buyer());

  const auto order = served.registry.Call<v1::Order>("weft.approval.v1.OrderService/SubmitOrder",
                                                     context, request);
  REQUIRE(order.ok());
  CHECK(order->state() == v1::ORDER_STATE_PRICING);
  REQUIRE_FALSE(served.registry.last.token.empty());
  v1::GetOrderRequest get;
  get.set_name(order->name());
  get.set_after(served.registry.last.token);
  const auto read =
      served.registry.Call<v1::Order>("weft.approval.v1.OrderService/GetOrder", context, get);
  REQUIRE(read.ok());
  CHECK(read->state() == v1::ORDER_STATE_SENT);

  const auto again = served.registry.Call<v1::Order>("weft.approval.v1.OrderService/SubmitOrder",
                                                     context, request);
  CHECK(served.registry.last.replayed);
  CHECK(again->name() == order->name());
  request.clear_request_id();
  CHECK(ReasonOf(served.registry
                     .Call<v1::Order>("weft.approval.v1.OrderService/SubmitOrder", context,
                                      request)
                     .status()) == "REQUEST_ID_REQUIRED");
}

TEST_CASE("a watcher sees each step of an order once, in order, and the end", "[service]") {
  Served served;
  Rig& rig = served.rig;
  const v1::Order order = rig.Submit("200");
  const auto reader = served.Watch(order.name(), rig.Buyer());
  REQUIRE(reader->orders.size() == 1);
  CHECK(reader->orders[0].state() == v1::ORDER_STATE_PENDING_APPROVAL);

  rig.Submit("1");  // Another order's steps are not shown.
  REQUIRE(rig.TryDecide(order.approval(), "cat").ok());
  sales::v1::OrderInvoiced invoiced;
  invoiced.set_order(order.name());
  invoiced.set_invoice("I1");
  invoiced.set_currency_code("GBP");
  invoiced.add_lines()->set_line(1);
  invoiced.mutable_lines(0)->mutable_quantity()->set_value("200");
  *invoiced.mutable_lines(0)->mutable_net() = Gbp("2000");
  rig.Erp(invoiced);

  std::vector<v1::OrderState> states;
  int64_t revision = 0;
  for (const v1::Order& seen : reader->orders) {
    states.push_back(seen.state());
    CHECK(seen.revision() > revision);
    revision = seen.revision();
  }
  CHECK(states == std::vector<v1::OrderState>{
                      v1::ORDER_STATE_PENDING_APPROVAL, v1::ORDER_STATE_CONFIRMING,
                      v1::ORDER_STATE_SENT, v1::ORDER_STATE_INVOICED});
  REQUIRE(reader->ended.has_value());
  CHECK(reader->ended->ok());
  reader->leave();
}

TEST_CASE("who may not see an order cannot watch it", "[service]") {
  Served served;
  const v1::Order order = served.rig.Submit("200");
  const auto reader = served.Watch(order.name(), served.rig.Buyer("zoe", "A2"));
  CHECK(reader->orders.empty());
  REQUIRE(reader->ended.has_value());
  CHECK(ReasonOf(*reader->ended) == "ORDER_NOT_FOUND");
}

TEST_CASE("a watcher that left is not told any more", "[service]") {
  Served served;
  const v1::Order order = served.rig.Submit("200");
  const auto reader = served.Watch(order.name(), served.rig.Buyer());
  reader->leave();
  REQUIRE(served.rig.TryCancel(order.name(), served.rig.Buyer()).ok());
  CHECK(reader->orders.size() == 1);
}

}  // namespace
}  // namespace weft::approval
