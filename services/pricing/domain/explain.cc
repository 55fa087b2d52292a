#include "services/pricing/domain/explain.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "services/pricing/domain/labels.h"

namespace weft::pricing {
namespace {

Label PriceLabel(Source source) {
  switch (source) {
    case Source::kAccountContract: return Label::kContract;
    case Source::kParentContract: return Label::kParentContract;
    case Source::kGroupContract: return Label::kGroup;
    case Source::kBook: return Label::kBook;
    case Source::kList: return Label::kList;
  }
  return Label::kList;
}

Label DiscountLabel(Source source) {
  switch (source) {
    case Source::kAccountContract: return Label::kContractDiscount;
    case Source::kParentContract: return Label::kParentDiscount;
    default: return Label::kGroupDiscount;
  }
}

// As an amount of the line's unit. False when it has too many digits.
bool Shown(const Decimal& price, const LineAnswer& answer, Currency currency, Decimal& out) {
  return ShownUnitPrice(price, answer.priced.numerator, answer.priced.denominator, currency,
                        out) == DecimalError::kOk;
}

// The next step after those there are, up to `result`.
void AddStep(Step step, const Decimal& result, std::vector<Step>& steps) {
  const Decimal before = steps.empty() ? Decimal() : steps.back().result;
  // All have at most 34 digits of at most 6 decimals; the difference fits.
  if (SubtractInto(result, before, step.amount) != DecimalError::kOk) return;
  step.result = result;
  steps.push_back(std::move(step));
}

// What the price starts from, and a contract's discount: up to `found`.
void AddFound(const LineAnswer& answer, const Buyer& buyer, const Decimal& found,
              absl::string_view language, std::vector<Step>& steps) {
  Step first;
  first.label = std::string(
      TextOf(PriceLabel(answer.discounted ? Source::kList : answer.source), language));
  first.source = answer.source;
  first.owner = answer.owner;
  first.offer = answer.offer;
  first.period = answer.offer.period;
  if (answer.priced.book != nullptr) {
    // An entry of a book, be it asked directly, by a contract or for a discount.
    first.source = answer.priced.book->groups.empty() ? Source::kList : Source::kBook;
    first.owner = answer.priced.book->book;
    first.offer = answer.priced.offer;
    first.period = Intersection(answer.priced.offer.period, answer.priced.book->period);
  }
  if (answer.priced.converted) {
    first.label = absl::Substitute(TextOf(Label::kAtRate, language), first.label,
                                   answer.priced.rate.ToString());
  }
  Decimal list;
  if (!answer.discounted || !Shown(answer.priced.price, answer, buyer.currency, list)) {
    return AddStep(first, found, steps);
  }
  AddStep(first, list, steps);
  Step discount;
  discount.label =
      absl::StrCat(TextOf(DiscountLabel(answer.source), language), " ", answer.priced.percent.ToString(), " %");
  discount.source = answer.source;
  discount.owner = answer.owner;
  discount.offer = answer.offer;
  discount.period = answer.offer.period;
  AddStep(discount, found, steps);
}

}  // namespace

std::vector<Step> StepsOf(PriceFinder& finder, const LineAnswer& answer, const Buyer& buyer,
                          absl::string_view language, std::vector<Notice>* notices) {
  std::vector<Step> steps;
  Decimal found;
  if (!Shown(answer.found, answer, buyer.currency, found)) return steps;
  AddFound(answer, buyer, found, language, steps);
  const Waterfall& waterfall = finder.rules().waterfall();
  std::string asked;  // The last table, with the rules that decided.
  for (WaterfallStep& ran : finder.TraceRules(answer)) {
    std::string rule = absl::StrCat("rule-sets/", waterfall.id(), "#", ran.id);
    if (!ran.table.empty()) asked.clear();
    for (const std::string& of_table : ran.rules) {
      absl::StrAppend(&asked, ", tables/", ran.table, "#", of_table);
    }
    rule += asked;
    Decimal after;
    const bool changes = ran.before != ran.after && !ran.before.is_zero();
    if (changes && Shown(ran.after, answer, buyer.currency, after) &&
        after != steps.back().result) {
      Step step;
      step.label = ran.label.empty() ? ran.id : std::move(ran.label);
      step.rule = std::move(rule);
      step.document_version = finder.rules().VersionOf("RuleSet", waterfall.id());
      step.source = answer.source;
      AddStep(std::move(step), after, steps);
    } else if (!ran.code.empty() && notices != nullptr) {
      notices->push_back({std::move(ran.code), std::move(ran.label), std::move(rule)});
    }
  }
  // Where the unit price is a rounding point.
  if (steps.back().result != answer.unit_price) {
    Step rounding;
    rounding.label = std::string(TextOf(Label::kRounding, language));
    rounding.rule = absl::StrCat("tables/", PricingRules::kRounding);
    rounding.document_version = finder.rules().VersionOf("DecisionTable", PricingRules::kRounding);
    rounding.source = answer.source;
    AddStep(rounding, answer.unit_price, steps);
  }
  return steps;
}

}  // namespace weft::pricing
