// A pricing room for tests: facts go in as messages, RPCs are called as a server
// would call them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/rpc/server.h"
#include "libs/testing/room_harness.h"
#include "services/pricing/room.h"
#include "services/pricing/service.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

// Keeps handlers and calls them in the caller's thread.
class DirectMethods final : public rpc::MethodRegistry {
 public:
  void RegisterUnary(const std::string& method, rpc::RawUnaryHandler handler) override {
    unary_[method] = std::move(handler);
  }
  void RegisterStream(const std::string& method, rpc::RawStreamHandler handler) override {
    streams_[method] = std::move(handler);
  }
  void Stream(const Principal& principal, const std::string& method, std::string request,
              std::shared_ptr<rpc::RawStream> stream) {
    rpc::CallContext context;
    context.principal = principal;
    context.method = method;
    context.deadline = absl::InfiniteFuture();
    streams_.at(method)(context, std::move(request), std::move(stream));
  }

  absl::StatusOr<std::string> CallBytes(const Principal& principal, const std::string& method,
                                        std::string request) {
    rpc::CallContext context;
    context.principal = principal;
    context.method = method;
    context.deadline = absl::Now() + absl::Seconds(5);
    return CallBytes(unary_.at(method), context, std::move(request));
  }
  // The same without the work of finding the method and making the context.
  static absl::StatusOr<std::string> CallBytes(const rpc::RawUnaryHandler& handler,
                                               const rpc::CallContext& context,
                                               std::string request) {
    absl::StatusOr<std::string> answer = absl::InternalError("no answer");
    handler(context, std::move(request),
            [&](absl::StatusOr<std::string> a, rpc::ReplyInfo) { answer = std::move(a); });
    return answer;
  }
  const rpc::RawUnaryHandler& handler(const std::string& method) const {
    return unary_.at(method);
  }

 private:
  std::map<std::string, rpc::RawUnaryHandler> unary_;
  std::map<std::string, rpc::RawStreamHandler> streams_;
};

inline void SetUs(google::protobuf::Timestamp& out, const char* rfc3339) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, rfc3339, &time, &error)) std::abort();
  out.set_seconds(absl::ToUnixSeconds(time));
}

class PricingBench {
 public:
  // `documents` are followed when there is a reader; it outlives the bench.
  explicit PricingBench(Settings settings = {}, std::string mac_key = std::string(32, 'k'),
                        documents::DocumentReader* documents = nullptr)
      : program_(MakeReplica(*memory_, changes_, documents)), room_(program_) {
    service_ = std::make_unique<Service>(std::move(settings), *memory_, changes_, room_.shards(),
                                         clock_, mac_key, documents);
    service_->Bind(methods_);
  }

  testing::RoomHarness& room() { return room_; }
  testing::FakeClock& clock() { return clock_; }
  DirectMethods& methods() { return methods_; }
  FactMemory& memory() { return *memory_; }

  template <typename Message>
  int64_t Fact(const std::string& subject, const Message& message,
               const std::string& tenant = "demo") {
    return room_.Deliver(tenant, engine::kTimeline, "erp-connector", subject, message);
  }

  static facts::v1::ItemChanged Item(const std::string& sku) {
    facts::v1::ItemChanged item;
    item.set_sku(sku);
    item.set_base_unit("EA");
    item.set_state(facts::v1::ItemChanged::ITEM_STATE_ACTIVE);
    return item;
  }
  static facts::v1::AccountChanged Account(const std::string& account,
                                           std::vector<std::string> groups = {},
                                           const std::string& currency = "GBP") {
    facts::v1::AccountChanged fact;
    fact.set_account(account);
    fact.set_currency_code(currency);
    for (std::string& group : groups) fact.add_groups(std::move(group));
    return fact;
  }
  static facts::v1::PriceBookChanged Book(const std::string& book, int priority = 0,
                                          std::vector<std::string> groups = {},
                                          const std::string& currency = "GBP") {
    facts::v1::PriceBookChanged fact;
    fact.set_book(book);
    fact.set_currency_code(currency);
    fact.set_priority(priority);
    for (std::string& group : groups) fact.add_groups(std::move(group));
    return fact;
  }
  using Tiers = std::vector<std::pair<std::string, std::string>>;
  static facts::v1::PriceChanged Price(const std::string& book, const std::string& sku,
                                       const Tiers& tiers, const std::string& entry = "1") {
    facts::v1::PriceChanged fact;
    fact.set_book(book);
    fact.set_sku(sku);
    fact.set_entry(entry);
    for (const auto& [minimum, price] : tiers) {
      facts::v1::PriceTier& tier = *fact.add_tiers();
      tier.set_minimum_quantity(minimum);
      tier.set_price(price);
    }
    return fact;
  }
  static facts::v1::ContractChanged Discount(const std::string& contract,
                                             const std::string& account, const std::string& sku,
                                             const std::string& percent) {
    facts::v1::ContractChanged fact;
    fact.set_contract(contract);
    fact.set_account(account);
    fact.set_sku(sku);
    fact.set_discount_percent(percent);
    return fact;
  }
  void Put(const facts::v1::ItemChanged& f, const std::string& tenant = "demo") {
    Fact("items/" + f.sku(), f, tenant);
  }
  void Put(const facts::v1::AccountChanged& f, const std::string& tenant = "demo") {
    Fact("accounts/" + f.account(), f, tenant);
  }
  void Put(const facts::v1::PriceBookChanged& f, const std::string& tenant = "demo") {
    Fact("books/" + f.book(), f, tenant);
  }
  void Put(const facts::v1::PriceChanged& f, const std::string& tenant = "demo") {
    Fact(absl::StrCat("prices/", f.book(), "/", f.sku(), "/", f.unit(), "/", f.entry()), f,
         tenant);
  }
  void Put(const facts::v1::ContractChanged& f, const std::string& tenant = "demo") {
    Fact("contracts/" + f.contract(), f, tenant);
  }
  void Put(const facts::v1::PartNumberChanged& f, const std::string& tenant = "demo") {
    Fact(absl::StrCat("part-numbers/", f.account(), "/", f.customer_sku()), f, tenant);
  }

  template <typename Request>
  absl::StatusOr<std::string> CallBytes(const Principal& principal, const std::string& method,
                                        const Request& request) {
    return methods_.CallBytes(principal, "weft.pricing.v1.PricingService/" + method,
                              request.SerializeAsString());
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const Principal& principal, const std::string& method,
                                const Request& request) {
    WEFT_ASSIGN_OR_RETURN(const std::string bytes, CallBytes(principal, method, request));
    Response response;
    if (!response.ParseFromString(bytes)) return absl::InternalError("unreadable answer");
    return response;
  }
  absl::StatusOr<v1::CalculatePricesResponse> Calculate(
      const Principal& principal, const v1::CalculatePricesRequest& request) {
    return Call<v1::CalculatePricesResponse>(principal, "CalculatePrices", request);
  }
  // One line of one account.
  static v1::CalculatePricesRequest Line(const std::string& account, const std::string& sku,
                                         const std::string& quantity) {
    v1::CalculatePricesRequest request;
    request.set_account(account);
    SetUs(*request.mutable_as_of(), "2026-05-01T12:00:00Z");
    v1::PriceRequestLine& line = *request.add_lines();
    line.set_sku(sku);
    line.mutable_quantity()->set_value(quantity);
    return request;
  }
  // "14.20 8520.00", or the reason, or the error's reason.
  std::string Told(const Principal& principal, const v1::CalculatePricesRequest& request) {
    const auto answer = Calculate(principal, request);
    if (!answer.ok()) return ReasonOf(answer.status());
    const v1::PriceLine& line = answer->lines(0);
    if (line.has_reason()) return line.reason().reason();
    return absl::StrCat(line.unit_price().amount(), " ", line.net().amount());
  }

  static Principal Staff(const std::string& tenant = "demo") {
    Principal p = testing::MakePrincipal(tenant, {"rep"}, "u-rep");
    p.accounts = {"*"};
    p.channels = {"*"};
    return p;
  }
  static Principal Buyer(const std::string& account, const std::string& tenant = "demo") {
    Principal p = testing::MakePrincipal(tenant, {"buyer"}, "u-buyer", account);
    p.channels = {"web"};
    return p;
  }

 private:
  testing::FakeClock clock_;
  std::unique_ptr<FactMemory> memory_ = std::make_unique<FactMemory>();
  PriceChanges changes_{*memory_};
  engine::Program program_;
  testing::RoomHarness room_;
  DirectMethods methods_;
  std::unique_ptr<Service> service_;
};

}  // namespace weft::pricing
