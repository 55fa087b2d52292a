// What makes sense of items, accounts, books, prices and contracts.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/fact_convert.h"
#include "services/pricing/fact_read.h"

namespace weft::pricing {

using read::Bad;
using read::CheckCurrency;
using read::CheckName;
using read::CheckNames;
using read::CheckQuantity;
using read::CheckTiers;
using read::CheckValidity;
using read::DecimalOr0;
using read::TiersOf;

namespace {

constexpr int kMaxExceptions = 250;

bool HasControls(absl::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

absl::Status CheckContractScope(const facts::v1::ContractChanged& fact,
                                absl::string_view subject) {
  WEFT_RETURN_IF_ERROR(CheckName(fact.project(), "project", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.ship_to(), "ship_to", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.organisation(), "organisation", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.branch(), "branch", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.channel(), "channel", false, subject));
  if (!fact.project().empty() || !fact.ship_to().empty()) {
    if (!fact.project().empty() && !fact.ship_to().empty()) {
      return Bad("FACT_INCOMPLETE", subject, "at most one of project and ship_to may be set");
    }
    if (fact.account().empty()) {
      return Bad("FACT_INCOMPLETE", subject, "project and ship_to need an account");
    }
    if (HasControls(fact.account()) || HasControls(fact.project()) ||
        HasControls(fact.ship_to())) {
      return Bad("FACT_INCOMPLETE", subject,
                 "account, project and ship_to must not hold control characters");
    }
  }
  WEFT_RETURN_IF_ERROR(CheckNames(fact.except_skus(), "except_skus", subject));
  WEFT_RETURN_IF_ERROR(CheckNames(fact.except_categories(), "except_categories", subject));
  if (fact.except_skus_size() + fact.except_categories_size() > kMaxExceptions) {
    return Bad("TARGET_INVALID", subject,
               absl::StrCat("more than ", kMaxExceptions, " exceptions"));
  }
  return absl::OkStatus();
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
  WEFT_RETURN_IF_ERROR(CheckNames(fact.categories(), "category", subject));
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
  WEFT_RETURN_IF_ERROR(CheckNames(fact.groups(), "group", subject));
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
  WEFT_RETURN_IF_ERROR(CheckName(fact.scale_group(), "scale_group", false, subject));
  if (fact.deleted()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(CheckValidity(fact.validity(), subject));
  return CheckTiers(fact.tiers(), fact.per_quantity(), subject);
}

absl::Status CheckFact(const facts::v1::PriceBookChanged& fact) {
  const std::string subject = absl::StrCat("books/", fact.book());
  WEFT_RETURN_IF_ERROR(CheckName(fact.book(), "book", true, subject));
  if (fact.deleted()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(CheckNames(fact.groups(), "group", subject));
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
  WEFT_RETURN_IF_ERROR(CheckContractScope(fact, subject));
  WEFT_RETURN_IF_ERROR(CheckValidity(fact.validity(), subject));
  switch (fact.promise_case()) {
    case facts::v1::ContractChanged::kNetPrice:
      WEFT_RETURN_IF_ERROR(CheckCurrency(fact.net_price().currency_code(), subject));
      WEFT_RETURN_IF_ERROR(CheckName(fact.net_price().unit(), "unit", false, subject));
      WEFT_RETURN_IF_ERROR(
          CheckName(fact.net_price().scale_group(), "scale_group", false, subject));
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
    case facts::v1::ContractChanged::kDiscountTiers: {
      const facts::v1::ContractChanged::DiscountTiers& discounts = fact.discount_tiers();
      WEFT_RETURN_IF_ERROR(CheckName(discounts.unit(), "unit", false, subject));
      WEFT_RETURN_IF_ERROR(CheckName(discounts.scale_group(), "scale_group", false, subject));
      WEFT_RETURN_IF_ERROR(CheckTiers(TiersOf(discounts), 1, subject));
      for (const facts::v1::DiscountTier& tier : discounts.tiers()) {
        if (DecimalOr0(tier.percent()) > Decimal(100)) {
          return Bad("DISCOUNT_INVALID", subject, "a tier's discount is not in 0..100 percent");
        }
      }
      return absl::OkStatus();
    }
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

}  // namespace weft::pricing
