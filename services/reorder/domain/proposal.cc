#include "services/reorder/domain/proposal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weft::reorder {
namespace {

std::string Text(const Decimal& quantity) { return quantity.Normalized().ToString(); }

void Refuse(Outcome outcome, Note note, ProposedLine& line) {
  line.orderable = false;
  line.outcome = outcome;
  line.notes.push_back(std::move(note));
}

// An outcome never hides a more important one.
int Rank(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAdded: return 0;
    case Outcome::kUnknown: return 1;
    case Outcome::kPriceChanged: return 2;
    case Outcome::kSubstituted: return 3;
    case Outcome::kShort: return 4;
    default: return 5;
  }
}
void Raise(Outcome outcome, ProposedLine& line) {
  if (Rank(outcome) > Rank(line.outcome)) line.outcome = outcome;
}

Decimal WholeUnits(const Decimal& base, UnitRatio ratio) {
  if (ratio == UnitRatio()) return base;
  Decimal units;
  if (MulDivRound(base, Decimal(1), ratio.denominator(), ratio.numerator(), 0,
                  RoundingMode::kDown, units) != DecimalError::kOk) {
    return Decimal();
  }
  return units;
}

Decimal BaseOf(const Decimal& quantity, UnitRatio ratio) {
  const auto converted = ConvertUnit(quantity, ratio, UnitRatio());
  return converted.ok() ? converted->value : quantity;
}

// Puts the successor in the place of the line's item, in a unit both know.
// False when the quantity cannot be said in a unit of the successor.
bool Substitute(const Item* item, const Item& successor, const std::string& sku,
                ProposedLine& line) {
  line.sku = sku;
  if (const auto ratio = successor.RatioOf(line.unit)) {
    line.ratio = *ratio;
    return true;
  }
  if (item == nullptr || item->base_unit != successor.base_unit) return false;
  const std::optional<Decimal> base = item->ToBase(line.quantity, line.unit);
  if (!base.has_value()) return false;
  line.quantity = *base;
  line.unit = successor.base_unit;
  line.ratio = UnitRatio();
  return true;
}

}  // namespace

ProposedLine Propose(const SourceLine& source, const FindItem& find, bool keep_items) {
  ProposedLine line{.line = source.line,
                    .source_sku = source.sku,
                    .quantity = source.quantity,
                    .unit = source.unit,
                    .source_unit_price = source.unit_price};
  if (source.quantity.sign() <= 0) {
    Refuse(Outcome::kCredit,
           {"LINE_IS_CREDIT",
            absl::StrCat("line ", source.line, " gave back ", Text(-source.quantity),
                         "; there is nothing to buy again"),
            {}},
           line);
    return line;
  }
  const std::optional<Item> item = find(source.sku);
  if (!item.has_value() || (item->deleted && item->successor.empty())) {
    Refuse(Outcome::kNotFound,
           {"ITEM_NOT_FOUND", absl::StrCat("there is no item ", source.sku, " any more"),
            {{"sku", source.sku}}},
           line);
    return line;
  }
  if (!item->deleted && !item->discontinued) {
    line.sku = source.sku;
    const auto ratio = item->RatioOf(source.unit);
    if (!ratio.has_value()) {
      Refuse(Outcome::kNotFound,
             {"UNKNOWN_UNIT",
              absl::StrCat("item ", source.sku, " has no unit ", source.unit, " any more"),
              {{"sku", source.sku}, {"unit", source.unit}}},
             line);
      return line;
    }
    line.ratio = *ratio;
    if (line.unit.empty()) line.unit = item->base_unit;
    line.orderable = true;
    return line;
  }

  const std::optional<std::string> next =
      keep_items ? std::nullopt : Orderable(source.sku, find);
  const std::optional<Item> successor = next.has_value() ? find(*next) : std::nullopt;
  if (!successor.has_value() || !Substitute(&*item, *successor, *next, line)) {
    line.sku.clear();
    Refuse(Outcome::kDiscontinued,
           {"ITEM_DISCONTINUED",
            absl::StrCat("item ", source.sku, " is not sold any more",
                         keep_items && !item->successor.empty()
                             ? absl::StrCat("; its successor is ", item->successor)
                             : " and nothing takes its place"),
            {{"sku", source.sku}, {"successorSku", item->successor}}},
           line);
    return line;
  }
  if (line.unit.empty()) line.unit = successor->base_unit;
  line.orderable = true;
  line.outcome = Outcome::kSubstituted;
  line.notes.push_back({"ITEM_SUBSTITUTED",
                        absl::StrCat("item ", source.sku, " is not sold any more; ", *next,
                                     " takes its place"),
                        {{"sku", source.sku}, {"successorSku", *next}}});
  return line;
}

void ApplyStock(const std::map<std::string, StockAnswer>& stock,
                std::vector<ProposedLine>& lines) {
  std::map<std::string, Decimal> left;
  for (ProposedLine& line : lines) {
    if (!line.orderable) continue;
    const auto answer = stock.find(line.sku);
    if (answer == stock.end()) continue;
    if (!answer->second.available.has_value()) {
      Raise(Outcome::kUnknown, line);
      line.notes.push_back(answer->second.reason);
      continue;
    }
    Decimal& base = left.try_emplace(line.sku, *answer->second.available).first->second;
    const Decimal available = WholeUnits(base, line.ratio);
    line.available = available;
    if (available < line.quantity) {
      Raise(Outcome::kShort, line);
      line.notes.push_back({"STOCK_SHORT",
                            absl::StrCat("of item ", line.sku, " ", Text(available), " of ",
                                         Text(line.quantity), " ", line.unit,
                                         " can be promised now"),
                            {{"sku", line.sku},
                             {"requested", Text(line.quantity)},
                             {"available", Text(available)},
                             {"unit", line.unit}}});
      line.quantity = available;
      if (available.sign() <= 0) line.orderable = false;
    }
    Decimal rest;
    if (SubtractInto(base, BaseOf(line.quantity, line.ratio), rest) == DecimalError::kOk) {
      base = rest.sign() < 0 ? Decimal() : rest;
    }
  }
}

void ApplyPrice(const PriceAnswer& answer, ProposedLine& line) {
  if (!answer.unit_price.has_value() || !answer.net.has_value()) {
    if (answer.refused) {
      Refuse(Outcome::kNoPrice, answer.reason, line);
    } else {
      Raise(Outcome::kUnknown, line);
      line.notes.push_back(answer.reason);
    }
    return;
  }
  line.unit_price = answer.unit_price;
  line.net = answer.net;
  line.decision_id = answer.decision_id;
  // A successor's price is another item's: nothing to compare.
  if (!line.source_unit_price.has_value() || line.sku != line.source_sku) return;
  if (line.source_unit_price->currency != answer.unit_price->currency) {
    line.notes.push_back({"CURRENCY_DIFFERS",
                          absl::StrCat("it was bought in ",
                                       line.source_unit_price->currency.code()),
                          {}});
    return;
  }
  if (line.source_unit_price->amount == answer.unit_price->amount) return;
  Raise(Outcome::kPriceChanged, line);
  line.notes.push_back({"PRICE_CHANGED",
                        absl::StrCat("a ", line.unit, " was ",
                                     line.source_unit_price->ToString(), " and is ",
                                     answer.unit_price->ToString()),
                        {{"sku", line.sku},
                         {"before", line.source_unit_price->amount.ToString()},
                         {"now", answer.unit_price->amount.ToString()}}});
}

std::optional<Money> TotalOf(const std::vector<ProposedLine>& lines) {
  std::optional<Money> total;
  for (const ProposedLine& line : lines) {
    if (!line.orderable) continue;
    if (!line.net.has_value()) return std::nullopt;
    if (!total.has_value()) {
      total = line.net;
      continue;
    }
    const auto sum = Add(*total, *line.net);
    if (!sum.ok()) return std::nullopt;
    total = *sum;
  }
  return total;
}

}  // namespace weft::reorder
