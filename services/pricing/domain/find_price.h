// Finds the price of one line, or the reason why there is none.
//
// Who is asked, in which order, and how several prices become one stands in the
// access sequence of the rules (rules/access_plan.h); README.md explains the
// platform's. The list price is that of the last book for everyone in the order of
// Buyer::books: the one with the lowest priority.
//
// Among the offers of one owner for one target: validity is half-open; of those
// valid, one in the unit asked for goes before one in the base unit, and that
// before one in another unit; in one unit the one that starts latest replaces
// the others (equal starts: the one that ends first, then the greatest name).
// Tiers have an inclusive minimum, read in the offer's own unit, and hold for the
// whole quantity; graduated ones each for their own part of it: the tier with minimum
// m prices from the m-th unit on. Offers that name a scale group reach their tiers by
// the base units of all lines of the request that were offered the same by one owner. An
// offer whose first tier is not reached gives no price and the next candidate is
// asked. A tier price of 0 states no price.
//
// Rounding: net is the exact product of price, quantity and unit ratio over
// `per_quantity`, rounded once to the currency's minor unit. The rules may say that
// the unit price is rounded before (rules/rounding.h), and to how many decimals a
// price after a discount is. The unit price that is shown has at most 6 decimals; as
// long as it is not a rounding point it does not enter the net.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/domain/facts.h"
#include "services/pricing/domain/line_conditions.h"
#include "services/pricing/domain/reason.h"
#include "services/pricing/domain/rules/access_plan.h"
#include "services/pricing/domain/rules/pricing_rules.h"
#include "services/pricing/domain/rules/rounding.h"

namespace weft::pricing {

// Most decimals of a shown unit price.
inline constexpr int kShownScale = 6;
// Number of the rules in this file. Raised with every change that can change an
// answer; decision ids carry it.
inline constexpr int kEngineRelease = 1;

enum class Source : uint8_t { kAccountContract, kParentContract, kGroupContract, kBook, kList };

struct LineQuestion {
  absl::string_view sku;
  absl::string_view customer_sku;  // Used when `sku` is empty.
  absl::string_view quantity;      // Decimal text, above 0, at most 18 digits.
  absl::string_view unit;          // "" = the base unit.
  Symbol sku_symbol = Symbol::kNone;  // Of `sku`, when the caller has looked it up.
};

// A price as an offer states it, and how it applies to the line.
struct Priced {
  Decimal price;         // Of per_quantity units of the offer's unit.
  Decimal tier_minimum;  // In the offer's unit.
  UnitRatio tier_ratio;  // Of that unit.
  // price * quantity * numerator / denominator is the exact net.
  int64_t numerator = 1;
  int64_t denominator = 1;
  Offer offer;
  const Book* book = nullptr;  // Of the entry; nullptr for a contract's own price.
  Period period;         // When all facts behind it are valid.
  Decimal percent;         // Of a discount.
  bool converted = false;  // From another currency, at `rate`.
  Decimal rate;
};

struct Candidate {
  Source source = Source::kBook;
  Symbol owner = Symbol::kNone;   // Account, group or book.
  Symbol target = Symbol::kNone;  // Item or category; kNone = everything.
  Offer offer;
  Period period;
  LineReason lost = LineReason::kNone;  // kNone = it won.
  bool has_price = false;
  Decimal unit_price;
  Decimal tier_minimum;
};

struct LineAnswer {
  LineReason reason = LineReason::kNone;
  const Item* item = nullptr;  // nullptr when it is not known.
  Symbol unit = Symbol::kNone;
  UnitRatio unit_ratio;
  Decimal quantity;
  // With a price:
  Decimal price;         // Exact, of what `priced` states a price of.
  Decimal unit_price;
  Decimal net;
  Source source = Source::kBook;
  Symbol owner = Symbol::kNone;
  Offer offer;           // The winner's.
  Priced priced;         // The price it stated, or the list price under a discount.
  bool discounted = false;
  // Other lines of the request, or what the request says of itself besides account,
  // channel and currency, may have changed it.
  bool reads_request = false;
  Decimal scale_quantity;  // Base units that reached the tiers; 0 = the line's own.
  // The price that was found, before the waterfall, like `price`; and the reason codes
  // of the waterfall's steps (Waterfall::codes()).
  Decimal found;
  uint64_t codes = 0;
  int64_t cost = 0;      // Of the waterfall, in units of the rules' measure.
  // With RULES_FAILED, PRICE_REFUSED: what the rules said.
  std::shared_ptr<const WaterfallResult> trouble;
  // Next moment after as-of at which a candidate that was looked at begins or ends.
  int64_t valid_until_us = kForEver;
  // With BELOW_MINIMUM: the smallest quantity with a price, in `minimum_unit`.
  Decimal minimum;
  Symbol minimum_unit = Symbol::kNone;
  // With NOT_YET_VALID, NO_LONGER_VALID: when the nearest begins, when the last ended.
  int64_t boundary_us = 0;
  // With Depth::kAll: every candidate, in the order asked.
  std::vector<Candidate> candidates;
  // With Depth::kAll: quantities at which some candidate's tier begins, exact in
  // base units as minimum * ratio.
  struct Breakpoint {
    Decimal minimum;
    UnitRatio ratio;
  };
  std::vector<Breakpoint> breakpoints;
};

enum class Depth : uint8_t {
  kWinner,  // Stops at the first price.
  kAll,     // Asks every candidate, for explanations and ladders.
};

// Scratch memory is kept between lines: use one finder for all lines of a
// request, from one thread.
class PriceFinder final : public ListPriceSource {
 public:
  // All outlive the finder.
  PriceFinder(const Facts& facts, const Buyer& buyer, const PricingRules& rules);

  // Shape: `answer` is overwritten; its memory is used again.
  void Find(const LineQuestion& question, Depth depth, LineAnswer& answer);

  // The same for a line whose item, unit and quantity are already known: a tier
  // ladder asks one item at many quantities. `like` answered that line.
  void FindAt(const LineAnswer& like, const Decimal& quantity, LineAnswer& answer);

  // After all lines of a request: true when lines reach tiers together, so that all
  // must be asked once more, in the same order; from then on they do.
  bool StartOver();

  // The list price for the line that `answer` answered. False when it has none.
  bool FindListPrice(const LineAnswer& answer, Priced& list) override;

  // The waterfall's steps for a line that has a price, with their amounts.
  std::vector<WaterfallStep> TraceRules(const LineAnswer& answer);

  // Quantities at which the waterfall, a promotion or a surcharge may change what the
  // line of `answer` costs, though no offer does.
  void AddRuleBreakpoints(const LineAnswer& answer,
                          std::vector<LineAnswer::Breakpoint>& breakpoints);

  // From `us` on other rules may hold: no answer is valid any longer. Before the first
  // line.
  void EndAt(int64_t us) { rules_until_us_ = std::min(rules_until_us_, us); }
  // BCP 47 tag of who reads refusals and steps; "" = English. It outlives the finder.
  void Speak(absl::string_view language) { language_ = language; }

  const PricingRules& rules() const { return rules_; }
  const Rounding& rounding() const { return rounding_; }
  // Of the item of the last line, with those above.
  const Categories& categories() const { return categories_; }
  Currency currency() const { return buyer_.currency; }

 private:
  struct Notes;
  struct Line;

  bool ResolveItem(const LineQuestion& question, LineAnswer& answer);
  Line LineOf(const LineAnswer& answer) const;
  // Kept until the next line.
  const Categories& CategoriesOf(const LineAnswer& answer);
  void Answer(Depth depth, LineAnswer& answer);
  void ApplyRules(uint32_t features, LineAnswer& answer);
  void Search(const Line& line, Depth depth, LineAnswer& answer);
  void AskContracts(const Line& line, const AccessStep& step, Notes& notes);
  void AskBooks(const Line& line, const AccessStep& step, Notes& notes);
  void AskForeignBooks(const Line& line, Depth depth, LineAnswer& answer, Notes& notes);
  template <typename Ask>
  void EachOwner(const AccessStep& step, const Notes& notes, Ask ask) const;
  void AskTarget(const Line& line, Source source, Symbol owner, Facts::Target target,
                 Notes& notes);
  void AskOwner(const Line& line, Source source, Symbol owner, Symbol target, Notes& notes);
  LineReason ContractPrice(const Line& line, Symbol owner, const Offer& offer, Notes& notes,
                           Priced& priced, Decimal& price, bool& discounted);
  void AskBook(const Line& line, const Book& book, Notes& notes);
  bool BookPrice(const Line& line, const Book& book, const Period& within, Notes* notes,
                 Candidate* candidate, Priced& out);
  bool ListPrice(const Line& line, Notes* notes, Priced& out);
  void Sort(const Line& line, Offers& offers) const;
  bool AppliesTo(const Line& line, const Offer& offer) const;
  // Base units with which an offer's tiers are reached; nullptr = the line's own.
  const Decimal* ScaleOf(const Line& line, Symbol owner, const Offer& offer);
  struct Rate {
    Currency from;
    RateState state;
    ExchangeRate rate;
    int64_t boundary_us;
  };
  const Rate& RateFrom(Currency from);
  void AskConverted(const Line& line, const Book& book, Notes& notes);
  void SetScale(const Offer& offer, LineReason why, LineAnswer& answer) const;

  const Facts& facts_;
  const Buyer& buyer_;
  const PricingRules& rules_;
  const AccessPlan& plan_;
  const Rounding rounding_;
  LineFacts line_facts_;
  rules::expr::Arena arena_;  // Of one line's rules.
  int64_t rules_until_us_;
  absl::string_view language_;
  uint64_t not_asked_ = 0;  // Steps of the plan that are not for this buyer.
  const bool has_categories_;
  ConditionFinder condition_finder_;
  LineConditions conditions_;
  Categories categories_;   // Of the line's item, with those above.
  absl::InlinedVector<Rate, 2> rates_;
  // What the lines of the request come to, by owner and scale group.
  struct ScaleSum {
    Symbol owner;
    Symbol group;
    Decimal base_quantity;
    int lines;
    int last_line;
  };
  absl::InlinedVector<ScaleSum, 4> scale_sums_;
  bool scales_together_ = false;
  int line_number_ = 0;
  Decimal line_base_;       // Base units of the line as it was asked for.
  Decimal scale_now_;
  bool read_scale_ = false;
  Offers offers_;           // Of a contract's owner.
  Offers entries_;          // Of a book; asked while offers_ is in use.
};

// The price of one unit of the line as it is shown: at most 6 decimals, at least
// the currency's.
DecimalError ShownUnitPrice(const Decimal& price, int64_t numerator, int64_t denominator,
                            Currency currency, Decimal& out);

// Net of a line from its exact price, by the rounding points. `unit_price` becomes
// the rounded one where that is a rounding point.
DecimalError NetOf(const Decimal& price, const Decimal& quantity, int64_t numerator,
                   int64_t denominator, const Rounding& rounding, Currency currency,
                   Decimal& unit_price, Decimal& net);

}  // namespace weft::pricing
