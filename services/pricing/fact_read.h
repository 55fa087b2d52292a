// Small readers that the checks and the conversions of facts share. Internal to
// fact_*.cc and condition_*.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/pricing/domain/facts.h"
#include "weft/facts/v1/conditions.pb.h"
#include "weft/facts/v1/facts.pb.h"

namespace weft::pricing::read {

inline constexpr size_t kMaxName = 255;
inline constexpr int kMaxTiers = 50;
inline constexpr int64_t kMaxPer = 1'000'000'000;

using TierList = google::protobuf::RepeatedPtrField<facts::v1::PriceTier>;

absl::Status Bad(const char* reason, absl::string_view subject, absl::string_view why);
int64_t Micros(const google::protobuf::Timestamp& time);

// Tiers at common scales, lowest first. False when one is no number, negative or
// too large, or when two begin at one quantity.
bool ReadTiers(const TierList& list, std::vector<RawTier<int64_t>>& tiers, uint8_t& quantity_scale,
               uint8_t& price_scale);
// Percents by quantity as tiers.
TierList TiersOf(const facts::v1::ContractChanged::DiscountTiers& discounts);

// TIERS_INVALID.
absl::Status CheckTiers(const TierList& list, int64_t per_quantity, absl::string_view subject);
// FACT_INCOMPLETE, NAME_TOO_LONG.
absl::Status CheckName(absl::string_view name, const char* what, bool required,
                       absl::string_view subject);
template <typename Names>
absl::Status CheckNames(const Names& names, const char* what, absl::string_view subject) {
  for (const std::string& name : names) {
    if (absl::Status status = CheckName(name, what, true, subject); !status.ok()) return status;
  }
  return absl::OkStatus();
}
// VALIDITY_INVALID.
absl::Status CheckValidity(const common::v1::Validity& validity, absl::string_view subject);
// CURRENCY_UNKNOWN.
absl::Status CheckCurrency(absl::string_view code, absl::string_view subject);
// QUANTITY_INVALID; "" is none.
absl::Status CheckQuantity(absl::string_view text, const char* what, absl::string_view subject);

Period ToPeriod(const common::v1::Validity& validity);
Decimal DecimalOr0(absl::string_view text);

}  // namespace weft::pricing::read
