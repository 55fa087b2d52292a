// ExplainPrice and GetDecision: one line, told from its beginning.
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/asking.h"
#include "services/pricing/convert.h"
#include "services/pricing/domain/applicable.h"
#include "services/pricing/domain/ladder.h"
#include "services/pricing/past.h"
#include "services/pricing/rules_in_force.h"
#include "services/pricing/service.h"
#include "services/pricing/state.h"

namespace weft::pricing {
namespace {

constexpr char kNoPosition[] = "";

absl::Status DecisionNotFound() {
  return NotFound("DECISION_NOT_FOUND",
                  "no such decision; an id is valid for the account it was shown to");
}

}  // namespace

void Service::ExplainLine(const Facts& facts, const Principal& principal, const Ask& ask,
                          const Buyer& buyer, const LineQuestion& question,
                          const PricingRules& rules, Stamp position, const std::string& epoch,
                          v1::PriceExplanation& response) const {
  PriceFinder finder(facts, buyer, rules);
  LineAnswer answer;
  finder.Find(question, Depth::kAll, answer);
  v1::PriceLine& line = *response.mutable_line();
  SetLine(facts, question, answer, buyer.currency, line);
  line.set_epoch(epoch);
  if (answer.reason == LineReason::kNone) {
    AppendDecisionId(key_, ask.tenant, MakeDecision(ask, buyer, answer, position),
                     *line.mutable_decision_id());
    TierHint hint;
    if (HintOf(finder, BuildLadder(finder, answer), answer, hint)) {
      SetHint(facts, answer, hint, buyer.currency, *line.mutable_next_tier());
    }
  }
  View view;
  view.staff = principal.IsStaff();
  view.cost = view.staff && principal.May("see-cost");
  SetExplanation(facts, finder, buyer, answer, view, response);
  response.set_account(ask.account);
  response.set_channel(ask.channel);
  response.set_currency_code(buyer.currency.code());
  response.set_engine_release(kEngineRelease);
  if (buyer.account != nullptr) {
    response.set_organisation(std::string(facts.Text(buyer.account->organisation)));
    response.set_branch(std::string(facts.Text(buyer.account->branch)));
  }
  SetTime(buyer.as_of_us, *response.mutable_freshness()->mutable_as_of());
}

namespace {

void SetActivations(const RulesInForce& rules, v1::PriceExplanation& response) {
  response.set_activation(rules.activation());
  response.set_platform_activation(rules.platform_activation());
}

}  // namespace

absl::Status Service::Explain(const Principal& principal, const v1::ExplainPriceRequest& request,
                              v1::PriceExplanation& response) {
  Ask ask;
  WEFT_RETURN_IF_ERROR(ReadAsk(principal, request, clock_, ask));
  RulesInForce in_force(documents_, principal.tenant);
  const FactMemory::Snapshot now(memory_, principal.tenant);
  ask.channel_number = now.ChannelNumber(ask.channel);
  const LineQuestion question = QuestionOf(request.line());
  const Stamp here = in_force.At(now.position());
  const std::string epoch = PositionText(here);
  if (!ask.project.empty() || !ask.ship_to.empty() || !ask.coupons.empty()) {
    google::protobuf::RepeatedPtrField<v1::PriceRequestLine> lines;
    *lines.Add() = request.line();
    ask.request_hash = RequestHash(key_, ask, lines);
  }

  LineReason for_all = LineReason::kNone;
  if (ask.account.empty() && settings_.LoginRequired(ask.channel)) {
    for_all = LineReason::kLoginRequired;
  } else if (!now.head().loaded()) {
    for_all = LineReason::kNotLoaded;
  }
  Buyer buyer;
  if (for_all != LineReason::kNone) {
    LineAnswer answer;
    answer.reason = for_all;
    SetLine(now, question, answer, Currency::Find(ask.currency), *response.mutable_line());
    response.set_account(ask.account);
    response.set_channel(ask.channel);
    return absl::OkStatus();
  }
  if (ask.past) {
    WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<engine::View> rows,
                          shards_.Read(principal.tenant));
    const PastFacts past(*rows, Moment{.known_us = ask.known_us});
    WEFT_RETURN_IF_ERROR(Describe(past, principal, ask, buyer));
    WEFT_RETURN_IF_ERROR(in_force.Find(past, ask, buyer, here));
    // Once to read what the line needs, so that its position is known.
    PriceFinder finder(past, buyer, *in_force);
    LineAnswer answer;
    finder.Find(question, Depth::kAll, answer);
    ExplainLine(past, principal, ask, buyer, question, *in_force, past.position(), epoch,
                response);
    SetActivations(in_force, response);
    response.mutable_freshness()->set_position(PositionText(past.position()));
    return past.status();
  }
  WEFT_RETURN_IF_ERROR(Describe(now, principal, ask, buyer));
  WEFT_RETURN_IF_ERROR(in_force.Find(now, ask, buyer, here));
  ExplainLine(now, principal, ask, buyer, question, *in_force, here, epoch, response);
  SetActivations(in_force, response);
  response.mutable_line()->set_epoch(PositionText(in_force.At(
      EpochOf(now, buyer, now.Find(SymbolKind::kSku, response.line().sku())))));
  response.mutable_freshness()->set_position(epoch);
  if (now.head().source_us != 0) {
    SetTime(now.head().source_us, *response.mutable_freshness()->mutable_source_time());
  }
  return absl::OkStatus();
}

absl::Status Service::GetDecision(const Principal& principal, const v1::GetDecisionRequest& request,
                               v1::PriceExplanation& response) {
  std::string bytes;
  const std::optional<Decision> decision =
      ReadDecisionId(key_, principal.tenant, request.id(), bytes);
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
  if (decision->request_hash != 0) {
    return FailedPrecondition(
        "REQUEST_NEEDED",
        "it depended on other lines of its request, or on a project, address or coupon that the "
        "request named; ask with that request and its as_of",
        {{"request_hash", absl::StrCat(decision->request_hash)}});
  }
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::HistoryRow> info, rows->Find(kInfo, kNoPosition));
  if (info.has_value() && decision->position < static_cast<Stamp>(info->floor())) {
    return FailedPrecondition("HISTORY_GONE",
                              absl::StrCat("the facts of position ",
                                           PositionText(decision->position),
                                           " are no longer complete"),
                              {{"position", PositionText(decision->position)}});
  }
  RulesInForce in_force(documents_, principal.tenant);
  const FactMemory::Snapshot now(memory_, principal.tenant);
  if (decision->position > in_force.At(now.position())) {
    return Unavailable("NOT_YET_APPLIED", "this replica has not yet applied what it depends on");
  }

  const PastFacts past(*rows, Moment{.position = decision->position});
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
  ExplainLine(past, principal, ask, buyer,
              {.sku = sku, .quantity = quantity, .unit = past.Text(unit_symbol)}, *in_force,
              decision->position, PositionText(decision->position), response);
  SetActivations(in_force, response);
  response.mutable_freshness()->set_position(PositionText(decision->position));
  return past.status();
}

absl::Status Service::ReplayDecision(const Principal& principal,
                                     const v1::ReplayDecisionRequest& request,
                                     v1::DecisionReplay& response) {
  v1::GetDecisionRequest question;
  question.set_id(request.id());
  WEFT_RETURN_IF_ERROR(GetDecision(principal, question, *response.mutable_then()));
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
  v1::PriceRequestLine& asked = *again.add_lines();
  asked.set_sku(line.sku());
  *asked.mutable_quantity() = line.quantity();
  std::string bytes;
  v1::CalculatePricesResponse prices;
  // Who may no longer ask for the channel or account still learns what was then.
  if (Calculate(principal, again, bytes).ok() && prices.ParseFromString(bytes)) {
    *response.mutable_now() = prices.lines(0);
    response.set_unchanged(same(line.net(), prices.lines(0).net()));
  }
  return absl::OkStatus();
}

}  // namespace weft::pricing
