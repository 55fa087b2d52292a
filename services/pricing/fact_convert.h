// Facts of the timeline to what the rules see. Apart from convert.h because the
// read model and the past need it and the wire does not.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/pricing/domain/facts.h"
#include "weft/pricing/v1/state.pb.h"

namespace weft::pricing {

// Gives names their symbols.
class Interner {
 public:
  virtual ~Interner() = default;
  // kNone for "".
  virtual Symbol Intern(SymbolKind kind, absl::string_view text) = 0;
};

// OK when the fact can be stored. Errors (all INVALID_ARGUMENT, with the subject
// in the message): FACT_INCOMPLETE, CURRENCY_UNKNOWN, TIERS_INVALID, UNIT_RATIO_INVALID,
// QUANTITY_INVALID, DISCOUNT_INVALID, VALIDITY_INVALID, NAME_TOO_LONG, AMOUNT_INVALID,
// RATE_INVALID, TARGET_INVALID.
absl::Status CheckFact(const facts::v1::ItemChanged& fact);
absl::Status CheckFact(const facts::v1::AccountChanged& fact);
absl::Status CheckFact(const facts::v1::PriceChanged& fact);
absl::Status CheckFact(const facts::v1::PriceBookChanged& fact);
absl::Status CheckFact(const facts::v1::ContractChanged& fact);
absl::Status CheckFact(const facts::v1::PartNumberChanged& fact);
absl::Status CheckFact(const facts::v1::CategoryChanged& fact);
absl::Status CheckFact(const facts::v1::SurchargeChanged& fact);
absl::Status CheckFact(const facts::v1::PromotionChanged& fact);
absl::Status CheckFact(const facts::v1::RebateAgreementChanged& fact);
absl::Status CheckFact(const facts::v1::ExchangeRateChanged& fact);
absl::Status CheckFact(const facts::v1::CostChanged& fact);

// An offer with its owner and target. `offer` points into `tiers`, `terms` and the
// fact, which outlive it; move the whole with care.
struct OfferParts {
  Symbol owner = Symbol::kNone;
  Symbol target = Symbol::kNone;
  Facts::Target sort = Facts::Target::kSku;
  Offer offer;
  std::vector<RawTier<int64_t>> tiers;
  std::vector<Symbol> terms;  // An OfferTerms with its exceptions, or empty.
};

// Of facts that CheckFact accepted when they were stored.
Item ToItem(const v1::StoredFact& fact, Interner& names);
Account ToAccount(const v1::StoredFact& fact, Interner& names);
Book ToBook(const v1::StoredFact& fact, Interner& names);
void ToOffer(const v1::StoredFact& fact, Interner& names, OfferParts& out);
Category ToCategory(const v1::StoredFact& fact, Interner& names);
Surcharge ToSurcharge(const v1::StoredFact& fact, Interner& names);
Promotion ToPromotion(const v1::StoredFact& fact, Interner& names);
ExchangeRate ToRate(const v1::StoredFact& fact, Interner& names);
Cost ToCost(const v1::StoredFact& fact, Interner& names);
// The symbol of the pair that the rate is of.
Symbol RateSymbol(const facts::v1::ExchangeRateChanged& fact, Interner& names);

}  // namespace weft::pricing
