#include "services/pricing/convert.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "services/pricing/domain/applicable.h"
#include "services/pricing/domain/labels.h"
#include "services/pricing/state.h"

namespace weft::pricing {
namespace {

std::string TimeText(int64_t us) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::FromUnixMicros(us), absl::UTCTimeZone());
}

std::string Named(const Facts& facts, Symbol symbol) { return std::string(facts.Text(symbol)); }

void SetPeriod(const Period& period, common::v1::Validity& out) {
  if (period.from_us != kSinceEver) SetTime(period.from_us, *out.mutable_from());
  if (period.to_us != kForEver) SetTime(period.to_us, *out.mutable_to());
}

bool IsContract(Source source) {
  return source == Source::kAccountContract || source == Source::kParentContract ||
         source == Source::kGroupContract;
}

std::string RuleName(const Facts& facts, Source source, Symbol owner, Symbol target,
                     const Offer& offer) {
  if (IsContract(source)) return absl::StrCat("contracts/", offer.name);
  return absl::StrCat("prices/", facts.Text(owner), "/", facts.Text(target), "/",
                      facts.Text(offer.unit), "/", offer.name);
}

v1::CandidateSource ToProto(Source source) {
  switch (source) {
    case Source::kAccountContract: return v1::CANDIDATE_SOURCE_ACCOUNT_CONTRACT;
    case Source::kParentContract: return v1::CANDIDATE_SOURCE_PARENT_CONTRACT;
    case Source::kGroupContract: return v1::CANDIDATE_SOURCE_GROUP_CONTRACT;
    case Source::kBook: return v1::CANDIDATE_SOURCE_BOOK;
    case Source::kList: return v1::CANDIDATE_SOURCE_LIST;
  }
  return v1::CANDIDATE_SOURCE_UNSPECIFIED;
}

// Of a candidate: what people read.
std::string LostSentence(LineReason why) {
  switch (why) {
    case LineReason::kNotYetValid: return "it is not valid yet";
    case LineReason::kNoLongerValid: return "it is no longer valid";
    case LineReason::kNoPriceInCurrency: return "it is in another currency";
    case LineReason::kBelowMinimum: return "the quantity is below its first tier";
    case LineReason::kUnknownUnit: return "the item does not have its unit";
    case LineReason::kNoListPrice: return "there is no list price to take its discount from";
    case LineReason::kZeroPrice: return "a price of 0 states no price";
    case LineReason::kReplaced: return "another one of the same owner starts later";
    case LineReason::kLessSpecific: return "a more special one has a price";
    case LineReason::kRateExpired: return "the rate of its currency has ended";
    case LineReason::kRateMissing: return "its currency has no rate";
    case LineReason::kNotApplicable: return "it is not for this item, organisation, branch or channel";
    case LineReason::kDearer: return "another one of its best-price group is lower";
    case LineReason::kOtherTier: return "in the merged ladder another list's tier counts";
    case LineReason::kExcluded: return "one that found a price excludes it";
    case LineReason::kNoPrice: return "the book it names has no price for the item";
    case LineReason::kAmountTooLarge: return "the amount has more than 34 digits";
    default: return "it gives no price";
  }
}

}  // namespace

int64_t MicrosOf(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

void SetTime(int64_t us, google::protobuf::Timestamp& out) {
  int64_t seconds = us / 1'000'000;
  int64_t rest = us % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --seconds;
  }
  out.set_seconds(seconds);
  out.set_nanos(static_cast<int32_t>(rest * 1000));
}

void SetMoney(const Decimal& amount, Currency currency, common::v1::Money& out) {
  char text[Decimal::kMaxText];
  out.set_amount(text, static_cast<size_t>(amount.WriteTo(text) - text));
  currency.AppendTo(*out.mutable_currency_code());
}

void SetReason(const Facts& facts, const LineQuestion& question, const LineAnswer& answer,
               Currency currency, common::v1::Reason& out) {
  out.set_reason(ReasonName(answer.reason));
  auto& metadata = *out.mutable_metadata();
  const std::string sku = answer.item != nullptr ? Named(facts, answer.item->sku)
                                                 : std::string(question.sku.substr(0, 60));
  if (!sku.empty()) metadata["sku"] = sku;
  switch (answer.reason) {
    case LineReason::kLoginRequired:
      out.set_message("prices are shown after login only");
      break;
    case LineReason::kNotLoaded:
      out.set_message("prices are still being loaded; ask again later");
      break;
    case LineReason::kUnknownCustomerSku:
      metadata["customer_sku"] = std::string(question.customer_sku.substr(0, 60));
      out.set_message("the account has no item under this number of its own");
      break;
    case LineReason::kUnknownItem:
      out.set_message(sku.empty() ? "the line names no item; set sku or customer_sku"
                                  : absl::StrCat("no item ", sku));
      break;
    case LineReason::kItemDiscontinued:
      out.set_message(absl::StrCat(sku, " is not sold any more"));
      if (answer.item->successor != Symbol::kNone) {
        metadata["successor_sku"] = Named(facts, answer.item->successor);
      }
      break;
    case LineReason::kInvalidQuantity:
      metadata["quantity"] = std::string(question.quantity.substr(0, 60));
      out.set_message("the quantity must be a decimal number above 0 of at most 18 digits");
      break;
    case LineReason::kUnknownUnit:
      metadata["unit"] = std::string(question.unit.substr(0, 60));
      out.set_message(absl::StrCat(sku, " has no such unit"));
      break;
    case LineReason::kAmountTooLarge:
      out.set_message("price times quantity has more than 34 digits");
      break;
    case LineReason::kPriceRefused:
    case LineReason::kRulesFailed:
      if (answer.trouble != nullptr) {
        metadata["code"] = answer.trouble->code;
        metadata["step"] = answer.trouble->step;
      }
      out.set_message(answer.reason == LineReason::kPriceRefused && answer.trouble != nullptr
                          ? answer.trouble->message
                          : absl::StrCat("the price of ", sku, " cannot be computed"));
      break;
    case LineReason::kBelowMinimum:
      metadata["minimum_quantity"] = answer.minimum.ToString();
      metadata["unit"] = Named(facts, answer.minimum_unit);
      out.set_message(absl::StrCat(sku, " has a price from ", answer.minimum.ToString(), " ",
                                   facts.Text(answer.minimum_unit), " on"));
      break;
    case LineReason::kNotYetValid:
      metadata["valid_from"] = TimeText(answer.boundary_us);
      out.set_message(
          absl::StrCat("the price of ", sku, " begins at ", TimeText(answer.boundary_us)));
      break;
    case LineReason::kNoLongerValid:
      metadata["valid_to"] = TimeText(answer.boundary_us);
      out.set_message(
          absl::StrCat("the price of ", sku, " ended at ", TimeText(answer.boundary_us)));
      break;
    case LineReason::kRateExpired:
    case LineReason::kRateMissing:
      metadata["currency_code"] = currency.code();
      out.set_message(absl::StrCat(sku, " has prices in other currencies, but the rate to ",
                                   currency.code(),
                                   answer.reason == LineReason::kRateExpired ? " has ended"
                                                                             : " is missing"));
      break;
    case LineReason::kNoPriceInCurrency:
      metadata["currency_code"] = currency.code();
      out.set_message(absl::StrCat(sku, " has prices, but none in ", currency.code()));
      break;
    default:
      out.set_message(absl::StrCat(sku, " has no price for this buyer"));
      break;
  }
}

void SetLine(const Facts& facts, const LineQuestion& question, const LineAnswer& answer,
             Currency currency, v1::PriceLine& out) {
  if (answer.item != nullptr) {
    const absl::string_view sku = facts.Text(answer.item->sku);
    out.set_sku(sku.data(), sku.size());
  } else if (!question.sku.empty()) {
    out.set_sku(question.sku.data(), question.sku.size());
  }
  if (!question.customer_sku.empty()) {
    out.set_customer_sku(question.customer_sku.data(), question.customer_sku.size());
  }
  common::v1::Quantity& quantity = *out.mutable_quantity();
  quantity.set_value(question.quantity.data(), question.quantity.size());
  const absl::string_view unit = answer.unit != Symbol::kNone ? facts.Text(answer.unit)
                                                              : question.unit;
  if (!unit.empty()) quantity.set_unit(unit.data(), unit.size());
  if (answer.valid_until_us != kForEver) SetTime(answer.valid_until_us, *out.mutable_valid_until());
  if (answer.item != nullptr) {
    if (answer.item->tax_class != Symbol::kNone) {
      out.set_item_tax_class(Named(facts, answer.item->tax_class));
    }
    if (answer.item->successor != Symbol::kNone) {
      out.set_successor_sku(Named(facts, answer.item->successor));
    }
  }
  if (answer.reason != LineReason::kNone) {
    SetReason(facts, question, answer, currency, *out.mutable_reason());
    return;
  }
  SetMoney(answer.unit_price, currency, *out.mutable_unit_price());
  SetMoney(answer.net, currency, *out.mutable_net());
}

void SetLadder(const std::vector<LadderStep>& ladder, Currency currency, v1::PriceLine& out) {
  for (const LadderStep& step : ladder) {
    v1::LadderStep& added = *out.add_tiers();
    added.set_minimum_quantity(step.minimum.ToString());
    SetMoney(step.unit_price, currency, *added.mutable_unit_price());
    added.set_graduated(step.graduated);
  }
}

void SetHint(const Facts& facts, const LineAnswer& answer, const TierHint& hint,
             Currency currency, absl::string_view language, v1::TierHint& out) {
  out.set_minimum_quantity(hint.next.minimum.ToString());
  SetMoney(hint.next.unit_price, currency, *out.mutable_unit_price());
  SetMoney(hint.next.net, currency, *out.mutable_net());
  const std::string from = absl::StrCat(hint.next.minimum.ToString(), " ", facts.Text(answer.unit));
  if (hint.saves) {
    SetMoney(hint.saving, currency, *out.mutable_saving());
    out.set_message(absl::Substitute(TextOf(Label::kCostLess, language), from,
                                     hint.saving.ToString(), currency.code()));
  } else {
    const Label label = hint.next.graduated ? Label::kFurtherFrom : Label::kPriceFrom;
    out.set_message(absl::Substitute(TextOf(label, language), from,
                                     hint.next.unit_price.ToString(), currency.code()));
  }
  if (hint.has_dearer_from) out.set_dearer_from_quantity(hint.dearer_from.ToString());
}

void SetCharge(const Facts& facts, const Charge& charge, Currency currency, const View& view,
               v1::PriceSurcharge& out) {
  const Surcharge& surcharge = *charge.surcharge;
  out.set_surcharge(Named(facts, surcharge.surcharge));
  out.set_label(surcharge.label);
  // The numbers of the enums are those of the facts.
  out.set_kind(static_cast<v1::SurchargeKind>(surcharge.kind));
  out.set_per(static_cast<v1::SurchargePer>(surcharge.per));
  for (const int line : charge.lines) out.add_lines(line);
  if (charge.lost == Charge::Lost::kTaken) SetMoney(charge.amount, currency, *out.mutable_amount());
  if (!view.staff) return;
  SetMoney(charge.net, currency, *out.mutable_basis());
  std::string rule = absl::StrCat("surcharges/", facts.Text(surcharge.surcharge));
  for (const std::string& of_table : charge.rules) {
    absl::StrAppend(&rule, ", tables/", PricingRules::kCharges, "#", of_table);
  }
  out.set_rule(std::move(rule));
  out.set_version(PositionText(surcharge.version));
  SetPeriod(surcharge.period, *out.mutable_validity());
  const auto lost = [&](const char* reason, const char* message) {
    out.mutable_lost()->set_reason(reason);
    out.mutable_lost()->set_message(message);
  };
  switch (charge.lost) {
    case Charge::Lost::kTaken: break;
    case Charge::Lost::kNotBelowNet:
      return lost("NOT_BELOW_NET", "the lines it is about come to what it asks for");
    case Charge::Lost::kOtherCurrency:
      return lost("NO_PRICE_IN_CURRENCY", "it is in another currency");
    case Charge::Lost::kExcluded:
      return lost("EXCLUDED", "another one of its group goes before it");
    case Charge::Lost::kWaived: return lost("WAIVED", "a rule waives it for this buyer");
    case Charge::Lost::kAmountTooLarge:
      return lost("AMOUNT_TOO_LARGE", "the amount has more than 34 digits");
  }
}

void SetQuantityRules(const Facts& facts, const LineAnswer& answer, v1::QuantityRules& out) {
  const Item& item = *answer.item;
  if (!item.minimum_quantity.is_zero()) {
    out.set_minimum_quantity(item.minimum_quantity.ToString());
  }
  if (!item.quantity_step.is_zero()) out.set_quantity_step(item.quantity_step.ToString());
  out.set_base_unit(Named(facts, item.base_unit));
  for (const ItemUnit& unit : item.units) {
    common::v1::UnitRatio& ratio = *out.add_units();
    ratio.set_unit(Named(facts, unit.unit));
    ratio.set_numerator(unit.ratio.numerator());
    ratio.set_denominator(unit.ratio.denominator());
  }
  Sellable sellable;
  if (!SellableOf(answer, sellable)) return;
  out.mutable_sellable_quantity()->set_value(sellable.base_quantity.ToString());
  out.mutable_sellable_quantity()->set_unit(Named(facts, item.base_unit));
  if (sellable.pack == Symbol::kNone) return;
  out.mutable_sellable_packs()->set_value(sellable.packs.ToString());
  out.mutable_sellable_packs()->set_unit(Named(facts, sellable.pack));
}

namespace {

void SetSteps(const Facts& facts, PriceFinder& finder, const Buyer& buyer,
              const LineAnswer& answer, const View& view, v1::PriceExplanation& out) {
  std::vector<Notice> notices;
  for (const Step& step : StepsOf(finder, answer, buyer, view.language, &notices)) {
    v1::PriceStep& added = *out.add_steps();
    added.set_label(step.label);
    added.set_amount(step.amount.ToString());
    added.set_result(step.result.ToString());
    SetPeriod(step.period, *added.mutable_validity());
    if (!view.staff) continue;
    if (!step.rule.empty()) {
      added.set_rule(step.rule);
      added.set_version(absl::StrCat(step.document_version));
      continue;
    }
    added.set_rule(RuleName(facts, step.source, step.owner, answer.item->sku, step.offer));
    added.set_version(PositionText(step.offer.version));
  }
  if (!view.staff) return;
  for (const Notice& notice : notices) {
    common::v1::Reason& added = *out.add_notices();
    added.set_reason(notice.code);
    added.set_message(notice.text);
    (*added.mutable_metadata())["rule"] = notice.rule;
  }
}

void SetCandidates(const Facts& facts, const Buyer& buyer, const LineAnswer& answer,
                   const View& view, v1::PriceExplanation& out) {
  for (const Candidate& candidate : answer.candidates) {
    const bool won = candidate.lost == LineReason::kNone;
    if (!view.staff && !won) continue;
    v1::PriceCandidate& added = *out.add_candidates();
    added.set_source(ToProto(candidate.source));
    added.set_won(won);
    SetPeriod(candidate.period, *added.mutable_validity());
    if (candidate.has_price) {
      SetMoney(candidate.unit_price, buyer.currency, *added.mutable_unit_price());
      added.set_tier_minimum_quantity(candidate.tier_minimum.ToString());
    }
    if (!won) {
      added.mutable_lost()->set_reason(ReasonName(candidate.lost));
      added.mutable_lost()->set_message(LostSentence(candidate.lost));
    }
    if (view.staff || candidate.source == Source::kAccountContract) {
      added.set_owner(Named(facts, candidate.owner));
    }
    if (!view.staff) continue;
    added.set_rule(RuleName(facts, candidate.source, candidate.owner, candidate.target,
                            candidate.offer));
    added.set_version(PositionText(candidate.offer.version));
    added.set_reference(std::string(candidate.offer.reference));
  }
}

void SetMargin(const Facts& facts, const Buyer& buyer, const LineAnswer& answer,
               v1::PriceExplanation& out) {
  const Symbol organisation =
      buyer.account == nullptr ? Symbol::kNone : buyer.account->organisation;
  Cost known;
  if (!FindCost(facts, *answer.item, Symbol::kNone, organisation, buyer.as_of_us, known,
                nullptr) ||
      known.cost.currency != buyer.currency) {
    return;
  }
  const Money& cost = known.cost;
  const UnitRatio& unit = answer.unit_ratio;
  int64_t denominator = 1;
  Decimal unit_cost, line_cost, margin, percent;
  if (__builtin_mul_overflow(unit.denominator(), known.per_quantity, &denominator) ||
      ShownUnitPrice(cost.amount, unit.numerator(), denominator, cost.currency, unit_cost) !=
          DecimalError::kOk ||
      MulDivRound(cost.amount, answer.quantity, unit.numerator(), denominator,
                  cost.currency.minor_digits(), RoundingMode::kHalfUp,
                  line_cost) != DecimalError::kOk ||
      SubtractInto(answer.net, line_cost, margin) != DecimalError::kOk) {
    return;
  }
  v1::PriceMargin& added = *out.mutable_margin();
  SetMoney(unit_cost, cost.currency, *added.mutable_unit_cost());
  SetMoney(line_cost, cost.currency, *added.mutable_cost());
  SetMoney(margin, cost.currency, *added.mutable_margin());
  Decimal hundredfold;
  if (MultiplyInto(margin, Decimal(100), hundredfold) == DecimalError::kOk &&
      DivRound(hundredfold, answer.net, 2, RoundingMode::kHalfUp, percent) == DecimalError::kOk) {
    added.set_margin_percent(percent.ToString());
  }
}

}  // namespace

void SetExplanation(const Facts& facts, PriceFinder& finder, const Buyer& buyer,
                    const LineAnswer& answer,
                    const View& view, v1::PriceExplanation& out) {
  SetCandidates(facts, buyer, answer, view, out);
  if (answer.reason != LineReason::kNone) return;
  SetSteps(facts, finder, buyer, answer, view, out);
  if (view.cost) SetMargin(facts, buyer, answer, out);
}

}  // namespace weft::pricing
