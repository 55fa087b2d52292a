// What past invoice lines come to under two sets of rules, added up: how many change,
// by how much money, by which rules, for whom.
//
//   Simulation simulation(examples);
//   simulation.Add(line);             // Each line once.
//   simulation.Merge(other);          // Of another thread.
//
// The order in which lines are added and parts are merged makes no difference.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/money/money.h"

namespace weft::pricing {

// One line under both.
struct SimulatedLine {
  struct Side {
    bool priced = false;
    Decimal net;             // When priced.
    absl::string_view rule;  // What made the price; else why there is none.
  };
  absl::string_view invoice;
  int number = 0;  // Of the line in the invoice, from 1.
  absl::string_view account;
  absl::string_view sku;
  absl::string_view quantity;
  Currency currency;
  Side before;
  Side after;

  // The rules of such lines are not looked at.
  bool Same() const {
    return before.priced == after.priced && (!before.priced || before.net == after.net);
  }
};

class Simulation {
 public:
  // Sizes of changes, in percent of what it was: the first bucket is what lies below the
  // first edge, the last what lies from the last edge on.
  static constexpr std::array<int, 11> kEdges = {-20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20};

  // Sums of the lines that have a price on both sides.
  struct Totals {
    Decimal before;
    Decimal after;
  };
  using Changes = std::map<Currency, Decimal>;
  struct Example {
    Decimal size;  // Absolute change; 0 where a side has no price.
    std::string invoice;
    int number = 0;
    std::string account, sku, quantity;
    std::string before, after;  // Amount and currency, or the reason.
  };
  struct Group {
    int64_t cases = 0;
    Changes change;
    std::vector<Example> examples;  // The largest changes first.
  };
  struct Affected {
    int64_t cases = 0;
    Changes change;
  };
  using Rules = std::pair<std::string, std::string>;  // Before, after.

  // Keeps at most `examples` of each group.
  explicit Simulation(int examples) : examples_(examples) {}

  // A line whose sum would have more than 34 digits is skipped.
  void Add(const SimulatedLine& line);
  // Lines that cannot be asked for any more.
  void Skip(int64_t lines) { skipped_ += lines; }
  void Merge(const Simulation& other);

  int64_t cases() const { return equal_ + changed_ + newly_failing_ + newly_passing_; }
  int64_t equal() const { return equal_; }
  int64_t changed() const { return changed_; }
  int64_t newly_failing() const { return newly_failing_; }
  int64_t newly_passing() const { return newly_passing_; }
  int64_t skipped() const { return skipped_; }
  const std::map<Currency, Totals>& totals() const { return totals_; }
  const std::array<int64_t, kEdges.size() + 1>& distribution() const { return distribution_; }
  // Most cases first; at most `most`. So with accounts, by the size of their change.
  std::vector<std::pair<Rules, const Group*>> GroupsByCases(size_t most) const;
  std::vector<std::pair<std::string, const Affected*>> AccountsByChange(size_t most) const;

 private:
  void AddExample(Example example, Group& group) const;

  int examples_;
  int64_t equal_ = 0, changed_ = 0, newly_failing_ = 0, newly_passing_ = 0, skipped_ = 0;
  std::map<Currency, Totals> totals_;
  std::array<int64_t, kEdges.size() + 1> distribution_{};
  absl::flat_hash_map<Rules, Group> groups_;
  absl::flat_hash_map<std::string, Affected> accounts_;
};

}  // namespace weft::pricing
