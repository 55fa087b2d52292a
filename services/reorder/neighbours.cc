#include "services/reorder/neighbours.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "services/reorder/app.h"
#include "services/reorder/convert.h"
#include "weft/inventory/v1/inventory.pb.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::reorder {
namespace {

rpc::Client* Find(const std::map<std::string, rpc::Client*>& rooms, const std::string& name) {
  const auto found = rooms.find(name);
  return found == rooms.end() ? nullptr : found->second;
}

rpc::CallOptions OptionsOf(const Asking& asking) {
  rpc::CallOptions options;
  options.timeout = asking.timeout;
  options.tenant = asking.tenant;
  options.user = asking.user;
  options.traceparent = asking.traceparent;
  return options;
}

absl::Status Away(absl::string_view room) {
  return Unavailable("ROOM_UNAVAILABLE",
                     absl::StrCat("the room ", room, " is not there; repeat with the same "
                                                     "request id"),
                     {{"room", std::string(room)}});
}

Note Unknown(absl::string_view reason, absl::string_view what, absl::string_view room,
             const absl::Status& status) {
  return {std::string(reason),
          absl::StrCat(what, " could not be asked: ", status.message()),
          {{"room", std::string(room)}, {"cause", ReasonOf(status)}}};
}

Note ToNote(const common::v1::Reason& reason) {
  return {reason.reason(),
          reason.message(),
          {reason.metadata().begin(), reason.metadata().end()}};
}

std::map<std::string, StockAnswer> ToStock(
    const std::vector<std::string>& skus,
    const absl::StatusOr<inventory::v1::GetAvailabilityResponse>& answer) {
  std::map<std::string, StockAnswer> stock;
  for (const std::string& sku : skus) {
    stock[sku].reason = Unknown("STOCK_UNKNOWN", "the stock", "inventory-projection",
                                answer.ok() ? absl::OkStatus() : answer.status());
  }
  if (!answer.ok()) return stock;
  for (const inventory::v1::Availability& line : answer->lines()) {
    StockAnswer& to = stock[line.sku()];
    if (line.has_reason()) {
      to.reason = ToNote(line.reason());
      to.reason.metadata["cause"] = to.reason.reason;
      to.reason.reason = "STOCK_UNKNOWN";
    } else {
      to.available = ParseDecimal(line.available());
    }
  }
  return stock;
}

}  // namespace

Neighbours::Neighbours(const std::map<std::string, rpc::Client*>& rooms)
    : approval_(Find(rooms, "approval")),
      inventory_(Find(rooms, "inventory-projection")),
      pricing_(Find(rooms, "pricing")) {}

void Neighbours::GetOrder(
    const std::string& name, const Asking& asking,
    std::function<void(absl::StatusOr<approval::v1::Order>)> done) const {
  if (approval_ == nullptr) return done(Away("approval"));
  approval::v1::GetOrderRequest request;
  request.set_name(name);
  approval_->Call<approval::v1::GetOrderRequest, approval::v1::Order>(
      "weft.approval.v1.OrderService/GetOrder", request, OptionsOf(asking), std::move(done));
}

void Neighbours::SubmitOrder(const std::string& request, const Asking& asking,
                             std::function<void(absl::StatusOr<std::string>)> done) const {
  if (approval_ == nullptr) return done(Away("approval"));
  approval_->CallRaw(kSubmitMethod, request, OptionsOf(asking),
                     [done = std::move(done)](absl::StatusOr<rpc::RawAnswer> answer) {
                       if (!answer.ok()) return done(answer.status());
                       done(std::move(answer->payload));
                     });
}

void Neighbours::AskStock(const std::vector<std::string>& skus, const Asking& asking,
                          std::function<void(std::map<std::string, StockAnswer>)> done) const {
  if (inventory_ == nullptr) return done(ToStock(skus, Away("inventory-projection")));
  inventory::v1::GetAvailabilityRequest request;
  for (const std::string& sku : skus) request.add_lines()->set_sku(sku);
  inventory_->Call<inventory::v1::GetAvailabilityRequest,
                   inventory::v1::GetAvailabilityResponse>(
      "weft.inventory.v1.InventoryService/GetAvailability", request, OptionsOf(asking),
      [skus, done = std::move(done)](
          absl::StatusOr<inventory::v1::GetAvailabilityResponse> answer) {
        done(ToStock(skus, answer));
      });
}

void Neighbours::AskPrices(const PriceQuestion& question, const Asking& asking,
                           std::function<void(Prices)> done) const {
  const size_t count = question.lines.size();
  const auto finish = [count, done = std::move(done)](
                          absl::StatusOr<pricing::v1::CalculatePricesResponse> answer) {
    Prices prices;
    prices.answers.resize(count);
    const bool whole = answer.ok() && answer->lines_size() == static_cast<int>(count);
    for (size_t i = 0; i < count; ++i) {
      PriceAnswer& to = prices.answers[i];
      if (!whole) {
        to.reason = Unknown("PRICE_UNKNOWN", "the price", "pricing",
                            answer.ok() ? absl::OkStatus() : answer.status());
        continue;
      }
      const pricing::v1::PriceLine& line = answer->lines(static_cast<int>(i));
      if (line.has_reason()) {
        to.reason = ToNote(line.reason());
        to.refused = true;
        continue;
      }
      to.unit_price = FromProto(line.unit_price());
      to.net = FromProto(line.net());
      to.decision_id = line.decision_id();
    }
    if (whole) prices.currency_code = answer->currency_code();
    done(std::move(prices));
  };
  if (pricing_ == nullptr) return finish(Away("pricing"));
  pricing::v1::CalculatePricesRequest request;
  request.set_account(question.account);
  request.set_channel(question.channel);
  request.set_currency_code(question.currency_code);
  request.set_user(asking.user);
  for (const PriceQuestion::Line& line : question.lines) {
    pricing::v1::PriceRequestLine* to = request.add_lines();
    to->set_sku(line.sku);
    to->mutable_quantity()->set_value(line.quantity);
    to->mutable_quantity()->set_unit(line.unit);
  }
  pricing_->Call<pricing::v1::CalculatePricesRequest, pricing::v1::CalculatePricesResponse>(
      "weft.pricing.v1.PricingService/CalculatePrices", request, OptionsOf(asking), finish);
}

}  // namespace weft::reorder
