// Another system's prices against ours, line by line, in money: what the shadow run
// of a migration adds up.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/money/money.h"

namespace weft::pricing {

// Lines with the highest risk that are kept.
inline constexpr size_t kMaxWorst = 100;

// What the other system says of a line. Neither = it has no price.
struct TheirPrice {
  std::optional<Decimal> unit;
  std::optional<Decimal> net;
  bool has_price() const { return unit.has_value() || net.has_value(); }
};

struct ComparedLine {
  std::string label;
  std::string account;
  std::string sku;
  std::string unit;
  std::string rule;         // What made our price, or why there is none.
  std::string decision_id;
  Decimal quantity;
  Currency currency;
  TheirPrice theirs;
  TheirPrice again;         // Theirs, asked a second time.
  bool has_price = false;   // Ours; then:
  Decimal our_unit;
  Decimal our_net;
};

enum class Likeness : uint8_t { kEqual, kWithin, kBeyond };

struct Judgement {
  Likeness likeness = Likeness::kEqual;
  // Nets and ours less theirs, when both have a price.
  std::optional<Decimal> their_net;
  std::optional<Decimal> difference;
};

// Equal: the nets are, or, where they name no net, the unit prices; also when neither
// has a price. Within: the unit prices differ by no more than `tolerance`; the nets
// where they name no unit price. A net they do not name is their unit price times
// the quantity, rounded once, half up, to the minor unit.
Judgement Judge(const ComparedLine& line, const Decimal& tolerance);

// Whether the other system contradicts itself.
bool IsNoise(const ComparedLine& line);

struct MoneyAtRisk {
  Decimal gross;  // Sum of amounts, whatever their sign.
  Decimal net;    // Sum of ours less theirs.
  void Add(const Decimal& difference);
  void Add(const MoneyAtRisk& other);
};

// An accumulator: two of them add up to what one would have found.
class Comparison {
 public:
  struct Group {
    int64_t lines = 0;
    MoneyAtRisk money;
  };
  // By name and currency.
  using Groups = std::map<std::pair<std::string, Currency>, Group>;
  struct Worst {
    ComparedLine line;
    Judgement judgement;
  };

  explicit Comparison(Decimal tolerance = Decimal::FromUnscaled(1, 2)) : tolerance_(tolerance) {}

  void Add(const ComparedLine& line);
  // Noise that was counted elsewhere.
  void AddNoise(int64_t count) { noise += count; }
  void Merge(const Comparison& other);

  int64_t different() const { return lines - equal; }
  // Less the noise, never below 0.
  int64_t different_adjusted() const { return different() > noise ? different() - noise : 0; }
  const Decimal& tolerance() const { return tolerance_; }

  int64_t lines = 0;
  int64_t equal = 0;
  int64_t within = 0;
  int64_t beyond = 0;
  int64_t only_theirs = 0;
  int64_t only_ours = 0;
  int64_t noise = 0;
  // Of the lines beyond tolerance that both have a price for.
  std::map<Currency, MoneyAtRisk> money;
  Groups rules, accounts, items;  // Of all lines beyond tolerance.
  std::vector<Worst> worst;       // Highest risk first; lines without one last.

 private:
  void AddWorst(Worst one);

  Decimal tolerance_;
};

// part / whole in percent, two decimals, half up; "100.00" of nothing.
std::string Percent(int64_t part, int64_t whole);

struct Gate {
  std::optional<Decimal> different_percent_max;
  std::optional<Decimal> gross_risk_max;
};
enum class GateFailure : uint8_t { kDifferences, kRisk };
// Empty = passed. Computed from the counts, not from rounded percentages.
std::vector<GateFailure> CheckGate(const Comparison& comparison, const Gate& gate);

}  // namespace weft::pricing
