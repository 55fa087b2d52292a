// Making a new order out of an old one, line by line. Every line ends with an
// outcome and the reasons for it; none disappears.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libs/money/decimal.h"
#include "libs/money/money.h"
#include "services/reorder/domain/item.h"

namespace weft::reorder {

enum class Outcome {
  kAdded,
  kSubstituted,
  kShort,
  kDiscontinued,
  kPriceChanged,
  kNotFound,
  kUnknown,
  kNoPrice,
  kCredit,
};

// A stable reason, a sentence, the variable parts.
struct Note {
  std::string reason;
  std::string message;
  std::map<std::string, std::string> metadata;
};

// A line of the order or invoice that is bought again.
struct SourceLine {
  int line = 0;
  std::string sku;
  Decimal quantity;
  std::string unit;
  std::optional<Money> unit_price;
};

// What becomes of it.
struct ProposedLine {
  int line = 0;
  std::string source_sku;
  std::string sku;         // "" when nothing can be ordered.
  Decimal quantity;        // In `unit`.
  std::string unit;
  UnitRatio ratio;         // Of `unit` to the base unit of `sku`.
  bool orderable = false;
  Outcome outcome = Outcome::kAdded;
  std::vector<Note> notes;
  std::optional<Money> source_unit_price;
  std::optional<Money> unit_price;
  std::optional<Money> net;
  std::string decision_id;
  std::optional<Decimal> available;  // In `unit`; whole units but for the base unit.
};

// First step: which item, in which unit. `keep_items` forbids successors.
ProposedLine Propose(const SourceLine& source, const FindItem& find, bool keep_items);

// What inventory-projection said of one item: an amount or a reason.
struct StockAnswer {
  std::optional<Decimal> available;  // Base unit.
  Note reason;
};

// Second step: what is available, by item; lines of the same item take from one
// another. A line that is short is cut to what is available.
void ApplyStock(const std::map<std::string, StockAnswer>& stock,
                std::vector<ProposedLine>& lines);

// What pricing said of one line: a price or a reason. `refused` is false when
// pricing could not be asked, then the line stays in the order.
struct PriceAnswer {
  std::optional<Money> unit_price;
  std::optional<Money> net;
  std::string decision_id;
  Note reason;
  bool refused = false;
};

// Third step: the price of one line.
void ApplyPrice(const PriceAnswer& answer, ProposedLine& line);

// Sum of the nets of the orderable lines; nullopt when one has none, or two
// currencies meet.
std::optional<Money> TotalOf(const std::vector<ProposedLine>& lines);

}  // namespace weft::reorder
