// Categories, surcharges, promotions, rebates, rates and costs.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/erp-connector/canonical_read.h"
#include "weft/facts/v1/conditions.pb.h"
#include "weft/facts/v1/facts.pb.h"

namespace weft::erp::read {
namespace {

namespace facts = weft::facts::v1;

// skus, categories, everything and the exceptions.
void ReadTarget(Fields& data, facts::ItemTarget& target) {
  ReadTexts(data, "skus", 1000, kOptionalId, *target.mutable_skus());
  ReadTexts(data, "categories", 100, kOptionalId, *target.mutable_categories());
  bool everything = target.everything();
  data.Flag("everything", false, everything);
  target.set_everything(everything);
  ReadTexts(data, "exceptSkus", 1000, kOptionalId, *target.mutable_except_skus());
  ReadTexts(data, "exceptCategories", 100, kOptionalId, *target.mutable_except_categories());
  if (!data.ok()) return;
  if (target.everything() == (target.skus_size() + target.categories_size() > 0)) {
    data.Fail("FIELD_CONFLICT", "", "must name skus or categories, or else everything");
  }
}

void ReadScope(Fields& data, facts::BuyerScope& scope) {
  ReadTexts(data, "accounts", 1000, kOptionalId, *scope.mutable_accounts());
  ReadTexts(data, "groups", 100, kOptionalId, *scope.mutable_groups());
  data.Text("organisation", kOptionalId, *scope.mutable_organisation());
  data.Text("branch", kOptionalId, *scope.mutable_branch());
  data.Text("channel", kOptionalId, *scope.mutable_channel());
}

int32_t ReadPriority(Fields& data, int32_t known) {
  int64_t priority = known;
  data.Whole("priority", {.min = -1000000, .max = 1000000}, priority);
  return static_cast<int32_t>(priority);
}

}  // namespace

void ReadCategory(Fields& data, Content& content) {
  auto& event = EventOf<facts::CategoryChanged>(content);
  data.Text("category", kId, *event.mutable_category());
  data.Text("name", kName, *event.mutable_name());
  data.Text("parentCategory", kOptionalId, *event.mutable_parent_category());
  if (data.ok() && event.category() == event.parent_category()) {
    data.Fail("FIELD_CONFLICT", "parentCategory", "cannot be the category itself");
  }
  Refer(content, Kind::kCategory, event.parent_category());
}

void ReadSurcharge(Fields& data, Content& content) {
  auto& event = EventOf<facts::SurchargeChanged>(content);
  using Fact = facts::SurchargeChanged;
  data.Text("surcharge", kId, *event.mutable_surcharge());
  data.Text("label", kName, *event.mutable_label());
  Fact::Kind kind = event.kind();
  ReadWord(data, "kind", true, "KIND_", &Fact::Kind_Parse, kind);
  event.set_kind(kind);
  Fact::Per per = event.per();
  ReadWord(data, "per", true, "PER_", &Fact::Per_Parse, per);
  event.set_per(per);
  data.Decimal("amount", {.required = true, .sign = Sign::kNotNegative}, *event.mutable_amount());
  data.Currency("currencyCode", false, *event.mutable_currency_code());
  data.Text("unit", kUnit, *event.mutable_unit());
  data.Decimal("belowNet", {.sign = Sign::kPositive}, *event.mutable_below_net());
  data.Decimal("belowQuantity", {.sign = Sign::kPositive}, *event.mutable_below_quantity());
  data.Text("exclusionGroup", kOptionalId, *event.mutable_exclusion_group());
  event.set_priority(ReadPriority(data, event.priority()));
  ReadTarget(data, *event.mutable_target());
  ReadScope(data, *event.mutable_scope());
  ReadValidity(data, event);
  if (!data.ok()) return;
  const bool percent = per == Fact::PER_LINE_PERCENT || per == Fact::PER_ORDER_PERCENT;
  if (event.currency_code().empty() && (!percent || !event.below_net().empty())) {
    data.Fail("FIELD_REQUIRED", "currencyCode", "is required with an amount or belowNet");
  }
  if (kind == Fact::KIND_MINIMUM_ORDER && event.below_net().empty()) {
    data.Fail("FIELD_REQUIRED", "belowNet", "is required with MINIMUM_ORDER");
  }
  if (kind == Fact::KIND_SMALL_QUANTITY && event.below_quantity().empty()) {
    data.Fail("FIELD_REQUIRED", "belowQuantity", "is required with SMALL_QUANTITY");
  }
}

void ReadPromotion(Fields& data, Content& content) {
  auto& event = EventOf<facts::PromotionChanged>(content);
  data.Text("promotion", kId, *event.mutable_promotion());
  data.Text("label", kName, *event.mutable_label());
  if (data.Has("percent") + data.Has("amountOff") + data.Has("fixedPrice") > 1) {
    data.Fail("FIELD_CONFLICT", "", "has more than one of percent, amountOff and fixedPrice");
  }
  std::string percent;
  if (data.Decimal("percent", {.sign = Sign::kNotNegative}, percent) && !percent.empty()) {
    if (IsLess("100", percent)) data.Fail("FIELD_RANGE", "percent", "must not be above 100");
    event.set_percent(percent);
  }
  bool cleared = false;
  weft::common::v1::Money money;
  if (ReadMoney(data, "amountOff", false, Sign::kNotNegative, money, cleared)) {
    *event.mutable_amount_off() = money;
  }
  if (ReadMoney(data, "fixedPrice", false, Sign::kNotNegative, money, cleared)) {
    *event.mutable_fixed_price() = money;
  }
  data.Text("unit", kUnit, *event.mutable_unit());
  data.Decimal("minimumQuantity", {.sign = Sign::kPositive}, *event.mutable_minimum_quantity());
  data.Text("coupon", kOptionalId, *event.mutable_coupon());
  bool exclusive = event.exclusive();
  data.Flag("exclusive", false, exclusive);
  event.set_exclusive(exclusive);
  data.Text("combinationGroup", kOptionalId, *event.mutable_combination_group());
  event.set_priority(ReadPriority(data, event.priority()));
  ReadTarget(data, *event.mutable_target());
  ReadScope(data, *event.mutable_scope());
  ReadValidity(data, event);
  if (data.ok() && event.benefit_case() == facts::PromotionChanged::BENEFIT_NOT_SET) {
    data.Fail("FIELD_CONFLICT", "", "must have exactly one of percent, amountOff and fixedPrice");
  }
}

void ReadRebateAgreement(Fields& data, Content& content) {
  auto& event = EventOf<facts::RebateAgreementChanged>(content);
  using Fact = facts::RebateAgreementChanged;
  data.Text("agreement", kId, *event.mutable_agreement());
  data.Text("account", kOptionalId, *event.mutable_account());
  data.Text("group", kOptionalId, *event.mutable_group());
  ReadTarget(data, *event.mutable_target());
  data.Currency("currencyCode", true, *event.mutable_currency_code());
  ReadTierList(data,
               {.from = "fromTurnover", .value = "percent", .count_max = 20, .percent = true},
               &facts::RebateTier::mutable_from_turnover, &facts::RebateTier::mutable_percent,
               *event.mutable_tiers());
  Fact::Mode mode = event.mode();
  ReadWord(data, "mode", true, "MODE_", &Fact::Mode_Parse, mode);
  event.set_mode(mode);
  Fact::Period period = event.period();
  ReadWord(data, "period", true, "PERIOD_", &Fact::Period_Parse, period);
  event.set_period(period);
  data.Text("timeZone", {.length_max = 64}, *event.mutable_time_zone());
  int64_t days = event.settle_after_days();
  data.Whole("settleAfterDays", {.min = 0, .max = 366}, days);
  event.set_settle_after_days(static_cast<int32_t>(days));
  data.Text("reference", kName, *event.mutable_reference());
  ReadValidity(data, event);
  if (!data.ok()) return;
  if (event.account().empty() == event.group().empty()) {
    data.Fail("FIELD_CONFLICT", "", "must have exactly one of account and group");
  }
  if (period == Fact::PERIOD_WHOLE &&
      (!event.validity().has_from() || !event.validity().has_to())) {
    data.Fail("FIELD_REQUIRED", "validTo", "and validFrom are required with WHOLE");
  }
  absl::TimeZone zone;
  if (!event.time_zone().empty() && !absl::LoadTimeZone(event.time_zone(), &zone)) {
    data.Fail("FIELD_FORMAT", "timeZone", "is no time zone; example: Europe/Berlin");
  }
  Refer(content, Kind::kAccount, event.account());
}

void ReadExchangeRate(Fields& data, const Envelope& envelope, Content& content) {
  auto& event = EventOf<facts::ExchangeRateChanged>(content);
  data.Currency("fromCurrencyCode", true, *event.mutable_from_currency_code());
  data.Currency("toCurrencyCode", true, *event.mutable_to_currency_code());
  data.Skip("kind");
  data.Skip("entry");
  event.set_kind(envelope.key[2]);
  event.set_entry(envelope.key[3]);
  data.Decimal("rate", {.required = true, .sign = Sign::kPositive}, *event.mutable_rate());
  ReadValidity(data, event);
  if (data.ok() && event.from_currency_code() == event.to_currency_code()) {
    data.Fail("FIELD_CONFLICT", "toCurrencyCode", "must differ from fromCurrencyCode");
  }
}

void ReadCost(Fields& data, const Envelope& envelope, Content& content) {
  auto& event = EventOf<facts::CostChanged>(content);
  data.Skip("sku");
  data.Skip("location");
  data.Skip("organisation");
  data.Skip("entry");
  event.set_sku(envelope.key[0]);
  event.set_location(envelope.key[1]);
  event.set_organisation(envelope.key[2]);
  event.set_entry(envelope.key[3]);
  bool cleared = false;
  weft::common::v1::Money cost;
  if (ReadMoney(data, "cost", true, Sign::kNotNegative, cost, cleared)) {
    *event.mutable_cost() = std::move(cost);
  }
  int64_t per = event.per_quantity();
  data.Whole("perQuantity", {.min = 1}, per);
  event.set_per_quantity(per);
  ReadValidity(data, event);
  Refer(content, Kind::kItem, event.sku());
  Refer(content, Kind::kLocation, event.location());
}

}  // namespace weft::erp::read
