#include "services/pricing/domain/explain.h"

#include "absl/strings/str_cat.h"

namespace weft::pricing {
namespace {

const char* Label(Source source) {
  switch (source) {
    case Source::kAccountContract: return "Contract price";
    case Source::kParentContract: return "Contract price of the parent account";
    case Source::kGroupContract: return "Group price";
    case Source::kBook: return "Price list";
    case Source::kList: return "List price";
  }
  return "";
}

const char* DiscountLabel(Source source) {
  switch (source) {
    case Source::kAccountContract: return "Contract discount";
    case Source::kParentContract: return "Contract discount of the parent account";
    default: return "Group discount";
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
              std::vector<Step>& steps) {
  Step first;
  first.label = Label(answer.discounted ? Source::kList : answer.source);
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
    absl::StrAppend(&first.label, " at the rate ", answer.priced.rate.ToString());
  }
  Decimal list;
  if (!answer.discounted || !Shown(answer.priced.price, answer, buyer.currency, list)) {
    return AddStep(first, found, steps);
  }
  AddStep(first, list, steps);
  Step discount;
  discount.label =
      absl::StrCat(DiscountLabel(answer.source), " ", answer.priced.percent.ToString(), " %");
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
  AddFound(answer, buyer, found, steps);
  const Waterfall& waterfall = finder.rules().waterfall();
  std::string asked;  // The last table, with the rules that decided.
  for (WaterfallStep& ran : finder.TraceRules(answer, language)) {
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
    rounding.label = "Rounding";
    rounding.rule = absl::StrCat("tables/", PricingRules::kRounding);
    rounding.document_version = finder.rules().VersionOf("DecisionTable", PricingRules::kRounding);
    rounding.source = answer.source;
    AddStep(rounding, answer.unit_price, steps);
  }
  return steps;
}

}  // namespace weft::pricing
