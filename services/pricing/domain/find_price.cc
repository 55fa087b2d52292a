#include "services/pricing/domain/find_price.h"

#include <algorithm>
#include <utility>

#include "services/pricing/domain/price_search.h"

namespace weft::pricing {
namespace {

// Above 0, at most 18 digits, and written out: an exponent is fine in a price list,
// not in a count of goods.
bool ReadQuantity(absl::string_view text, Decimal& quantity) {
  constexpr int64_t kEnd = 1'000'000'000'000'000'000;
  return Decimal::ParseInto(text, quantity) == DecimalError::kOk && quantity.sign() > 0 &&
         quantity.fits_64() && quantity.coefficient_64() < kEnd &&
         text.find_first_of("eE") == absl::string_view::npos;
}

}  // namespace

DecimalError ShownUnitPrice(const Decimal& price, int64_t numerator, int64_t denominator,
                            Currency currency, Decimal& out) {
  const int minor = currency.minor_digits();
  if (numerator == 1 && denominator == 1 && price.scale() == minor) {
    out = price;
    return DecimalError::kOk;
  }
  if (const DecimalError error = MulDivRound(price, Decimal(1), numerator, denominator,
                                             kShownScale, RoundingMode::kHalfUp, out);
      error != DecimalError::kOk) {
    return error;
  }
  const Decimal shortest = out.Normalized();
  if (shortest.scale() >= minor) {
    out = shortest;
    return DecimalError::kOk;
  }
  return RoundInto(shortest, minor, RoundingMode::kHalfUp, out);
}

DecimalError NetOf(const Decimal& price, const Decimal& quantity, int64_t numerator,
                   int64_t denominator, const Rounding& rounding, Currency currency,
                   Decimal& unit_price, Decimal& net) {
  const int minor = currency.minor_digits();
  if (rounding.unit_decimals < 0) {
    return MulDivRound(price, quantity, numerator, denominator, minor, rounding.mode, net);
  }
  Decimal unit;
  if (const DecimalError error = MulDivRound(price, Decimal(1), numerator, denominator,
                                             rounding.unit_decimals, rounding.mode, unit);
      error != DecimalError::kOk) {
    return error;
  }
  if (const DecimalError error = ShownUnitPrice(unit, 1, 1, currency, unit_price);
      error != DecimalError::kOk) {
    return error;
  }
  return MulRound(unit, quantity, minor, rounding.mode, net);
}

PriceFinder::PriceFinder(const Facts& facts, const Buyer& buyer, const PricingRules& rules)
    : facts_(facts),
      buyer_(buyer),
      rules_(rules),
      plan_(rules.access()),
      rounding_(rules.RoundingFor(facts, buyer)),
      line_facts_(rules.binding(), facts, buyer, rounding_, this),
      rules_until_us_(rules.NextBoundary(buyer.as_of_us)),
      has_categories_(facts.Has(Facts::Sort::kCategories)),
      condition_finder_(facts, buyer) {
  if (!plan_.conditional()) return;
  const auto is_for = [&](const std::vector<std::string>& names, absl::string_view name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  };
  const absl::string_view organisation =
      buyer.account == nullptr ? "" : facts.Text(buyer.account->organisation);
  const absl::string_view branch =
      buyer.account == nullptr ? "" : facts.Text(buyer.account->branch);
  for (size_t i = 0; i < plan_.steps().size(); ++i) {
    const AccessStep& step = plan_.steps()[i];
    if (!is_for(step.channels, buyer.channel) || !is_for(step.organisations, organisation) ||
        !is_for(step.branches, branch)) {
      not_asked_ |= uint64_t{1} << i;
    }
  }
}

PriceFinder::Line PriceFinder::LineOf(const LineAnswer& answer) const {
  return Line{answer.item, answer.unit, answer.unit_ratio, answer.quantity, buyer_.as_of_us,
              &plan_, &categories_};
}

bool PriceFinder::StartOver() {
  if (scales_together_) return false;
  for (const ScaleSum& sum : scale_sums_) scales_together_ = scales_together_ || sum.lines > 1;
  line_number_ = 0;
  return scales_together_;
}

const Categories& PriceFinder::CategoriesOf(const LineAnswer& answer) {
  if (has_categories_) {
    AllCategories(facts_, *answer.item, categories_);
  } else {
    categories_.assign(answer.item->categories.begin(), answer.item->categories.end());
  }
  return categories_;
}

void PriceFinder::Answer(Depth depth, LineAnswer& answer) {
  CategoriesOf(answer);
  read_scale_ = false;
  answer.scale_quantity = Decimal();
  Search(LineOf(answer), depth, answer);
  answer.reads_request = read_scale_ || buyer_.project != Symbol::kNone ||
                         buyer_.ship_to != Symbol::kNone || !buyer_.coupons.empty();
  answer.valid_until_us = std::min(answer.valid_until_us, rules_until_us_);
  if (answer.reason != LineReason::kNone) return;
  answer.found = answer.price;
  answer.codes = 0;
  answer.cost = 0;
  const Waterfall& waterfall = rules_.waterfall();
  condition_finder_.Find(answer, categories_, waterfall.asks_for_costs(), conditions_);
  line_facts_.Set(answer, conditions_, categories_);
  answer.valid_until_us = std::min(answer.valid_until_us, conditions_.boundary_us);
  if (waterfall.Touches(line_facts_.features())) {
    if (!waterfall.asks_for_costs()) {
      condition_finder_.Find(answer, categories_, true, conditions_);
      answer.valid_until_us = std::min(answer.valid_until_us, conditions_.boundary_us);
    }
    ApplyRules(line_facts_.features(), answer);
  }
}

// The price that was found goes down the waterfall.
void PriceFinder::ApplyRules(uint32_t features, LineAnswer& answer) {
  WaterfallResult result;
  arena_.Reset();
  rules_.waterfall().Run(line_facts_, features, arena_, result, nullptr, language_);
  answer.codes = result.codes;
  answer.cost = static_cast<int64_t>(result.cost);
  if (result.end != WaterfallResult::End::kPrice) {
    answer.reason = result.end == WaterfallResult::End::kRefused ? LineReason::kPriceRefused
                                                                 : LineReason::kRulesFailed;
    answer.trouble = std::make_shared<WaterfallResult>(std::move(result));
    return;
  }
  if (result.price.sign() <= 0) {
    result.message = "the rules gave a price that is not above 0";
    answer.reason = LineReason::kRulesFailed;
    answer.trouble = std::make_shared<WaterfallResult>(std::move(result));
    return;
  }
  if (result.price.Identical(answer.price)) return;
  const Priced& priced = answer.priced;
  Decimal shown;
  Decimal net;
  if (ShownUnitPrice(result.price, priced.numerator, priced.denominator, buyer_.currency, shown) !=
          DecimalError::kOk ||
      NetOf(result.price, answer.quantity, priced.numerator, priced.denominator, rounding_,
            buyer_.currency, shown, net) != DecimalError::kOk) {
    answer.reason = LineReason::kAmountTooLarge;
    return;
  }
  answer.price = result.price;
  answer.unit_price = shown;
  answer.net = net;
}

void PriceFinder::AddRuleBreakpoints(const LineAnswer& answer,
                                     std::vector<LineAnswer::Breakpoint>& breakpoints) {
  if (answer.item == nullptr) return;
  const auto add = [&](const Decimal& quantity, UnitRatio ratio) {
    breakpoints.push_back({quantity, ratio});
    // A rule may begin behind its number; a ladder speaks of whole units.
    Decimal behind;
    if (RoundInto(quantity, 0, RoundingMode::kFloor, behind) == DecimalError::kOk &&
        AddInto(behind, Decimal(1), behind) == DecimalError::kOk) {
      breakpoints.push_back({behind, ratio});
    }
  };
  const size_t before = breakpoints.size();
  // Tables count in base units, or in those of the line.
  for (const Decimal& quantity : rules_.waterfall().breakpoints()) {
    add(quantity, UnitRatio());
    if (answer.unit_ratio != UnitRatio()) add(quantity, answer.unit_ratio);
  }
  condition_finder_.AddBreakpoints(answer, CategoriesOf(answer), breakpoints);
  // With steps of the rules alone, the ladder still begins where the offer does.
  if (breakpoints.size() > before) breakpoints.push_back({Decimal(1), answer.unit_ratio});
}

std::vector<WaterfallStep> PriceFinder::TraceRules(const LineAnswer& answer) {
  std::vector<WaterfallStep> steps;
  LineAnswer found = answer;
  found.price = answer.found;
  condition_finder_.Find(found, categories_, true, conditions_);
  line_facts_.Set(found, conditions_, categories_);
  arena_.Reset();
  WaterfallResult result;
  rules_.waterfall().Run(line_facts_, line_facts_.features(), arena_, result, &steps, language_);
  return steps;
}

bool PriceFinder::ResolveItem(const LineQuestion& question, LineAnswer& answer) {
  Symbol sku = Symbol::kNone;
  if (!question.sku.empty()) {
    sku = question.sku_symbol != Symbol::kNone ? question.sku_symbol
                                               : facts_.Find(SymbolKind::kSku, question.sku);
  } else if (!question.customer_sku.empty()) {
    const Symbol number = facts_.Find(SymbolKind::kCustomerSku, question.customer_sku);
    for (const Account* account : buyer_.chain) {
      if (number == Symbol::kNone || sku != Symbol::kNone) break;
      sku = facts_.FindPartNumber(account->account, number);
    }
    if (sku == Symbol::kNone) {
      answer.reason = LineReason::kUnknownCustomerSku;
      return false;
    }
  }
  answer.item = sku == Symbol::kNone ? nullptr : facts_.FindItem(sku);
  if (answer.item == nullptr) answer.reason = LineReason::kUnknownItem;
  return answer.item != nullptr;
}

void PriceFinder::Find(const LineQuestion& question, Depth depth, LineAnswer& answer) {
  answer.reason = LineReason::kNone;
  answer.item = nullptr;
  answer.unit = Symbol::kNone;
  answer.valid_until_us = kForEver;
  answer.boundary_us = 0;
  answer.candidates.clear();
  answer.breakpoints.clear();
  answer.quantity = Decimal();
  if (!ResolveItem(question, answer)) return;
  const Item& item = *answer.item;
  if (item.state == Item::State::kDiscontinued) {
    answer.reason = LineReason::kItemDiscontinued;
    return;
  }
  if (!ReadQuantity(question.quantity, answer.quantity)) {
    answer.reason = LineReason::kInvalidQuantity;
    return;
  }
  // Most ask in the base unit: no need to look its name up.
  answer.unit = question.unit.empty() || question.unit == facts_.Text(item.base_unit)
                    ? item.base_unit
                    : facts_.Find(SymbolKind::kUnit, question.unit);
  if (answer.unit == Symbol::kNone || !FindRatio(item, answer.unit, answer.unit_ratio)) {
    // A base unit may be missing; then only questions that name no unit fit.
    if (!question.unit.empty() || answer.unit != Symbol::kNone) {
      answer.reason = LineReason::kUnknownUnit;
      return;
    }
    answer.unit_ratio = UnitRatio();
  }
  ++line_number_;
  line_base_ = answer.quantity;
  if (answer.unit_ratio != UnitRatio()) {
    const auto converted = ConvertUnit(answer.quantity, answer.unit_ratio, UnitRatio());
    if (converted.ok()) line_base_ = converted->value;
  }
  Answer(depth, answer);
}

void PriceFinder::FindAt(const LineAnswer& like, const Decimal& quantity, LineAnswer& answer) {
  answer.reason = LineReason::kNone;
  answer.item = like.item;
  answer.unit = like.unit;
  answer.unit_ratio = like.unit_ratio;
  answer.quantity = quantity;
  answer.valid_until_us = kForEver;
  answer.boundary_us = 0;
  answer.candidates.clear();
  answer.breakpoints.clear();
  Answer(Depth::kWinner, answer);
}

bool PriceFinder::FindListPrice(const LineAnswer& answer, Priced& list) {
  if (answer.item == nullptr) return false;
  return ListPrice(LineOf(answer), nullptr, list);
}

}  // namespace weft::pricing
