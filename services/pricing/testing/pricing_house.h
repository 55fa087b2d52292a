// A pricing room whole, for tests: owner and replica, documents saved, checked and
// published through the RPCs, invoices for simulations.
#pragma once

#include <catch2/catch.hpp>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/service/documents/convert.h"
#include "libs/service/documents/owner.h"
#include "libs/service/documents/service.h"
#include "services/pricing/decisions/sampler.h"
#include "services/pricing/rebates/rebates.h"
#include "services/pricing/rule_documents.h"
#include "services/pricing/simulate/simulate.h"
#include "services/pricing/testing/pricing_bench.h"
#include "weft/sales/v1/sales.pb.h"

namespace weft::pricing {

namespace docs = documents::v1;

// The harness delivers each event to the partition of its tenant, the platform's too.
inline std::string NeighbourOfPlatform() {
  for (int i = 0;; ++i) {
    std::string name = absl::StrCat("t", i);
    if (PartitionOf(name) == PartitionOf(engine::kPlatformTenant)) return name;
  }
}
inline const std::string kTenant = NeighbourOfPlatform();

class Methods final : public rpc::MethodRegistry {
 public:
  void RegisterUnary(const std::string& method, rpc::RawUnaryHandler handler) override {
    unary_[method] = std::move(handler);
  }
  void RegisterStream(const std::string&, rpc::RawStreamHandler) override {}
  // Waits for an answer of another thread.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method, const Request& request) {
    rpc::CallContext context;
    context.principal = testing::MakePrincipal(kTenant, {"pricing-manager", "rep"}, "ann");
    context.principal.accounts = {"*"};
    context.principal.channels = {"*"};
    context.deadline = absl::Now() + absl::Minutes(1);
    std::promise<absl::StatusOr<std::string>> promise;
    unary_.at(method)(context, request.SerializeAsString(),
                      [&](absl::StatusOr<std::string> answer, rpc::ReplyInfo) {
                        promise.set_value(std::move(answer));
                      });
    WEFT_ASSIGN_OR_RETURN(const std::string bytes, promise.get_future().get());
    Response response;
    if (!response.ParseFromString(bytes)) return absl::InternalError("unreadable answer");
    return response;
  }

 private:
  std::map<std::string, rpc::RawUnaryHandler> unary_;
};

struct House {
  FactMemory memory;
  PriceChanges changes{memory};
  documents::DocumentReader reader{"pricing", PricingKinds(), ShippedDocuments()};
  engine::Program owner = MakeOwner();
  engine::Program replica = MakeReplica(memory, changes, &reader);
  testing::RoomHarness room{owner};
  testing::RoomHarness follower{replica};
  testing::FakeClock clock;
  Methods methods;
  Service prices{{}, memory, changes, follower.shards(), clock, std::string(32, 'k'), &reader};
  // Draws every request once Service::SampleWith is told of it; works in Flush().
  Sampler sampler{{.per_mille = 1000, .most = 5, .own_thread = false},
                  memory,
                  room.shards(),
                  reader,
                  PricingKinds(),
                  clock,
                  [this](const std::string& tenant, const std::string& id) {
                    auto bytes = prices.ExplanationOf(tenant, id);
                    if (bytes.ok() && tampered) bytes->append("x");
                    return bytes;
                  },
                  nullptr,
                  nullptr};
  documents::DocumentService service;
  bool tampered = false;  // Explanations come out otherwise than they were.
  size_t delivered = 0;
  int requests = 0;

  explicit House(int threads = 3)
      : service({.room = "pricing",
                 .kinds = PricingKinds(),
                 .shipped = ShippedDocuments(),
                 .simulate = simulate::MakeSimulator(memory, room.shards(), threads),
                 .rerun = [this](const std::string& tenant,
                                 int most) { return sampler.Rerun(tenant, most); },
                 .shadow_changed =
                     [this](const std::string& tenant) { sampler.ShadowChanged(tenant); }},
                room.shards(), room.clock(), nullptr) {
    prices.Bind(methods);
    service.Bind(methods);
    std::promise<absl::Status> shipped;
    service.PublishShipped([&](absl::Status status) { shipped.set_value(status); });
    REQUIRE(shipped.get_future().get().ok());
    Sync();
  }
  // What the owner emitted reaches the replica.
  void Sync() {
    room.Advance(absl::ZeroDuration());
    const auto& emitted = room.emitted();
    for (; delivered < emitted.size(); ++delivered) {
      const auto& e = emitted[delivered];
      if (e.partition != PartitionOf(kTenant)) continue;
      follower.DeliverBytes(e.tenant, e.topic, "pricing", e.subject, e.type, e.payload);
    }
  }
  template <typename Message>
  void Fact(const std::string& subject, const Message& message) {
    follower.Deliver(kTenant, engine::kTimeline, "erp-connector", subject, message);
  }
  struct Sold {
    const char* sku;
    const char* quantity;
  };
  void Invoice(const std::string& invoice, const std::string& account,
               const std::vector<Sold>& lines, const char* time = "2026-03-01T00:00:00Z",
               const char* credit_of = "") {
    sales::v1::OrderInvoiced fact;
    fact.set_invoice(invoice);
    fact.set_account(account);
    fact.set_currency_code("GBP");
    fact.set_credit_of(credit_of);
    SetUs(*fact.mutable_time(), time);
    for (const Sold& sold : lines) {
      sales::v1::InvoicedLine& line = *fact.add_lines();
      line.set_sku(sold.sku);
      line.mutable_quantity()->set_value(sold.quantity);
      line.mutable_net()->set_amount("1.00");
    }
    room.Deliver(kTenant, rebates::kErpOrdersTopic, "erp-connector",
                 absl::StrCat("invoices/", invoice), fact);
  }
  docs::SimulateResponse Simulate(const docs::SimulateRequest& request) {
    const auto answer = methods.Call<docs::SimulateResponse>(
        absl::StrCat(documents::kService, "Simulate"), request);
    INFO(answer.status());
    REQUIRE(answer.ok());
    return *answer;
  }
  docs::CheckResponse SaveAndCheck(const std::string& id, const std::string& source) {
    docs::SaveDraftRequest save;
    save.set_request_id(absl::StrCat("r", ++requests));
    save.set_source(source);
    const auto saved =
        methods.Call<docs::Document>(absl::StrCat(documents::kService, "SaveDraft"), save);
    INFO(saved.status());
    REQUIRE(saved.ok());
    docs::CheckRequest check;
    check.set_request_id(absl::StrCat("r", ++requests));
    check.add_documents()->set_id(id);
    auto checked =
        methods.Call<docs::CheckResponse>(absl::StrCat(documents::kService, "Check"), check);
    INFO(checked.status());
    REQUIRE(checked.ok());
    return *std::move(checked);
  }
  void Publish(const std::string& id, const std::string& source) {
    SaveAndCheck(id, source);
    docs::PublishRequest publish;
    publish.set_request_id(absl::StrCat("r", ++requests));
    publish.add_documents()->set_id(id);
    publish.set_reason("a change of the test");
    const auto activation =
        methods.Call<docs::Activation>(absl::StrCat(documents::kService, "Publish"), publish);
    INFO(activation.status());
    REQUIRE(activation.ok());
    Sync();
  }
  std::string Net(const std::string& account, const std::string& sku, const std::string& quantity) {
    v1::CalculatePricesRequest request = PricingBench::Line(account, sku, quantity);
    *request.mutable_as_of() = documents::TimestampOf(room.now());
    const auto answer = methods.Call<v1::CalculatePricesResponse>(
        "weft.pricing.v1.PricingService/CalculatePrices", request);
    if (!answer.ok()) return std::string(answer.status().message());
    return answer->lines(0).has_reason() ? answer->lines(0).reason().reason()
                                         : answer->lines(0).net().amount();
  }
};

}  // namespace weft::pricing
