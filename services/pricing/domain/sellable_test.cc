#include "services/pricing/domain/sellable.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/pricing/domain/testing/small_facts.h"

namespace weft::pricing {
namespace {

TEST_CASE("a quantity is rounded up to what the item is sold in", "[sellable]") {
  const auto [minimum, step, quantity, unit, told] =
      GENERATE(table<const char*, const char*, const char*, const char*, const char*>({
          {"0", "12", "200", "", "204 17 DZ"},
          {"0", "12", "204", "", "204 17 DZ"},
          {"0", "12", "17", "DZ", "204 17 DZ"},
          {"0", "12", "0.5", "", "12 1 DZ"},
          {"30", "12", "1", "", "36 3 DZ"},
          {"30", "0", "1", "", "30"},
          {"0", "0", "2.5", "", "2.5"},
          {"0", "5", "7", "", "10"},
          {"0", "0.25", "1.1", "", "1.25"},
      }));
  CAPTURE(minimum, step, quantity);
  SmallFacts facts;
  Item& item = facts.AddItem("X");
  facts.AddUnit(item, "DZ", 12);
  item.minimum_quantity = D(minimum);
  item.quantity_step = D(step);
  LineAnswer answer;
  answer.item = &item;
  answer.quantity = D(quantity);
  if (*unit != '\0') answer.unit_ratio = item.units[0].ratio;
  Sellable sellable;

  REQUIRE(SellableOf(answer, sellable));

  CHECK(absl::StrCat(sellable.base_quantity.Normalized().ToString(),
                     sellable.pack == Symbol::kNone
                         ? ""
                         : absl::StrCat(" ", sellable.packs.ToString(), " ",
                                        facts.Text(sellable.pack))) == told);
}

}  // namespace
}  // namespace weft::pricing
