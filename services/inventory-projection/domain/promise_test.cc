#include "services/inventory-projection/domain/promise.h"

#include <catch2/catch.hpp>

namespace weft::inventory {
namespace {

// 250/200/150 on hand, safety 20/15/10, held 37/0/12: 193/185/128 can be promised.
Stock ThreePlaces() {
  Stock stock{.known = true, .base_unit = "EA"};
  const auto add = [&](const char* location, int on_hand, int safety, int reserved) {
    Place& place = stock.At(location);
    place.on_hand = Decimal(on_hand);
    place.safety = Decimal(safety);
    place.reserved = Decimal(reserved);
  };
  add("DEN", 250, 20, 37);
  add("CHI", 200, 15, 0);
  add("ATL", 150, 10, 12);
  return stock;
}

Stock OnePlace(int on_hand) {
  Stock stock{.known = true, .base_unit = "EA"};
  stock.At("DEN").on_hand = Decimal(on_hand);
  return stock;
}

Locations ByPriority() {
  Locations locations;
  locations.Set("DEN", {.priority = 1});
  locations.Set("CHI", {.priority = 2});
  locations.Set("ATL", {.priority = 3});
  return locations;
}

// "DEN 193 CHI 7" per demand, or "short <line>: <available>".
std::string Describe(const Promise& promise) {
  std::string out;
  if (const auto* shortages = std::get_if<std::vector<Shortage>>(&promise)) {
    for (const Shortage& s : *shortages) {
      out += "short " + std::to_string(s.line) + ": " + Text(s.available) + "; ";
    }
    return out;
  }
  for (const auto& parts : std::get<std::vector<std::vector<Part>>>(promise)) {
    for (const Part& part : parts) out += part.location + " " + Text(part.quantity) + " ";
    out += "; ";
  }
  return out;
}

TEST_CASE("stock is promised from the locations asked, in their order", "[promise]") {
  auto [quantity, only, expected] =
      GENERATE(table<int, std::vector<std::string>, std::string>({
          {100, {}, "DEN 100 ; "},
          {200, {}, "DEN 193 CHI 7 ; "},
          {506, {}, "DEN 193 CHI 185 ATL 128 ; "},
          {600, {}, "short 0: 506; "},
          {330, {"DEN", "CHI"}, "DEN 193 CHI 137 ; "},
          {330, {"DEN", "ATL"}, "short 0: 321; "},
          {330, {"CHI", "ATL"}, "short 0: 313; "},
          {200, {"ATL", "CHI", "ATL"}, "ATL 128 CHI 72 ; "},
          {1, {"nowhere"}, "short 0: 0; "},
      }));
  CAPTURE(quantity, only);

  CHECK(Describe(PlanPromise({ThreePlaces()}, ByPriority(),
                             {{.quantity = Decimal(quantity), .only = only}})) == expected);
}

TEST_CASE("nothing is promised from a closed location", "[promise]") {
  Locations locations = ByPriority();
  locations.Set("DEN", {.priority = 1, .closed = true});

  CHECK(Describe(PlanPromise({ThreePlaces()}, locations, {{.quantity = Decimal(10)}})) ==
        "CHI 10 ; ");
  CHECK(Describe(PlanPromise({ThreePlaces()}, locations,
                             {{.quantity = Decimal(10), .only = {"DEN"}}})) == "short 0: 0; ");
}

TEST_CASE("lines of the same item take from one another", "[promise]") {
  const std::vector<Demand> twice = {{.quantity = Decimal(3)}, {.quantity = Decimal(3)}};

  CHECK(Describe(PlanPromise({OnePlace(5)}, {}, twice)) == "short 1: 2; ");
  CHECK(Describe(PlanPromise({OnePlace(6)}, {}, twice)) == "DEN 3 ; DEN 3 ; ");
}

TEST_CASE("one short line refuses all lines", "[promise]") {
  CHECK(Describe(PlanPromise({OnePlace(3), OnePlace(1)}, {},
                             {{.stock = 0, .quantity = Decimal(3)},
                              {.stock = 1, .quantity = Decimal(2)}})) == "short 1: 1; ");
}

TEST_CASE("a negative stock promises nothing and is short by no more than was promised",
          "[promise]") {
  Stock stock = OnePlace(-4);
  stock.places[0].reserved = Decimal(3);

  CHECK(stock.places[0].Available().is_zero());
  CHECK(stock.places[0].Short() == Decimal(3));
}

TEST_CASE("what left fulfils the promise at its location first, then elsewhere", "[promise]") {
  auto [location, quantity, consumed, left_at_chi, left_at_den] =
      GENERATE(table<std::string, int, int, int, int>({
          {"DEN", 3, 3, 5, 2},
          {"DEN", 7, 7, 3, 0},
          {"ATL", 6, 6, 0, 4},
          {"DEN", 12, 10, 0, 0},
      }));
  CAPTURE(location, quantity);
  std::vector<Held> held = {{"CHI", Decimal(5), Decimal()}, {"DEN", Decimal(5), Decimal()}};
  Decimal freed;

  const Decimal taken = Consume(location, Decimal(quantity), held,
                                [&](const std::string&, const Decimal& q) { freed = Plus(freed, q); });

  CHECK(taken == Decimal(consumed));
  CHECK(freed == taken);
  CHECK(held[0].open() == Decimal(left_at_chi));
  CHECK(held[1].open() == Decimal(left_at_den));
}

}  // namespace
}  // namespace weft::inventory
