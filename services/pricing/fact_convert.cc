#include "services/pricing/fact_convert.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/state.h"

namespace weft::pricing {
namespace {

constexpr size_t kMaxName = 255;
constexpr int kMaxTiers = 50;
constexpr int64_t kMaxPer = 1'000'000'000;

using TierList = google::protobuf::RepeatedPtrField<facts::v1::PriceTier>;

absl::Status Bad(const char* reason, absl::string_view subject, absl::string_view why) {
  return InvalidArgument(reason, absl::StrCat(subject, ": ", why));
}

int64_t Micros(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

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

// Tiers at common scales, lowest first. False when one is no number, negative or
// too large, or when two begin at one quantity.
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

void SetTiers(const TierList& list, int64_t per_quantity, OfferParts& out) {
  ReadTiers(list, out.tiers, out.offer.quantity_scale, out.offer.price_scale);
  out.offer.promise = Offer::Promise::kTiers;
  out.offer.wide = true;
  out.offer.tier_count = static_cast<uint8_t>(out.tiers.size());
  out.offer.tiers = reinterpret_cast<const char*>(out.tiers.data());
  out.offer.per_quantity = per_quantity == 0 ? 1 : per_quantity;
}

}  // namespace

absl::Status CheckFact(const facts::v1::ItemChanged& fact) {
  const std::string subject = absl::StrCat("items/", fact.sku());
  WEFT_RETURN_IF_ERROR(CheckName(fact.sku(), "sku", true, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.base_unit(), "base_unit", !fact.deleted(), subject));
  for (const common::v1::UnitRatio& unit : fact.units()) {
    WEFT_RETURN_IF_ERROR(CheckName(unit.unit(), "unit", true, subject));
    if (const auto ratio = UnitRatio::Make(unit.numerator(), unit.denominator()); !ratio.ok()) {
      return Bad("UNIT_RATIO_INVALID", subject, ratio.status().message());
    }
  }
  for (const std::string& category : fact.categories()) {
    WEFT_RETURN_IF_ERROR(CheckName(category, "category", true, subject));
  }
  WEFT_RETURN_IF_ERROR(CheckName(fact.successor_sku(), "successor_sku", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.tax_class(), "tax_class", false, subject));
  WEFT_RETURN_IF_ERROR(CheckQuantity(fact.minimum_quantity(), "minimum_quantity", subject));
  WEFT_RETURN_IF_ERROR(CheckQuantity(fact.quantity_step(), "quantity_step", subject));
  if (fact.has_cost()) {
    WEFT_RETURN_IF_ERROR(CheckCurrency(fact.cost().currency_code(), subject));
    Decimal cost;
    if (Decimal::ParseInto(fact.cost().amount(), cost) != DecimalError::kOk) {
      return Bad("QUANTITY_INVALID", subject, "cost is no amount");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFact(const facts::v1::AccountChanged& fact) {
  const std::string subject = absl::StrCat("accounts/", fact.account());
  WEFT_RETURN_IF_ERROR(CheckName(fact.account(), "account", true, subject));
  if (fact.deleted()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(CheckName(fact.parent_account(), "parent_account", false, subject));
  for (const std::string& group : fact.groups()) {
    WEFT_RETURN_IF_ERROR(CheckName(group, "group", true, subject));
  }
  WEFT_RETURN_IF_ERROR(CheckName(fact.branch(), "branch", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.organisation(), "organisation", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.tax_class(), "tax_class", false, subject));
  return CheckCurrency(fact.currency_code(), subject);
}

absl::Status CheckFact(const facts::v1::PriceChanged& fact) {
  const std::string subject =
      absl::StrCat("prices/", fact.book(), "/", fact.sku(), "/", fact.unit(), "/", fact.entry());
  WEFT_RETURN_IF_ERROR(CheckName(fact.book(), "book", true, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.sku(), "sku", true, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.unit(), "unit", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.entry(), "entry", false, subject));
  if (fact.deleted()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(CheckValidity(fact.validity(), subject));
  return CheckTiers(fact.tiers(), fact.per_quantity(), subject);
}

absl::Status CheckFact(const facts::v1::PriceBookChanged& fact) {
  const std::string subject = absl::StrCat("books/", fact.book());
  WEFT_RETURN_IF_ERROR(CheckName(fact.book(), "book", true, subject));
  if (fact.deleted()) return absl::OkStatus();
  for (const std::string& group : fact.groups()) {
    WEFT_RETURN_IF_ERROR(CheckName(group, "group", true, subject));
  }
  WEFT_RETURN_IF_ERROR(CheckName(fact.organisation(), "organisation", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.branch(), "branch", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.channel(), "channel", false, subject));
  WEFT_RETURN_IF_ERROR(CheckValidity(fact.validity(), subject));
  return CheckCurrency(fact.currency_code(), subject);
}

absl::Status CheckFact(const facts::v1::ContractChanged& fact) {
  const std::string subject = absl::StrCat("contracts/", fact.contract());
  WEFT_RETURN_IF_ERROR(CheckName(fact.contract(), "contract", true, subject));
  if (fact.deleted()) return absl::OkStatus();
  if (fact.account().empty() == fact.group().empty()) {
    return Bad("FACT_INCOMPLETE", subject, "exactly one of account and group must be set");
  }
  const int targets = (fact.sku().empty() ? 0 : 1) + (fact.category().empty() ? 0 : 1) +
                      (fact.everything() ? 1 : 0);
  if (targets != 1) {
    return Bad("FACT_INCOMPLETE", subject,
               "exactly one of sku, category and everything must be set");
  }
  WEFT_RETURN_IF_ERROR(CheckName(fact.account(), "account", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.group(), "group", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.sku(), "sku", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.category(), "category", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.reference(), "reference", false, subject));
  WEFT_RETURN_IF_ERROR(CheckValidity(fact.validity(), subject));
  switch (fact.promise_case()) {
    case facts::v1::ContractChanged::kNetPrice:
      WEFT_RETURN_IF_ERROR(CheckCurrency(fact.net_price().currency_code(), subject));
      WEFT_RETURN_IF_ERROR(CheckName(fact.net_price().unit(), "unit", false, subject));
      return CheckTiers(fact.net_price().tiers(), fact.net_price().per_quantity(), subject);
    case facts::v1::ContractChanged::kDiscountPercent: {
      Decimal percent;
      if (Decimal::ParseInto(fact.discount_percent(), percent) != DecimalError::kOk ||
          !percent.fits_64() || percent > Decimal(100) || percent < Decimal(-1000)) {
        return Bad("DISCOUNT_INVALID", subject, "the discount is not in -1000..100 percent");
      }
      return absl::OkStatus();
    }
    case facts::v1::ContractChanged::kBook:
      return CheckName(fact.book(), "book", true, subject);
    case facts::v1::ContractChanged::kDiscountTiers:
    case facts::v1::ContractChanged::PROMISE_NOT_SET: break;
  }
  return Bad("FACT_INCOMPLETE", subject, "it promises nothing");
}

absl::Status CheckFact(const facts::v1::PartNumberChanged& fact) {
  const std::string subject =
      absl::StrCat("part-numbers/", fact.account(), "/", fact.customer_sku());
  WEFT_RETURN_IF_ERROR(CheckName(fact.account(), "account", true, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.customer_sku(), "customer_sku", true, subject));
  return CheckName(fact.sku(), "sku", !fact.deleted(), subject);
}

Item ToItem(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::ItemChanged& fact = stored.item();
  Item item;
  item.sku = names.Intern(SymbolKind::kSku, fact.sku());
  item.base_unit = names.Intern(SymbolKind::kUnit, fact.base_unit());
  item.tax_class = names.Intern(SymbolKind::kTaxClass, fact.tax_class());
  item.successor = names.Intern(SymbolKind::kSku, fact.successor_sku());
  item.version = StampOf(stored);
  item.number = static_cast<Stamp>(stored.number());
  if (fact.state() == facts::v1::ItemChanged::ITEM_STATE_PHASE_OUT) {
    item.state = Item::State::kPhaseOut;
  } else if (fact.state() == facts::v1::ItemChanged::ITEM_STATE_DISCONTINUED) {
    item.state = Item::State::kDiscontinued;
  }
  for (const common::v1::UnitRatio& unit : fact.units()) {
    const auto ratio = UnitRatio::Make(unit.numerator(), unit.denominator());
    if (ratio.ok()) item.units.push_back({names.Intern(SymbolKind::kUnit, unit.unit()), *ratio});
  }
  for (const std::string& category : fact.categories()) {
    item.categories.push_back(names.Intern(SymbolKind::kCategory, category));
  }
  item.minimum_quantity = DecimalOr0(fact.minimum_quantity());
  item.quantity_step = DecimalOr0(fact.quantity_step());
  if (fact.has_cost()) {
    item.cost = Money{DecimalOr0(fact.cost().amount()), Currency::Find(fact.cost().currency_code())};
  }
  return item;
}

Account ToAccount(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::AccountChanged& fact = stored.account();
  Account account;
  account.account = names.Intern(SymbolKind::kAccount, fact.account());
  account.parent = names.Intern(SymbolKind::kAccount, fact.parent_account());
  account.branch = names.Intern(SymbolKind::kBranch, fact.branch());
  account.organisation = names.Intern(SymbolKind::kOrganisation, fact.organisation());
  account.tax_class = names.Intern(SymbolKind::kTaxClass, fact.tax_class());
  account.currency = Currency::Find(fact.currency_code());
  account.version = StampOf(stored);
  account.number = static_cast<Stamp>(stored.number());
  for (const std::string& group : fact.groups()) {
    account.groups.push_back(names.Intern(SymbolKind::kGroup, group));
  }
  return account;
}

Book ToBook(const v1::StoredFact& stored, Interner& names) {
  const facts::v1::PriceBookChanged& fact = stored.book();
  Book book;
  book.book = names.Intern(SymbolKind::kBook, fact.book());
  book.organisation = names.Intern(SymbolKind::kOrganisation, fact.organisation());
  book.branch = names.Intern(SymbolKind::kBranch, fact.branch());
  book.channel = names.Intern(SymbolKind::kChannel, fact.channel());
  book.currency = Currency::Find(fact.currency_code());
  book.priority = fact.priority();
  book.version = StampOf(stored);
  book.period = ToPeriod(fact.validity());
  for (const std::string& group : fact.groups()) {
    book.groups.push_back(names.Intern(SymbolKind::kGroup, group));
  }
  return book;
}

void ToOffer(const v1::StoredFact& stored, Interner& names, OfferParts& out) {
  out.tiers.clear();
  out.offer = Offer();
  out.offer.version = StampOf(stored);
  if (stored.has_price()) {
    const facts::v1::PriceChanged& fact = stored.price();
    out.owner = names.Intern(SymbolKind::kBook, fact.book());
    out.target = names.Intern(SymbolKind::kSku, fact.sku());
    out.sort = Facts::Target::kSku;
    out.offer.unit = names.Intern(SymbolKind::kUnit, fact.unit());
    out.offer.period = ToPeriod(fact.validity());
    out.offer.name = fact.entry();
    SetTiers(fact.tiers(), fact.per_quantity(), out);
    return;
  }
  const facts::v1::ContractChanged& fact = stored.contract();
  out.owner = fact.account().empty() ? names.Intern(SymbolKind::kGroup, fact.group())
                                     : names.Intern(SymbolKind::kAccount, fact.account());
  if (!fact.sku().empty()) {
    out.sort = Facts::Target::kSku;
    out.target = names.Intern(SymbolKind::kSku, fact.sku());
  } else if (!fact.category().empty()) {
    out.sort = Facts::Target::kCategory;
    out.target = names.Intern(SymbolKind::kCategory, fact.category());
  } else {
    out.sort = Facts::Target::kEverything;
    out.target = Symbol::kNone;
  }
  out.offer.period = ToPeriod(fact.validity());
  out.offer.name = fact.contract();
  out.offer.reference = fact.reference();
  if (fact.has_net_price()) {
    out.offer.unit = names.Intern(SymbolKind::kUnit, fact.net_price().unit());
    out.offer.currency = Currency::Find(fact.net_price().currency_code());
    SetTiers(fact.net_price().tiers(), fact.net_price().per_quantity(), out);
  } else if (fact.promise_case() == facts::v1::ContractChanged::kBook) {
    out.offer.promise = Offer::Promise::kBook;
    out.offer.book = names.Intern(SymbolKind::kBook, fact.book());
  } else {
    const Decimal percent = DecimalOr0(fact.discount_percent()).Normalized();
    out.offer.promise = Offer::Promise::kDiscount;
    out.offer.discount = percent.coefficient_64();
    out.offer.price_scale = static_cast<uint8_t>(percent.scale());
  }
}

}  // namespace weft::pricing
