// Surcharges that are no part of a unit price: those per line and per order, and all
// that are taken only while the net of the order is small.
//
// They are worked out when all lines have their nets. A surcharge is about the lines
// whose items, buyer, time and quantity fit; below_net is held against the sum of their
// nets. Of several of one kind and exclusion group, those per line (once, per unit, in
// percent) exclude each other on each line, those per order in the order; only what
// would be taken otherwise excludes.
#pragma once

#include <string>
#include <vector>

#include "services/pricing/domain/applicable.h"
#include "services/pricing/domain/rules/rounding.h"

namespace weft::pricing {

struct LineAnswer;

struct Charge {
  enum class Lost : uint8_t {
    kTaken,
    kNotBelowNet,     // The lines it is about come to its below_net or more.
    kOtherCurrency,
    kExcluded,        // By another one of its group.
    kAmountTooLarge,  // More than 34 digits.
    kWaived,          // By the table pricing.surcharges.
  };
  const Surcharge* surcharge = nullptr;
  Lost lost = Lost::kTaken;
  Decimal amount;           // Rounded to the currency's minor unit; 0 when it is lost.
  Decimal net;              // Of the lines it is about.
  std::vector<int> lines;   // Their numbers; of one per line just that line's.
  std::vector<std::string> rules;  // Of the table pricing.surcharges that decided.
};

class OrderCharges {
 public:
  // All outlive the object.
  OrderCharges(const Facts& facts, const Buyer& buyer, const Rounding& rounding);

  // False when the tenant has no surcharges: then there is nothing to add.
  bool any() const { return any_; }
  void Clear() { parts_.clear(); }
  // A line that has a price, and what its net is. Lines come in the order of their
  // numbers.
  void Add(int line, const LineAnswer& answer, const Categories& categories, const Decimal& net);
  // Every surcharge that is about some line, by code; those per line once a line. One
  // that is lost is told once, with all lines it is lost for.
  std::vector<Charge> Finish() const;

 private:
  struct Part {
    const Surcharge* surcharge;
    int line;
    Decimal net;
    Decimal amount;    // Of those per line.
    bool countable;    // The amount has a value.
  };

  const Facts& facts_;
  const Buyer& buyer_;
  const Rounding& rounding_;
  const bool any_;
  std::vector<Part> parts_;
  std::vector<const Surcharge*> found_;
};

// True for surcharges that OrderCharges tells; all others are part of unit prices.
bool IsOfOrder(const Surcharge& surcharge);

}  // namespace weft::pricing
