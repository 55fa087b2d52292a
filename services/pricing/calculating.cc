// CalculatePrices: the hot path. Lines are written one by one as they are priced.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/asking.h"
#include "services/pricing/convert.h"
#include "services/pricing/domain/applicable.h"
#include "services/pricing/domain/ladder.h"
#include "services/pricing/line_bytes.h"
#include "services/pricing/look_ahead.h"
#include "services/pricing/past.h"
#include "services/pricing/rules_in_force.h"
#include "services/pricing/service.h"
#include "services/pricing/state.h"

namespace weft::pricing {
namespace {

// As an element of field 1 of CalculatePricesResponse.
void AppendLine(const v1::PriceLine& line, std::string& out) {
  std::string bytes;
  AppendDeterministic(line, bytes);
  out.push_back(1 << 3 | 2);
  for (size_t size = bytes.size(); ; size >>= 7) {
    if (size < 0x80) {
      out.push_back(static_cast<char>(size));
      break;
    }
    out.push_back(static_cast<char>(size | 0x80));
  }
  out.append(bytes);
}

void AddListPrice(PriceFinder& finder, const LineAnswer& answer, Currency currency,
                  v1::PriceLine& line) {
  Priced list;
  Decimal shown;
  if (finder.FindListPrice(answer, list) &&
      ShownUnitPrice(list.price, list.numerator, list.denominator, currency, shown) ==
          DecimalError::kOk) {
    SetMoney(shown, currency, *line.mutable_list_price());
  }
}

// What the decisions of all lines say alike.
Decision SharedDecision(const Ask& ask, const Buyer& buyer, Stamp position) {
  Decision shared;
  shared.release = kEngineRelease;
  shared.account = buyer.account == nullptr ? 0 : buyer.account->number;
  shared.currency = buyer.currency;
  shared.as_of_us = buyer.as_of_us;
  shared.position = position;
  shared.channel_number = ask.channel_number;
  shared.channel = ask.channel;
  return shared;
}

void AddTiers(const Facts& facts, PriceFinder& finder, const LineAnswer& answer,
              Currency currency, absl::string_view language, v1::PriceLine& line) {
  const std::vector<LadderStep> ladder = BuildLadder(finder, answer);
  SetLadder(ladder, currency, line);
  TierHint hint;
  if (answer.reason == LineReason::kNone && HintOf(finder, ladder, answer, hint)) {
    SetHint(facts, answer, hint, currency, language, *line.mutable_next_tier());
  }
}

// What is to be paid beside the nets, and all together.
void AddCharges(const Facts& facts, const std::vector<Charge>& charges, Currency currency,
                Decimal total, bool complete, v1::CalculatePricesResponse& out) {
  for (const Charge& charge : charges) {
    if (charge.lost != Charge::Lost::kTaken || charge.amount.is_zero()) continue;
    SetCharge(facts, charge, currency, {}, *out.add_surcharges());
    complete = complete && AddInto(total, charge.amount, total) == DecimalError::kOk;
  }
  if (complete && !out.surcharges().empty()) {
    SetMoney(total, currency, *out.mutable_total_with_surcharges());
  }
}

}  // namespace

absl::Status Service::Calculate(const Principal& principal,
                                const v1::CalculatePricesRequest& request, std::string& out) {
  Ask ask;
  WEFT_RETURN_IF_ERROR(ReadAsk(principal, request, clock_, ask));
  if (request.lines().empty()) {
    return InvalidArgument("LINES_REQUIRED", "ask for at least one line", {{"field", "lines"}});
  }
  const int limit = ask.past ? std::min(settings_.max_lines, kMaxPastLines) : settings_.max_lines;
  if (request.lines_size() > limit) {
    return InvalidArgument("TOO_MANY_LINES",
                           absl::StrCat(request.lines_size(), " lines; a call takes at most ",
                                        limit, ", split the request"),
                           {{"field", "lines"}});
  }
  bool list_price = false, tiers = false, rules = false;
  for (const int include : request.include()) {
    switch (include) {
      case v1::INCLUDE_LIST_PRICE: list_price = true; break;
      case v1::INCLUDE_TIERS: tiers = true; break;
      case v1::INCLUDE_QUANTITY_RULES: rules = true; break;
      default:
        return InvalidArgument("INCLUDE_UNKNOWN",
                               absl::StrCat("include ", include, " is not known"),
                               {{"field", "include"}});
    }
  }

  RulesInForce in_force(documents_, principal.tenant);
  const FactMemory::Snapshot now(memory_, principal.tenant);
  ask.channel_number = now.ChannelNumber(ask.channel);
  std::unique_ptr<engine::View> rows;
  std::unique_ptr<PastFacts> past;
  if (ask.past) {
    WEFT_ASSIGN_OR_RETURN(rows, shards_.Read(principal.tenant));
    const Moment moment{.known_us = ask.known_us};
    WEFT_RETURN_IF_ERROR(CheckHistory(*rows, moment));
    past = std::make_unique<PastFacts>(*rows, moment);
  }
  const Facts& facts = ask.past ? static_cast<const Facts&>(*past) : now;
  // What was known at a moment goes for facts and documents alike.
  const Stamp here = ask.past ? in_force.KnownBy(ask.known_us) : in_force.At(now.position());
  const auto position = [&] { return ask.past ? std::max(past->position(), here) : here; };

  LineReason for_all = LineReason::kNone;
  Buyer buyer;
  if (ask.account.empty() && settings_.LoginRequired(ask.channel)) {
    for_all = LineReason::kLoginRequired;
  } else if (!now.head().loaded()) {
    for_all = LineReason::kNotLoaded;
  }
  if (for_all == LineReason::kNone) {
    WEFT_RETURN_IF_ERROR(Describe(facts, principal, ask, buyer));
  } else {
    buyer.currency = Currency::Find(ask.currency);
  }

  // Lines are field 1: they come first, written one by one, then what is left.
  WEFT_RETURN_IF_ERROR(in_force.Find(facts, ask, buyer, here));
  // What is known of the past is told with the tenant's position.
  const bool precise = !ask.past && for_all == LineReason::kNone;
  // Rules that change may change any price.
  const Stamp shared =
      in_force.At(precise ? EpochOf(now, buyer, Symbol::kNone) : now.position());
  PositionName epoch;
  v1::PriceLockUse lock_use;
  const std::optional<v1::PriceLock> lock =
      request.price_lock().empty() ? std::nullopt
                                   : UsableLock(principal, request.price_lock(), ask, lock_use);
  const bool plain = !list_price && !tiers && !rules && !ask.past && !lock.has_value();
  std::optional<DecisionWriter> decisions;
  LineFrame frame{.currency = buyer.currency.code()};
  if (plain && for_all == LineReason::kNone) {
    decisions.emplace(key_, ask.tenant, SharedDecision(ask, buyer, here));
    frame.decisions = &*decisions;
  }
  out.reserve(out.size() + static_cast<size_t>(request.lines_size()) * 192 + 128);
  std::optional<LookAhead> ahead;
  if (decisions.has_value()) ahead.emplace(now, buyer, request.lines());
  PriceFinder finder(facts, buyer, *in_force);
  finder.EndAt(in_force.until_us());
  finder.Speak(principal.language);
  OrderCharges charges(facts, buyer, finder.rounding());
  const auto& counted = (*in_force).waterfall().counted_bits();
  std::array<int64_t, std::size(Waterfall::kCounted)> notices{};
  LineAnswer answer;
  v1::PriceLine message;
  Decimal total;
  bool complete = true;
  if (!ask.project.empty() || !ask.ship_to.empty() || !ask.coupons.empty()) {
    ask.request_hash = RequestHash(key_, ask, request.lines());
  }
  const size_t start = out.size();
  for (int i = 0;; ++i) {
    if (i == request.lines_size()) {
      // Once more where lines turn out to reach tiers together.
      if (for_all != LineReason::kNone || !finder.StartOver()) break;
      ask.request_hash = RequestHash(key_, ask, request.lines());
      out.resize(start);
      total = Decimal();
      complete = true;
      lock_use.set_lines(0);
      charges.Clear();
      notices.fill(0);
      if (ahead.has_value()) ahead.emplace(now, buyer, request.lines());
      i = 0;
    }
    LineQuestion question = QuestionOf(request.lines(i));
    if (ahead.has_value()) question.sku_symbol = ahead->At(i);
    if (for_all != LineReason::kNone) {
      answer.reason = for_all;
    } else {
      finder.Find(question, tiers ? Depth::kAll : Depth::kWinner, answer);
    }
    if (precise) {
      frame.epoch = epoch.Write(std::max(
          shared, now.MovedAt(answer.item != nullptr ? answer.item->sku
                                                     : now.Find(SymbolKind::kSku, question.sku))));
    } else {
      frame.epoch = epoch.Write(shared);
    }
    const bool priced = answer.reason == LineReason::kNone;
    Decimal net = priced ? answer.net : Decimal();
    if (priced && answer.codes != 0) {
      for (size_t n = 0; n < counted.size(); ++n) notices[n] += (answer.codes & counted[n]) != 0;
    }
    const auto charge = [&](const Decimal& of_net) {
      if (priced) charges.Add(i, answer, finder.categories(), of_net);
    };
    if (plain && priced &&
        AppendPricedLine(facts, frame, question, answer, MakeDecision(ask, buyer, answer, position()),
                         out)) {
      if (charges.any()) charge(net);
      complete = complete && AddInto(total, net, total) == DecimalError::kOk;
      continue;
    }
    message.Clear();
    SetLine(facts, question, answer, buyer.currency, message);
    message.set_epoch(std::string(frame.epoch));
    if (priced) {
      AppendDecisionId(key_, ask.tenant, MakeDecision(ask, buyer, answer, position()),
                       *message.mutable_decision_id());
    }
    if (rules && answer.item != nullptr) {
      SetQuantityRules(facts, answer, *message.mutable_quantity_rules());
    }
    // Of a question that has no sense by itself there is no more to say.
    if (priced || answer.reason >= LineReason::kAmountTooLarge) {
      if (list_price) AddListPrice(finder, answer, buyer.currency, message);
      if (tiers) AddTiers(facts, finder, answer, buyer.currency, principal.language, message);
    }
    bool has_net = priced;
    if (lock.has_value() && lock->currency_code() == buyer.currency.code() &&
        ApplyPriceLock(*lock, message)) {
      lock_use.set_lines(lock_use.lines() + 1);
      has_net = Decimal::ParseInto(message.net().amount(), net) == DecimalError::kOk;
    }
    if (charges.any()) charge(net);
    complete = complete && has_net && AddInto(total, net, total) == DecimalError::kOk;
    AppendLine(message, out);
  }
  if (ask.past) WEFT_RETURN_IF_ERROR(past->status());

  v1::CalculatePricesResponse rest;
  rest.set_account(ask.account);
  rest.set_channel(ask.channel);
  buyer.currency.AppendTo(*rest.mutable_currency_code());
  if (complete) SetMoney(total, buyer.currency, *rest.mutable_total());
  if (charges.any()) {
    std::vector<Charge> taken = charges.Finish();
    (*in_force).charges().Apply(facts, buyer, finder.rounding(), taken);
    AddCharges(facts, taken, buyer.currency, total, complete, rest);
  }
  for (size_t n = 0; n < notices.size(); ++n) {
    if (notices[n] == 0 || notices_[n] == nullptr) continue;
    notices_[n]->Add(static_cast<uint64_t>(notices[n]));
  }
  if (buyer.account != nullptr && buyer.account->tax_class != Symbol::kNone) {
    rest.set_account_tax_class(std::string(facts.Text(buyer.account->tax_class)));
  }
  if (!request.price_lock().empty()) *rest.mutable_price_lock_use() = std::move(lock_use);
  common::v1::Freshness& freshness = *rest.mutable_freshness();
  freshness.set_position(PositionText(position()));
  SetTime(ask.as_of_us, *freshness.mutable_as_of());
  if (now.head().source_us != 0) SetTime(now.head().source_us, *freshness.mutable_source_time());
  if (!rest.AppendToString(&out)) return Internal("the answer does not serialise");
  return absl::OkStatus();
}

}  // namespace weft::pricing
