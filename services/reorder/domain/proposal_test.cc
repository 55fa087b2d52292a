#include "services/reorder/domain/proposal.h"

#include <catch2/catch.hpp>

namespace weft::reorder {
namespace {

Item Sold() {
  Item item{.base_unit = "EA"};
  item.units = {{"CS", UnitRatio::Make(12, 1).value()}};
  return item;
}
Item Gone(const std::string& successor) {
  Item item = Sold();
  item.discontinued = true;
  item.successor = successor;
  return item;
}

std::optional<Item> Find(const std::string& sku) {
  Item in_metres = Sold();
  in_metres.base_unit = "M";
  in_metres.units.clear();
  Item deleted = Sold();
  deleted.deleted = true;
  Item single = Sold();
  single.units.clear();
  static const std::map<std::string, Item> items = {
      {"X", Sold()},         {"NEW", Sold()},    {"OLD", Gone("NEW")},
      {"OLDER", Gone("OLD")}, {"END", Gone("")},  {"LOOP", Gone("LOOP")},
      {"DELETED", deleted},  {"METRES", in_metres}, {"TO-METRES", Gone("METRES")},
      {"SINGLE", single},    {"TO-SINGLE", Gone("SINGLE")},
  };
  const auto found = items.find(sku);
  if (found == items.end()) return std::nullopt;
  return found->second;
}

Money Pounds(const std::string& amount) { return Money::Parse(amount, "GBP").value(); }

ProposedLine Line(const std::string& sku, int quantity, const std::string& unit = "EA") {
  return Propose({.line = 1, .sku = sku, .quantity = Decimal(quantity), .unit = unit,
                  .unit_price = Pounds("2.00")},
                 &Find, /*keep_items=*/false);
}

TEST_CASE("every line of the past has an outcome and, if not plain, a reason", "[proposal]") {
  auto [sku, quantity, unit, outcome, ordered, reason] =
      GENERATE(table<std::string, int, std::string, Outcome, std::string, std::string>({
          {"X", 6, "EA", Outcome::kAdded, "6 EA X", ""},
          {"X", 6, "", Outcome::kAdded, "6 EA X", ""},
          {"X", 2, "CS", Outcome::kAdded, "2 CS X", ""},
          {"X", 2, "PAL", Outcome::kNotFound, "", "UNKNOWN_UNIT"},
          {"X", -2, "EA", Outcome::kCredit, "", "LINE_IS_CREDIT"},
          {"OLD", 6, "EA", Outcome::kSubstituted, "6 EA NEW", "ITEM_SUBSTITUTED"},
          {"OLDER", 6, "EA", Outcome::kSubstituted, "6 EA NEW", "ITEM_SUBSTITUTED"},
          {"TO-SINGLE", 2, "CS", Outcome::kSubstituted, "24 EA SINGLE", "ITEM_SUBSTITUTED"},
          {"TO-METRES", 2, "EA", Outcome::kDiscontinued, "", "ITEM_DISCONTINUED"},
          {"END", 6, "EA", Outcome::kDiscontinued, "", "ITEM_DISCONTINUED"},
          {"LOOP", 6, "EA", Outcome::kDiscontinued, "", "ITEM_DISCONTINUED"},
          {"DELETED", 6, "EA", Outcome::kNotFound, "", "ITEM_NOT_FOUND"},
          {"NEVER", 6, "EA", Outcome::kNotFound, "", "ITEM_NOT_FOUND"},
      }));
  CAPTURE(sku, quantity, unit);

  const ProposedLine line = Line(sku, quantity, unit);

  CHECK(line.outcome == outcome);
  CHECK((line.notes.empty() ? "" : line.notes[0].reason) == reason);
  CHECK(line.orderable == !ordered.empty());
  if (line.orderable) {
    CHECK(line.quantity.ToString() + " " + line.unit + " " + line.sku == ordered);
  }
}

TEST_CASE("successors are not taken when the buyer wants the same items", "[proposal]") {
  const ProposedLine line =
      Propose({.line = 1, .sku = "OLD", .quantity = Decimal(1), .unit = "EA"}, &Find, true);

  CHECK(line.outcome == Outcome::kDiscontinued);
  CHECK_FALSE(line.orderable);
}

TEST_CASE("a short line is cut to what is available, once for all lines of the item",
          "[proposal]") {
  std::vector<ProposedLine> lines = {Line("X", 10), Line("X", 2, "CS"), Line("X", 30),
                                     Line("NEW", 1)};

  ApplyStock({{"X", {.available = Decimal(43)}},
              {"NEW", {.available = std::nullopt, .reason = {"STOCK_UNKNOWN", "", {}}}}},
             lines);

  CHECK(lines[0].outcome == Outcome::kAdded);
  CHECK(lines[1].quantity == Decimal(2));
  CHECK(lines[2].outcome == Outcome::kShort);
  CHECK(lines[2].quantity == Decimal(9));
  CHECK(lines[2].orderable);
  CHECK(lines[3].outcome == Outcome::kUnknown);
  CHECK(lines[3].orderable);

  std::vector<ProposedLine> none = {Line("X", 10)};
  ApplyStock({{"X", {.available = Decimal(0)}}}, none);
  CHECK(none[0].outcome == Outcome::kShort);
  CHECK_FALSE(none[0].orderable);
}

TEST_CASE("a price is compared with the one paid", "[proposal]") {
  struct Case {
    const char* what;
    std::string sku;
    PriceAnswer answer;
    Outcome outcome;
    bool orderable;
    std::string reason;
  };
  const Case c = GENERATE(values<Case>({
      {"the same", "X", {.unit_price = Pounds("2.000"), .net = Pounds("12.00")}, Outcome::kAdded, true, ""},
      {"dearer", "X", {.unit_price = Pounds("2.10"), .net = Pounds("12.60")}, Outcome::kPriceChanged, true, "PRICE_CHANGED"},
      {"another currency", "X",
       {.unit_price = Money::Parse("2.00", "EUR").value(), .net = Money::Parse("12.00", "EUR").value()},
       Outcome::kAdded, true, "CURRENCY_DIFFERS"},
      {"of the successor", "OLD", {.unit_price = Pounds("2.10"), .net = Pounds("12.60")}, Outcome::kSubstituted, true, "ITEM_SUBSTITUTED"},
      {"none for this account", "X", {.reason = {"NO_PRICE_IN_CURRENCY", "", {}}, .refused = true}, Outcome::kNoPrice, false, "NO_PRICE_IN_CURRENCY"},
      {"pricing is away", "X", {.reason = {"PRICE_UNKNOWN", "", {}}}, Outcome::kUnknown, true, "PRICE_UNKNOWN"},
  }));
  CAPTURE(c.what);
  ProposedLine line = Line(c.sku, 6);

  ApplyPrice(c.answer, line);

  CHECK(line.outcome == c.outcome);
  CHECK(line.orderable == c.orderable);
  CHECK((line.notes.empty() ? "" : line.notes[0].reason) == c.reason);
}

TEST_CASE("the total is that of the orderable lines", "[proposal]") {
  std::vector<ProposedLine> lines = {Line("X", 1), Line("END", 1), Line("NEW", 1)};
  ApplyPrice({.unit_price = Pounds("2.00"), .net = Pounds("2.00")}, lines[0]);
  CHECK_FALSE(TotalOf(lines).has_value());
  ApplyPrice({.unit_price = Pounds("3.05"), .net = Pounds("3.05")}, lines[2]);

  REQUIRE(TotalOf(lines).has_value());
  CHECK(TotalOf(lines)->ToString() == "5.05 GBP");
}

}  // namespace
}  // namespace weft::reorder
