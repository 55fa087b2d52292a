// ExplainPrice: one line, told from its beginning.
#include <algorithm>
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
void Service::ExplainLine(const Facts& facts, const Principal& principal, const Ask& ask,
                          const Buyer& buyer, const LineQuestion& question,
                          const RulesInForce& rules, Stamp position, const std::string& epoch,
                          v1::PriceExplanation& response, const Lines* lines) const {
  PriceFinder finder(facts, buyer, *rules);
  finder.EndAt(rules.until_us());
  finder.Speak(principal.language);
  LineAnswer answer;
  if (lines != nullptr) {
    for (const v1::PriceRequestLine& line : *lines) {
      finder.Find(QuestionOf(line), Depth::kWinner, answer);
    }
    finder.StartOver();
  }
  finder.Find(question, Depth::kAll, answer);
  v1::PriceLine& line = *response.mutable_line();
  SetLine(facts, question, answer, buyer.currency, line);
  line.set_epoch(epoch);
  if (answer.reason == LineReason::kNone) {
    AppendDecisionId(key_, ask.tenant, MakeDecision(ask, buyer, answer, position),
                     *line.mutable_decision_id());
    TierHint hint;
    if (HintOf(finder, BuildLadder(finder, answer), answer, hint)) {
      SetHint(facts, answer, hint, buyer.currency, principal.language,
              *line.mutable_next_tier());
    }
  }
  View view;
  view.staff = principal.IsStaff();
  view.cost = view.staff && principal.May("see-cost");
  view.language = principal.language;
  if (answer.reason == LineReason::kNone) {
    OrderCharges charges(facts, buyer, finder.rounding());
    charges.Add(0, answer, finder.categories(), answer.net);
    std::vector<Charge> all = charges.Finish();
    (*rules).charges().Apply(facts, buyer, finder.rounding(), all);
    for (const Charge& charge : all) {
      const bool taken = charge.lost == Charge::Lost::kTaken && !charge.amount.is_zero();
      if (!taken && !view.staff) continue;
      SetCharge(facts, charge, buyer.currency, view, *response.add_surcharges());
    }
  }
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
  response.set_activation(rules.activation());
  response.set_platform_activation(rules.platform_activation());
}

absl::Status Service::Explain(const Principal& principal, const v1::ExplainPriceRequest& request,
                              v1::PriceExplanation& response) {
  Ask ask;
  WEFT_RETURN_IF_ERROR(ReadAsk(principal, request, clock_, ask));
  RulesInForce in_force(documents_, principal.tenant);
  const FactMemory::Snapshot now(memory_, principal.tenant);
  ask.channel_number = now.ChannelNumber(ask.channel);
  const LineQuestion question = QuestionOf(request.line());
  const Stamp here = ask.past ? in_force.KnownBy(ask.known_us) : in_force.At(now.position());
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
    const Moment moment{.known_us = ask.known_us};
    WEFT_RETURN_IF_ERROR(CheckHistory(*rows, moment));
    const PastFacts past(*rows, moment);
    WEFT_RETURN_IF_ERROR(Describe(past, principal, ask, buyer));
    WEFT_RETURN_IF_ERROR(in_force.Find(past, ask, buyer, here));
    // Once to read what the line needs, so that its position is known.
    PriceFinder finder(past, buyer, *in_force);
    LineAnswer answer;
    finder.Find(question, Depth::kAll, answer);
    const Stamp position = std::max(past.position(), here);
    ExplainLine(past, principal, ask, buyer, question, in_force, position,
                PositionText(in_force.At(now.position())), response);
    response.mutable_freshness()->set_position(PositionText(position));
    return past.status();
  }
  WEFT_RETURN_IF_ERROR(Describe(now, principal, ask, buyer));
  WEFT_RETURN_IF_ERROR(in_force.Find(now, ask, buyer, here));
  ExplainLine(now, principal, ask, buyer, question, in_force, here, epoch, response);
  response.mutable_line()->set_epoch(PositionText(in_force.At(
      EpochOf(now, buyer, now.Find(SymbolKind::kSku, response.line().sku())))));
  response.mutable_freshness()->set_position(epoch);
  if (now.head().source_us != 0) {
    SetTime(now.head().source_us, *response.mutable_freshness()->mutable_source_time());
  }
  return absl::OkStatus();
}

}  // namespace weft::pricing
