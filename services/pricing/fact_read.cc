#include "services/pricing/fact_read.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"

namespace weft::pricing::read {
namespace {

// Upscaled to `scale` in 64 bits. False when it does not fit.
bool At(const Decimal& value, int scale, int64_t& out) {
  Decimal scaled;
  if (RoundInto(value, scale, RoundingMode::kDown, scaled) != DecimalError::kOk ||
      !scaled.fits_64()) {
    return false;
  }
  out = scaled.coefficient_64();
  return true;
}

}  // namespace

absl::Status Bad(const char* reason, absl::string_view subject, absl::string_view why) {
  return InvalidArgument(reason, absl::StrCat(subject, ": ", why));
}

int64_t Micros(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

bool ReadTiers(const TierList& list, std::vector<RawTier<int64_t>>& tiers, uint8_t& quantity_scale,
               uint8_t& price_scale) {
  absl::InlinedVector<Tier, 8> read;
  int quantity_digits = 0;
  int price_digits = 0;
  for (const facts::v1::PriceTier& tier : list) {
    Tier t;
    if ((!tier.minimum_quantity().empty() &&
         Decimal::ParseInto(tier.minimum_quantity(), t.minimum) != DecimalError::kOk) ||
        Decimal::ParseInto(tier.price(), t.price) != DecimalError::kOk || t.minimum.sign() < 0 ||
        t.price.sign() < 0) {
      return false;
    }
    t.minimum = t.minimum.Normalized();
    quantity_digits = std::max(quantity_digits, t.minimum.scale());
    price_digits = std::max(price_digits, t.price.scale());
    read.push_back(t);
  }
  std::sort(read.begin(), read.end(),
            [](const Tier& a, const Tier& b) { return a.minimum < b.minimum; });
  tiers.clear();
  for (const Tier& t : read) {
    RawTier<int64_t> raw;
    if (!At(t.minimum, quantity_digits, raw.minimum) || !At(t.price, price_digits, raw.price)) {
      return false;
    }
    if (!tiers.empty() && tiers.back().minimum == raw.minimum) return false;
    tiers.push_back(raw);
  }
  quantity_scale = static_cast<uint8_t>(quantity_digits);
  price_scale = static_cast<uint8_t>(price_digits);
  return true;
}

absl::Status CheckTiers(const TierList& list, int64_t per_quantity, absl::string_view subject) {
  if (list.empty()) return Bad("TIERS_INVALID", subject, "there is no tier");
  if (list.size() > kMaxTiers) return Bad("TIERS_INVALID", subject, "more than 50 tiers");
  std::vector<RawTier<int64_t>> tiers;
  uint8_t scale = 0;
  if (!ReadTiers(list, tiers, scale, scale)) {
    return Bad("TIERS_INVALID", subject,
               "quantities and prices must be decimals of at most 18 digits, not negative, each "
               "quantity once");
  }
  if (per_quantity < 0 || per_quantity > kMaxPer) {
    return Bad("TIERS_INVALID", subject, "per_quantity is not in 0..1,000,000,000");
  }
  return absl::OkStatus();
}

absl::Status CheckName(absl::string_view name, const char* what, bool required,
                       absl::string_view subject) {
  if (required && name.empty()) {
    return Bad("FACT_INCOMPLETE", subject, absl::StrCat(what, " is missing"));
  }
  if (name.size() > kMaxName) {
    return Bad("NAME_TOO_LONG", subject, absl::StrCat(what, " has more than 255 octets"));
  }
  return absl::OkStatus();
}

absl::Status CheckValidity(const common::v1::Validity& validity, absl::string_view subject) {
  if (validity.has_from() && validity.has_to() &&
      Micros(validity.from()) >= Micros(validity.to())) {
    return Bad("VALIDITY_INVALID", subject, "it ends before it begins; the end is exclusive");
  }
  return absl::OkStatus();
}

absl::Status CheckCurrency(absl::string_view code, absl::string_view subject) {
  if (!Currency::Find(code).is_none()) return absl::OkStatus();
  return Bad("CURRENCY_UNKNOWN", subject,
             absl::StrCat("'", code.substr(0, 20), "' is no ISO 4217 currency code"));
}

absl::Status CheckQuantity(absl::string_view text, const char* what, absl::string_view subject) {
  Decimal value;
  if (text.empty() ||
      (Decimal::ParseInto(text, value) == DecimalError::kOk && value.sign() >= 0)) {
    return absl::OkStatus();
  }
  return Bad("QUANTITY_INVALID", subject, absl::StrCat(what, " is no quantity"));
}

Period ToPeriod(const common::v1::Validity& validity) {
  Period period;
  if (validity.has_from()) period.from_us = Micros(validity.from());
  if (validity.has_to()) period.to_us = Micros(validity.to());
  return period;
}

Decimal DecimalOr0(absl::string_view text) {
  Decimal value;
  return Decimal::ParseInto(text, value) == DecimalError::kOk ? value : Decimal();
}

TierList TiersOf(const facts::v1::ContractChanged::DiscountTiers& discounts) {
  TierList tiers;
  for (const facts::v1::DiscountTier& discount : discounts.tiers()) {
    facts::v1::PriceTier& tier = *tiers.Add();
    tier.set_minimum_quantity(discount.minimum_quantity());
    tier.set_price(discount.percent());
  }
  return tiers;
}

}  // namespace weft::pricing::read
