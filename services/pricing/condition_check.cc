// What makes sense of categories, surcharges, promotions, rebates, rates and costs.
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
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
using read::CheckValidity;
using read::DecimalOr0;
using read::kMaxPer;

namespace {

constexpr int kMaxTargets = 1000;
constexpr int kMaxRebateTiers = 20;
constexpr int kMaxSettleDays = 366;

absl::Status CheckTarget(const facts::v1::ItemTarget& target, absl::string_view subject) {
  const bool named = !target.skus().empty() || !target.categories().empty();
  if (named == target.everything()) {
    return Bad("TARGET_INVALID", subject,
               "the target must name items or categories, or else everything");
  }
  for (const int count : {target.skus_size(), target.categories_size(),
                          target.except_skus_size(), target.except_categories_size()}) {
    if (count > kMaxTargets) {
      return Bad("TARGET_INVALID", subject, absl::StrCat("more than ", kMaxTargets, " names"));
    }
  }
  WEFT_RETURN_IF_ERROR(CheckNames(target.skus(), "target.skus", subject));
  WEFT_RETURN_IF_ERROR(CheckNames(target.categories(), "target.categories", subject));
  WEFT_RETURN_IF_ERROR(CheckNames(target.except_skus(), "target.except_skus", subject));
  return CheckNames(target.except_categories(), "target.except_categories", subject);
}

absl::Status CheckScope(const facts::v1::BuyerScope& scope, absl::string_view subject) {
  if (scope.accounts_size() > kMaxTargets || scope.groups_size() > kMaxTargets) {
    return Bad("TARGET_INVALID", subject,
               absl::StrCat("more than ", kMaxTargets, " accounts or groups"));
  }
  WEFT_RETURN_IF_ERROR(CheckNames(scope.accounts(), "scope.accounts", subject));
  WEFT_RETURN_IF_ERROR(CheckNames(scope.groups(), "scope.groups", subject));
  WEFT_RETURN_IF_ERROR(CheckName(scope.organisation(), "scope.organisation", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(scope.branch(), "scope.branch", false, subject));
  return CheckName(scope.channel(), "scope.channel", false, subject);
}

// A decimal that is not negative, of at most 18 digits.
absl::Status CheckAmount(absl::string_view text, const char* what, absl::string_view subject) {
  Decimal value;
  if (Decimal::ParseInto(text, value) != DecimalError::kOk || value.sign() < 0 ||
      !value.fits_64()) {
    return Bad("AMOUNT_INVALID", subject,
               absl::StrCat(what, " is no decimal from 0 on with at most 18 digits"));
  }
  return absl::OkStatus();
}

absl::Status CheckPercent(absl::string_view text, const char* what, absl::string_view subject) {
  WEFT_RETURN_IF_ERROR(CheckAmount(text, what, subject));
  if (DecimalOr0(text) > Decimal(100)) {
    return Bad("AMOUNT_INVALID", subject, absl::StrCat(what, " is above 100 percent"));
  }
  return absl::OkStatus();
}

absl::Status CheckMoney(const common::v1::Money& money, const char* what,
                        absl::string_view subject) {
  WEFT_RETURN_IF_ERROR(CheckCurrency(money.currency_code(), subject));
  return CheckAmount(money.amount(), what, subject);
}

bool IsPercent(facts::v1::SurchargeChanged::Per per) {
  return per == facts::v1::SurchargeChanged::PER_LINE_PERCENT ||
         per == facts::v1::SurchargeChanged::PER_ORDER_PERCENT;
}

}  // namespace

absl::Status CheckFact(const facts::v1::CategoryChanged& fact) {
  const std::string subject = absl::StrCat("categories/", fact.category());
  WEFT_RETURN_IF_ERROR(CheckName(fact.category(), "category", true, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.parent_category(), "parent_category", false, subject));
  if (!fact.deleted() && fact.category() == fact.parent_category()) {
    return Bad("TARGET_INVALID", subject, "a category cannot lie below itself");
  }
  return absl::OkStatus();
}

absl::Status CheckFact(const facts::v1::SurchargeChanged& fact) {
  const std::string subject = absl::StrCat("surcharges/", fact.surcharge());
  WEFT_RETURN_IF_ERROR(CheckName(fact.surcharge(), "surcharge", true, subject));
  if (fact.deleted()) return absl::OkStatus();
  using Fact = facts::v1::SurchargeChanged;
  if (fact.kind() <= Fact::KIND_UNSPECIFIED || fact.kind() > Fact::KIND_OTHER) {
    return Bad("FACT_INCOMPLETE", subject, "kind is missing, or newer than this program");
  }
  if (fact.per() <= Fact::PER_UNSPECIFIED || fact.per() > Fact::PER_ORDER_PERCENT) {
    return Bad("FACT_INCOMPLETE", subject, "per is missing, or newer than this program");
  }
  WEFT_RETURN_IF_ERROR(CheckName(fact.label(), "label", false, subject));
  WEFT_RETURN_IF_ERROR(CheckAmount(fact.amount(), "amount", subject));
  if (!IsPercent(fact.per()) || !fact.below_net().empty() || !fact.currency_code().empty()) {
    WEFT_RETURN_IF_ERROR(CheckCurrency(fact.currency_code(), subject));
  }
  if (!fact.below_net().empty()) {
    WEFT_RETURN_IF_ERROR(CheckAmount(fact.below_net(), "below_net", subject));
  } else if (fact.kind() == Fact::KIND_MINIMUM_ORDER) {
    return Bad("FACT_INCOMPLETE", subject, "a surcharge on small orders needs below_net");
  }
  WEFT_RETURN_IF_ERROR(CheckQuantity(fact.below_quantity(), "below_quantity", subject));
  if (fact.kind() == Fact::KIND_SMALL_QUANTITY && fact.below_quantity().empty()) {
    return Bad("FACT_INCOMPLETE", subject, "a surcharge on small lines needs below_quantity");
  }
  WEFT_RETURN_IF_ERROR(CheckName(fact.unit(), "unit", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.exclusion_group(), "exclusion_group", false, subject));
  WEFT_RETURN_IF_ERROR(CheckTarget(fact.target(), subject));
  WEFT_RETURN_IF_ERROR(CheckScope(fact.scope(), subject));
  return CheckValidity(fact.validity(), subject);
}

absl::Status CheckFact(const facts::v1::PromotionChanged& fact) {
  const std::string subject = absl::StrCat("promotions/", fact.promotion());
  WEFT_RETURN_IF_ERROR(CheckName(fact.promotion(), "promotion", true, subject));
  if (fact.deleted()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(CheckName(fact.label(), "label", false, subject));
  switch (fact.benefit_case()) {
    case facts::v1::PromotionChanged::kPercent:
      WEFT_RETURN_IF_ERROR(CheckPercent(fact.percent(), "percent", subject));
      break;
    case facts::v1::PromotionChanged::kAmountOff:
      WEFT_RETURN_IF_ERROR(CheckMoney(fact.amount_off(), "amount_off", subject));
      break;
    case facts::v1::PromotionChanged::kFixedPrice:
      WEFT_RETURN_IF_ERROR(CheckMoney(fact.fixed_price(), "fixed_price", subject));
      break;
    case facts::v1::PromotionChanged::BENEFIT_NOT_SET:
      return Bad("FACT_INCOMPLETE", subject, "it gives nothing");
  }
  WEFT_RETURN_IF_ERROR(CheckQuantity(fact.minimum_quantity(), "minimum_quantity", subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.unit(), "unit", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.coupon(), "coupon", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.combination_group(), "combination_group", false, subject));
  WEFT_RETURN_IF_ERROR(CheckTarget(fact.target(), subject));
  WEFT_RETURN_IF_ERROR(CheckScope(fact.scope(), subject));
  return CheckValidity(fact.validity(), subject);
}

absl::Status CheckFact(const facts::v1::RebateAgreementChanged& fact) {
  const std::string subject = absl::StrCat("rebate-agreements/", fact.agreement());
  WEFT_RETURN_IF_ERROR(CheckName(fact.agreement(), "agreement", true, subject));
  if (fact.deleted()) return absl::OkStatus();
  using Fact = facts::v1::RebateAgreementChanged;
  if (fact.account().empty() == fact.group().empty()) {
    return Bad("FACT_INCOMPLETE", subject, "exactly one of account and group must be set");
  }
  WEFT_RETURN_IF_ERROR(CheckName(fact.account(), "account", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.group(), "group", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.reference(), "reference", false, subject));
  WEFT_RETURN_IF_ERROR(CheckTarget(fact.target(), subject));
  WEFT_RETURN_IF_ERROR(CheckCurrency(fact.currency_code(), subject));
  if (fact.mode() <= Fact::MODE_UNSPECIFIED || fact.mode() > Fact::MODE_INCREMENTAL) {
    return Bad("FACT_INCOMPLETE", subject, "mode is missing, or newer than this program");
  }
  if (fact.period() <= Fact::PERIOD_UNSPECIFIED || fact.period() > Fact::PERIOD_MONTH) {
    return Bad("FACT_INCOMPLETE", subject, "period is missing, or newer than this program");
  }
  if (fact.tiers().empty() || fact.tiers_size() > kMaxRebateTiers) {
    return Bad("TIERS_INVALID", subject,
               absl::StrCat("there must be 1 to ", kMaxRebateTiers, " tiers"));
  }
  Decimal last;
  for (int i = 0; i < fact.tiers_size(); ++i) {
    WEFT_RETURN_IF_ERROR(CheckAmount(fact.tiers(i).from_turnover(), "from_turnover", subject));
    WEFT_RETURN_IF_ERROR(CheckPercent(fact.tiers(i).percent(), "percent", subject));
    const Decimal from = DecimalOr0(fact.tiers(i).from_turnover());
    if (i > 0 && from <= last) {
      return Bad("TIERS_INVALID", subject, "each tier must begin above the one before it");
    }
    last = from;
  }
  if (fact.period() == Fact::PERIOD_WHOLE &&
      (!fact.validity().has_from() || !fact.validity().has_to())) {
    return Bad("VALIDITY_INVALID", subject, "a period of the whole validity needs from and to");
  }
  absl::TimeZone zone;
  if (!fact.time_zone().empty() && !absl::LoadTimeZone(fact.time_zone(), &zone)) {
    return Bad("FACT_INCOMPLETE", subject, "time_zone is not known; example: Europe/Berlin");
  }
  if (fact.settle_after_days() < 0 || fact.settle_after_days() > kMaxSettleDays) {
    return Bad("QUANTITY_INVALID", subject,
               absl::StrCat("settle_after_days is not in 0..", kMaxSettleDays));
  }
  return CheckValidity(fact.validity(), subject);
}

absl::Status CheckFact(const facts::v1::ExchangeRateChanged& fact) {
  const std::string subject =
      absl::StrCat("rates/", fact.from_currency_code(), "/", fact.to_currency_code(), "/",
                   fact.kind(), "/", fact.entry());
  WEFT_RETURN_IF_ERROR(CheckCurrency(fact.from_currency_code(), subject));
  WEFT_RETURN_IF_ERROR(CheckCurrency(fact.to_currency_code(), subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.kind(), "kind", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.entry(), "entry", false, subject));
  if (fact.deleted()) return absl::OkStatus();
  if (fact.from_currency_code() == fact.to_currency_code()) {
    return Bad("RATE_INVALID", subject, "a currency has no rate to itself");
  }
  Decimal rate;
  if (Decimal::ParseInto(fact.rate(), rate) != DecimalError::kOk || rate.sign() <= 0 ||
      !rate.fits_64()) {
    return Bad("RATE_INVALID", subject, "the rate is no decimal above 0 with at most 18 digits");
  }
  return CheckValidity(fact.validity(), subject);
}

absl::Status CheckFact(const facts::v1::CostChanged& fact) {
  const std::string subject = absl::StrCat("costs/", fact.sku(), "/", fact.location(), "/",
                                           fact.organisation(), "/", fact.entry());
  WEFT_RETURN_IF_ERROR(CheckName(fact.sku(), "sku", true, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.location(), "location", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.organisation(), "organisation", false, subject));
  WEFT_RETURN_IF_ERROR(CheckName(fact.entry(), "entry", false, subject));
  if (fact.deleted()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(CheckMoney(fact.cost(), "cost", subject));
  if (fact.per_quantity() < 0 || fact.per_quantity() > kMaxPer) {
    return Bad("QUANTITY_INVALID", subject, "per_quantity is not in 0..1,000,000,000");
  }
  return CheckValidity(fact.validity(), subject);
}

}  // namespace weft::pricing
