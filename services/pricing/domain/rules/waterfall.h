// The way from a found price to the price of the line: the rule set
// pricing.line-price, made ready to be asked for every line.
//
// Made once per activation. What cannot happen is worked out then: a table without
// enabled rules always gives its defaults, a condition over them is always false, and
// a step behind it never runs. That is done for every combination of what a line may
// have (FactBinding::Feature); where nothing is left that changes a price, a line
// costs one look at a table of bits. What is left runs over slots without
// allocation from the heap, as long as tables answer with single records.
// (Other rule sets that it calls run as they are.)
//
// Immutable and usable by any number of threads, each with an arena of its own.
#pragma once

#include <array>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/rules/rule_set/rule_set.h"
#include "services/pricing/domain/rules/line_facts.h"

namespace weft::pricing {

// A step as it ran, for explanations.
struct WaterfallStep {
  std::string id;
  std::string code;               // Of its reason; may be empty.
  std::string label;              // Text of its reason; may be empty.
  std::string table;              // Id of the table asked, with the rules that decided.
  std::vector<std::string> rules;
  Decimal before;                 // Price before and after, of the offer's price unit.
  Decimal after;
};

struct WaterfallResult {
  enum class End : uint8_t { kPrice, kRefused, kFailed };
  End end = End::kPrice;
  Decimal price;
  uint64_t cost = 0;
  uint64_t codes = 0;    // Bit n: a step with reason code codes()[n] ran.
  std::string code;      // kRefused: of `fail`; kFailed: of the error.
  std::string step;      // Where it ended.
  std::string message;
};

class Waterfall {
 public:
  static constexpr size_t kCodesMax = 64;
  static constexpr size_t kAssignmentsMax = 64;  // Of one step.
  static constexpr char kPrice[] = "price";        // Output: the price.
  static constexpr char kStart[] = "offer.price";  // Fact it starts from.

  // `rule_set` is written against the binding's schema.
  // nullptr and faults (`output_missing`, `too_many_codes`) when it has no output
  // `price` of money.
  static std::unique_ptr<const Waterfall> Make(std::shared_ptr<const rules::RuleSet> rule_set,
                                               const FactBinding& binding,
                                               std::vector<rules::Fault>& faults);
  ~Waterfall();

  // False: a line with these features keeps the price that was found.
  bool Touches(uint32_t features) const { return !plans_[features].identity; }

  // Whether it makes a difference for Touches() that a line has a known cost.
  bool asks_for_costs() const { return asks_for_costs_; }

  // `trace` (may be nullptr) gets the steps that ran; `language` chooses their labels.
  void Run(const LineFacts& facts, uint32_t features, rules::expr::Arena& arena,
           WaterfallResult& result, std::vector<WaterfallStep>* trace = nullptr,
           absl::string_view language = "") const;

  const std::string& id() const { return rule_set_->id(); }
  // Codes of reasons, in the order of their bits.
  const std::vector<std::string>& codes() const { return codes_; }
  // Moments at which a rule of a table begins or ends, ascending, microseconds.
  const std::vector<int64_t>& boundaries() const { return boundaries_; }
  // Quantities in base units at which a table may answer otherwise, ascending.
  const std::vector<Decimal>& breakpoints() const { return breakpoints_; }
  // Codes that are counted wherever they come up, and the bits of each in `codes` of a
  // result; 0 = no step has it.
  static constexpr const char* kCounted[] = {"COST_UNKNOWN", "CONTRACT_BELOW_FLOOR"};
  const std::array<uint64_t, std::size(kCounted)>& counted_bits() const { return counted_bits_; }
  // Some step looks at the scale quantity.
  bool uses_scale() const { return uses_scale_; }

 private:
  friend class WaterfallMaker;
  friend class WaterfallRun;

  // A step that may do something.
  struct Op {
    size_t step = 0;
    bool check_when = false;
    bool ask_table = false;
    bool ask_call = false;
    uint64_t assign = 0;   // Bits: which of its assignments are to be made.
    int code = -1;
  };
  struct Plan {
    bool identity = false;
    std::vector<Op> ops;
    // Slots that are the same for all lines.
    std::vector<std::pair<int, rules::expr::Value>> constants;
  };
  Waterfall() = default;

  std::shared_ptr<const rules::RuleSet> rule_set_;
  size_t slots_ = 0;
  int price_slot_ = 0;
  Plan plans_[FactBinding::kFeatures];
  Plan whole_;           // Every step, for explanations.
  std::vector<std::string> codes_;
  std::vector<int64_t> boundaries_;
  std::vector<Decimal> breakpoints_;
  std::array<uint64_t, std::size(kCounted)> counted_bits_{};
  bool uses_scale_ = false;
  bool asks_for_costs_ = false;
  rules::expr::Arena constants_;
};

}  // namespace weft::pricing
