// GetDecision and ReplayDecision: a price that was shown, as it was then.
#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/asking.h"
#include "services/pricing/convert.h"
#include "services/pricing/past.h"
#include "services/pricing/rules_in_force.h"
#include "services/pricing/service.h"
#include "services/pricing/state.h"

namespace weft::pricing {
namespace {

absl::Status DecisionNotFound() {
  return NotFound("DECISION_NOT_FOUND",
                  "no such decision; an id is valid for the account it was shown to");
}

// What `request` says besides what the decision itself names.
// Errors: INVALID_ARGUMENT / REQUEST_DIFFERENT, TOO_MANY_LINES, TOO_MANY_COUPONS.
absl::Status TakeRequest(const SipKey& key, const v1::CalculatePricesRequest& request,
                         int max_lines, uint32_t hash, Ask& ask) {
  if (request.lines_size() > max_lines) {
    return InvalidArgument("TOO_MANY_LINES",
                           absl::StrCat(request.lines_size(), " lines; a request has at most ",
                                        max_lines),
                           {{"field", "request.lines"}});
  }
  if (request.coupons_size() > kCouponsMax) return TooManyCoupons(request.coupons_size());
  ask.project = request.project();
  ask.ship_to = request.ship_to();
  ask.coupons.assign(request.coupons().begin(), request.coupons().end());
  ask.request_hash = RequestHash(key, ask, request.lines());
  if (ask.request_hash == hash) return absl::OkStatus();
  return InvalidArgument("REQUEST_DIFFERENT",
                         "it was not part of this request; give lines, project, shipTo and coupons "
                         "as they were, in their order",
                         {{"field", "request"}});
}

// The line of the request that the decision is about; -1 = none of them.
int NumberOf(const Facts& facts, const Buyer& buyer, const PricingRules& rules,
             const v1::CalculatePricesRequest& request, const LineQuestion& question) {
  PriceFinder finder(facts, buyer, rules);
  LineAnswer wanted;
  finder.Find(question, Depth::kWinner, wanted);
  LineAnswer answer;
  for (int i = 0; i < request.lines_size(); ++i) {
    finder.Find(QuestionOf(request.lines(i)), Depth::kWinner, answer);
    if (answer.item == wanted.item && answer.item != nullptr && answer.unit == wanted.unit &&
        answer.quantity == wanted.quantity) {
      return i;
    }
  }
  return -1;
}

}  // namespace

absl::Status Service::GetDecision(const Principal& principal, const v1::GetDecisionRequest& request,
                                  v1::PriceExplanation& response) {
  return TellDecision(principal, request.id(), nullptr, response, nullptr);
}

absl::Status Service::TellDecision(const Principal& principal, const std::string& id,
                                   const v1::CalculatePricesRequest* request,
                                   v1::PriceExplanation& response,
                                   int* line_number) const {
  std::string bytes;
  const std::optional<Decision> decision = ReadDecisionId(key_, principal.tenant, id, bytes);
  if (!decision.has_value()) return DecisionNotFound();
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<engine::View> rows, shards_.Read(principal.tenant));
  const auto name_of = [&](char kind, Stamp number) -> absl::StatusOr<std::string> {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::NumberedName> name,
                          rows->Find(kNumbers, NumberKey(kind, number)));
    return name.has_value() ? name->name() : std::string();
  };

  // Whose it is comes first: what else is wrong with it is no one else's business.
  Ask ask;
  ask.tenant = principal.tenant;
  if (decision->account != 0) {
    WEFT_ASSIGN_OR_RETURN(ask.account, name_of('a', decision->account));
    if (!ask.account.empty() && !ActingAccount(principal, ask.account).ok()) {
      return DecisionNotFound();
    }
  }
  if (decision->release != kEngineRelease) {
    return FailedPrecondition(
        "ENGINE_GONE", absl::StrCat("it was computed by rules ", decision->release,
                                    "; this release has rules ", kEngineRelease, " only"),
        {{"engine_release", absl::StrCat(decision->release)}});
  }
  if (decision->request_hash == 0) {
    request = nullptr;
  } else if (request == nullptr) {
    return FailedPrecondition(
        "REQUEST_NEEDED",
        "it depended on other lines of its request, or on a project, address or coupon that the "
        "request named; replay it with that request",
        {{"request_hash", absl::StrCat(decision->request_hash)}});
  } else {
    WEFT_RETURN_IF_ERROR(TakeRequest(key_, *request, settings_.max_lines, decision->request_hash,
                                     ask));
  }
  const Moment moment{.position = decision->position};
  WEFT_RETURN_IF_ERROR(CheckHistory(*rows, moment));
  RulesInForce in_force(documents_, principal.tenant);
  const FactMemory::Snapshot now(memory_, principal.tenant);
  if (decision->position > in_force.At(now.position())) {
    return Unavailable("NOT_YET_APPLIED", "this replica has not yet applied what it depends on");
  }

  const PastFacts past(*rows, moment);
  WEFT_ASSIGN_OR_RETURN(const std::string sku, name_of('i', decision->item));
  const Item* item = past.FindItem(past.Find(SymbolKind::kSku, sku));
  if (item == nullptr || (decision->account != 0 && ask.account.empty())) {
    return FailedPrecondition("HISTORY_GONE", "the item or account of it is no longer known",
                              {{"position", PositionText(decision->position)}});
  }
  ask.channel_number = decision->channel_number;
  if (decision->channel_number != 0) {
    WEFT_ASSIGN_OR_RETURN(ask.channel, name_of('h', decision->channel_number));
  } else {
    ask.channel = std::string(decision->channel);
  }
  const std::string currency = decision->currency.code();
  ask.currency = currency;
  ask.as_of_us = decision->as_of_us;
  Buyer buyer;
  if (const absl::Status status = Describe(past, principal, ask, buyer); !status.ok()) {
    return absl::IsNotFound(status) ? DecisionNotFound() : status;
  }
  const size_t unit = static_cast<size_t>(decision->unit);
  const Symbol unit_symbol = unit == 0                      ? item->base_unit
                             : unit <= item->units.size() ? item->units[unit - 1].unit
                                                            : Symbol::kNone;
  const std::string quantity = decision->quantity.ToString();
  WEFT_RETURN_IF_ERROR(in_force.Find(past, ask, buyer, decision->position));
  const LineQuestion question{.sku = sku, .quantity = quantity, .unit = past.Text(unit_symbol)};
  if (request != nullptr && line_number != nullptr) {
    *line_number = NumberOf(past, buyer, *in_force, *request, question);
  }
  ExplainLine(past, principal, ask, buyer, question, in_force, decision->position,
              PositionText(decision->position), response,
              request == nullptr ? nullptr : &request->lines());
  response.mutable_freshness()->set_position(PositionText(decision->position));
  return past.status();
}

absl::Status Service::ReplayDecision(const Principal& principal,
                                     const v1::ReplayDecisionRequest& request,
                                     v1::DecisionReplay& response) {
  int number = -1;
  WEFT_RETURN_IF_ERROR(TellDecision(principal, request.id(),
                                    request.has_request() ? &request.request() : nullptr,
                                    *response.mutable_then(), &number));
  const v1::PriceLine& line = response.then().line();

  // Currency and scale aside, prices are equal when their values are.
  const auto same = [](const common::v1::Money& a, const common::v1::Money& b) {
    Decimal x, y;
    return a.currency_code() == b.currency_code() &&
           Decimal::ParseInto(a.amount(), x) == DecimalError::kOk &&
           Decimal::ParseInto(b.amount(), y) == DecimalError::kOk && x == y;
  };
  for (const auto* shown : {request.has_net() ? &request.net() : nullptr,
                            request.has_unit_price() ? &request.unit_price() : nullptr}) {
    Decimal ignored;
    if (shown != nullptr && Decimal::ParseInto(shown->amount(), ignored) != DecimalError::kOk) {
      return InvalidArgument("FIELD_INVALID",
                             absl::StrCat("'", shown->amount().substr(0, 60), "' is no amount"),
                             {{"field", shown == &request.net() ? "net" : "unitPrice"}});
    }
  }
  const bool compared = request.has_net() || request.has_unit_price();
  const bool equal = (!request.has_net() || same(request.net(), line.net())) &&
                     (!request.has_unit_price() || same(request.unit_price(), line.unit_price()));
  response.set_outcome(!compared ? v1::REPLAY_OUTCOME_NOT_COMPARED
                       : equal   ? v1::REPLAY_OUTCOME_SAME
                                 : v1::REPLAY_OUTCOME_DIFFERENT);
  Decimal ours, theirs, difference;
  if (request.has_net() && request.net().currency_code() == line.net().currency_code() &&
      Decimal::ParseInto(line.net().amount(), ours) == DecimalError::kOk &&
      Decimal::ParseInto(request.net().amount(), theirs) == DecimalError::kOk &&
      SubtractInto(ours, theirs, difference) == DecimalError::kOk) {
    SetMoney(difference, Currency::Find(line.net().currency_code()),
             *response.mutable_net_difference());
  }

  v1::CalculatePricesRequest again;
  again.set_account(response.then().account());
  again.set_channel(response.then().channel());
  again.set_currency_code(response.then().currency_code());
  if (number >= 0) {
    again.set_project(request.request().project());
    again.set_ship_to(request.request().ship_to());
    *again.mutable_coupons() = request.request().coupons();
    *again.mutable_lines() = request.request().lines();
  } else {
    v1::PriceRequestLine& asked = *again.add_lines();
    asked.set_sku(line.sku());
    *asked.mutable_quantity() = line.quantity();
  }
  std::string bytes;
  v1::CalculatePricesResponse prices;
  // Who may no longer ask for the channel or account still learns what was then.
  if (Calculate(principal, again, bytes).ok() && prices.ParseFromString(bytes)) {
    *response.mutable_now() = prices.lines(std::max(number, 0));
    response.set_unchanged(same(line.net(), response.now().net()));
  }
  return absl::OkStatus();
}

}  // namespace weft::pricing
