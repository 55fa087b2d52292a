#include "services/approval/domain/line_quantities.h"

#include <catch2/catch.hpp>

namespace weft::approval {
namespace {

using enum OrderState;

Decimal D(int64_t value) { return Decimal(value); }

LineQuantities Line(int ordered, int cancelled, int shipped, int invoiced) {
  return {.ordered = D(ordered),
          .shipped = D(shipped),
          .invoiced = D(invoiced),
          .cancelled = D(cancelled)};
}

TEST_CASE("the header's state follows from the lines", "[lines]") {
  struct Case {
    std::vector<LineQuantities> lines;
    bool acknowledged;
    OrderState state;
  };
  auto c = GENERATE(values<Case>({
      {{Line(5, 0, 0, 0)}, false, kSent},
      {{Line(5, 0, 0, 0)}, true, kAcknowledged},
      {{Line(5, 0, 2, 0)}, true, kPartiallyShipped},
      {{Line(5, 0, 2, 0)}, false, kPartiallyShipped},  // Shipped before acknowledged.
      {{Line(5, 0, 5, 0), Line(1, 0, 0, 0)}, true, kPartiallyShipped},
      {{Line(5, 0, 5, 0)}, true, kShipped},
      {{Line(5, 3, 2, 0)}, true, kShipped},  // The rest was cancelled.
      {{Line(5, 0, 5, 5)}, true, kInvoiced},
      {{Line(5, 0, 0, 5)}, false, kInvoiced},  // Invoiced before shipped.
      {{Line(5, 0, 5, 5), Line(2, 2, 0, 0)}, true, kInvoiced},
      {{Line(5, 0, 5, 3)}, true, kShipped},
      {{Line(5, 5, 0, 0), Line(2, 2, 0, 0)}, true, kCancelled},
      {{Line(5, 0, 6, 0)}, true, kShipped},  // More left than was ordered.
  }));

  CHECK(Derive(c.lines, c.acknowledged) == c.state);
}

TEST_CASE("an acknowledgement replaces what was confirmed, a refusal stays", "[lines]") {
  LineQuantities line{.ordered = D(10)};

  REQUIRE(Acknowledge(line, {D(6), D(1), D(3)}).ok());
  REQUIRE(Acknowledge(line, {D(7), D(0), D(0)}).ok());

  CHECK(line.confirmed == D(7));
  CHECK(line.backordered == D(0));
  CHECK(line.cancelled == D(3));
  CHECK(line.Wanted() == D(7));
}

TEST_CASE("a cancel takes what has not left", "[lines]") {
  LineQuantities line = Line(10, 0, 4, 0);
  REQUIRE(CancelOpen(line).ok());
  CHECK(line.cancelled == D(6));
  REQUIRE(CancelOpen(line).ok());
  CHECK(line.cancelled == D(6));
}

TEST_CASE("a negative invoice is a credit, other negatives are refused", "[lines]") {
  LineQuantities line = Line(10, 0, 10, 10);
  REQUIRE(Invoice(line, D(-2)).ok());
  CHECK(line.credited == D(2));
  CHECK(line.invoiced == D(10));
  CHECK_FALSE(Ship(line, D(-1)).ok());
  CHECK_FALSE(Acknowledge(line, {D(-1), D(0), D(0)}).ok());
}

}  // namespace
}  // namespace weft::approval
