// Facts of the timeline and people: what the ERP keeps as master data.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/erp-connector/canonical_read.h"
#include "weft/directory/v1/directory.pb.h"
#include "weft/facts/v1/facts.pb.h"

namespace weft::erp::read {
namespace {

namespace facts = weft::facts::v1;

}  // namespace

void ReadItem(Fields& data, Content& content) {
  auto& event = EventOf<facts::ItemChanged>(content);
  data.Text("sku", kId, *event.mutable_sku());
  data.Text("name", kName, *event.mutable_name());
  data.Text("baseUnit", {.required = true, .length_max = 10}, *event.mutable_base_unit());
  bool cleared = false;
  if (const uint32_t node = data.List("units", false, 0, 20, cleared); node != 0) {
    event.clear_units();
    ForEachObject(data, node, "units", [&](Fields& element, int /*index*/) {
      auto& unit = *event.add_units();
      int64_t numerator = 0;
      int64_t denominator = 0;
      element.Text("unit", {.required = true, .length_max = 10}, *unit.mutable_unit());
      element.Whole("numerator", {.required = true, .min = 1}, numerator);
      element.Whole("denominator", {.required = true, .min = 1}, denominator);
      unit.set_numerator(numerator);
      unit.set_denominator(denominator);
    });
  } else if (cleared) {
    event.clear_units();
  }
  ReadTexts(data, "categories", 10, kOptionalId, *event.mutable_categories());
  std::string state;
  if (data.Text("state", {.length_max = 20}, state) || event.state() == 0) {
    facts::ItemChanged::ItemState value = facts::ItemChanged::ITEM_STATE_ACTIVE;
    if (!state.empty() &&
        !facts::ItemChanged::ItemState_Parse(absl::StrCat("ITEM_STATE_", state), &value)) {
      data.Fail("FIELD_FORMAT", "state", "is none of ACTIVE, PHASE_OUT, DISCONTINUED");
    }
    event.set_state(value);
  }
  if (event.state() == facts::ItemChanged::ITEM_STATE_UNSPECIFIED) {
    // The text "UNSPECIFIED" names the zero of the enum.
    data.Fail("FIELD_FORMAT", "state", "is none of ACTIVE, PHASE_OUT, DISCONTINUED");
  }
  data.Text("successorSku", kOptionalId, *event.mutable_successor_sku());
  data.Text("taxClass", kOptionalId, *event.mutable_tax_class());
  data.Decimal("minimumQuantity", {.sign = Sign::kPositive}, *event.mutable_minimum_quantity());
  data.Decimal("quantityStep", {.sign = Sign::kPositive}, *event.mutable_quantity_step());
  weft::common::v1::Money cost;
  if (ReadMoney(data, "cost", false, Sign::kNotNegative, cost, cleared)) {
    *event.mutable_cost() = std::move(cost);
  } else if (cleared) {
    event.clear_cost();
  }
  Refer(content, Kind::kItem, event.successor_sku());
}

void ReadAccount(Fields& data, Content& content) {
  auto& event = EventOf<facts::AccountChanged>(content);
  data.Text("account", kId, *event.mutable_account());
  data.Text("name", kName, *event.mutable_name());
  data.Text("parentAccount", kOptionalId, *event.mutable_parent_account());
  ReadTexts(data, "groups", 10, kOptionalId, *event.mutable_groups());
  data.Currency("currencyCode", true, *event.mutable_currency_code());
  data.Text("branch", kOptionalId, *event.mutable_branch());
  data.Text("organisation", kOptionalId, *event.mutable_organisation());
  data.Text("terms", kOptionalId, *event.mutable_terms());
  data.Text("taxClass", kOptionalId, *event.mutable_tax_class());
  bool cleared = false;
  if (const uint32_t node = data.List("addresses", false, 0, 100, cleared); node != 0) {
    event.clear_addresses();
    ForEachObject(data, node, "addresses", [&](Fields& element, int /*index*/) {
      auto& address = *event.add_addresses();
      element.Text("code", kOptionalId, *address.mutable_code());
      element.Text("name", kName, *address.mutable_name());
      ReadTexts(element, "lines", 4, kName, *address.mutable_lines());
      element.Text("city", kName, *address.mutable_city());
      element.Text("postalCode", kOptionalId, *address.mutable_postal_code());
      element.Text("region", kName, *address.mutable_region());
      element.Text("countryCode", {.length_max = 2}, *address.mutable_country_code());
    });
  } else if (cleared) {
    event.clear_addresses();
  }
  bool blocked = event.order_blocked();
  data.Flag("orderBlocked", false, blocked);
  event.set_order_blocked(blocked);
  data.Text("blockReason", kName, *event.mutable_block_reason());
  Refer(content, Kind::kAccount, event.parent_account());
}

void ReadCredit(Fields& data, const Envelope& envelope, Content& content) {
  auto& event = EventOf<facts::CreditChanged>(content);
  data.Text("account", kId, *event.mutable_account());
  bool cleared = false;
  const auto money = [&](absl::string_view name, Sign sign, bool& clear,
                         weft::common::v1::Money* into) {
    weft::common::v1::Money value;
    clear = false;
    if (ReadMoney(data, name, false, sign, value, clear)) {
      *into = std::move(value);
      return true;
    }
    return false;
  };
  weft::common::v1::Money value;
  if (money("limit", Sign::kNotNegative, cleared, &value)) *event.mutable_limit() = value;
  if (cleared) event.clear_limit();
  if (money("openBalance", Sign::kAny, cleared, &value)) *event.mutable_open_balance() = value;
  if (cleared) event.clear_open_balance();
  if (money("overdue", Sign::kAny, cleared, &value)) *event.mutable_overdue() = value;
  if (cleared) event.clear_overdue();
  google::protobuf::Timestamp watermark;
  if (ReadTime(data, "watermark", false, watermark)) {
    *event.mutable_watermark() = watermark;
  } else if (envelope.marks.changed_at_us.has_value()) {
    SetTime(absl::FromUnixMicros(*envelope.marks.changed_at_us), *event.mutable_watermark());
  } else if (!event.has_watermark()) {
    data.Fail("FIELD_REQUIRED", "watermark", "is required where the message has no changedAt");
  }
  ReadTexts(data, "containedOrders", 1000, kLongId, *event.mutable_contained_orders());
  Refer(content, Kind::kAccount, event.account());
}

void ReadUser(Fields& data, Content& content) {
  auto& event = EventOf<weft::directory::v1::UserChanged>(content);
  data.Text("user", {.required = true, .length_max = 64}, *event.mutable_user());
  data.Text("account", kOptionalId, *event.mutable_account());
  data.Text("displayName", kName, *event.mutable_display_name());
  data.Text("email", {.length_max = 254}, *event.mutable_email());
  bool cleared = false;
  if (const uint32_t node = data.List("roles", true, 0, 20, cleared); node != 0) {
    event.clear_roles();
    ForEachObject(data, node, "roles", [&](Fields& element, int /*index*/) {
      auto& role = *event.add_roles();
      element.Text("role", kId, *role.mutable_role());
      element.Text("account", kOptionalId, *role.mutable_account());
      element.Text("organisation", kOptionalId, *role.mutable_organisation());
    });
  }
  data.Text("manager", {.length_max = 64}, *event.mutable_manager());
  weft::common::v1::Money limit;
  if (ReadMoney(data, "approvalLimit", false, Sign::kNotNegative, limit, cleared)) {
    *event.mutable_approval_limit() = std::move(limit);
  }
  data.Text("substitute", {.length_max = 64}, *event.mutable_substitute());
  data.Text("language", {.length_max = 35}, *event.mutable_language());
  data.Text("timeZone", {.length_max = 64}, *event.mutable_time_zone());
  bool disabled = event.disabled();
  data.Flag("disabled", false, disabled);
  event.set_disabled(disabled);
  Refer(content, Kind::kAccount, event.account());
  Refer(content, Kind::kUser, event.manager());
  Refer(content, Kind::kUser, event.substitute());
}

void ReadPriceBook(Fields& data, Content& content) {
  auto& event = EventOf<facts::PriceBookChanged>(content);
  data.Text("book", kId, *event.mutable_book());
  data.Text("name", kName, *event.mutable_name());
  data.Currency("currencyCode", true, *event.mutable_currency_code());
  ReadTexts(data, "groups", 10, kOptionalId, *event.mutable_groups());
  data.Text("organisation", kOptionalId, *event.mutable_organisation());
  data.Text("branch", kOptionalId, *event.mutable_branch());
  data.Text("channel", kOptionalId, *event.mutable_channel());
  int64_t priority = event.priority();
  data.Whole("priority", {.min = -1000000, .max = 1000000}, priority);
  event.set_priority(static_cast<int32_t>(priority));
  ReadValidity(data, event);
}

void ReadPrice(Fields& data, const Envelope& envelope, Content& content) {
  auto& event = EventOf<facts::PriceChanged>(content);
  data.Skip("book");
  data.Skip("sku");
  data.Skip("unit");
  data.Skip("entry");
  event.set_book(envelope.key[0]);
  event.set_sku(envelope.key[1]);
  event.set_unit(envelope.key[2]);
  event.set_entry(envelope.key[3]);
  ReadTierList(data, {.from = "minimumQuantity", .value = "price"},
               &facts::PriceTier::mutable_minimum_quantity, &facts::PriceTier::mutable_price,
               *event.mutable_tiers());
  facts::TierMode mode = event.tier_mode();
  ReadTierMode(data, mode);
  event.set_tier_mode(mode);
  data.Text("scaleGroup", kOptionalId, *event.mutable_scale_group());
  ReadValidity(data, event);
  int64_t per = event.per_quantity();
  data.Whole("perQuantity", {.min = 1}, per);
  event.set_per_quantity(per);
  content.references.push_back({Kind::kItem, {event.sku()}});
  content.references.push_back({Kind::kPriceBook, {event.book()}});
}

void ReadContract(Fields& data, Content& content) {
  auto& event = EventOf<facts::ContractChanged>(content);
  data.Text("contract", kLongId, *event.mutable_contract());
  data.Text("account", kOptionalId, *event.mutable_account());
  data.Text("group", kOptionalId, *event.mutable_group());
  data.Text("sku", kOptionalId, *event.mutable_sku());
  data.Text("category", kOptionalId, *event.mutable_category());
  bool everything = event.everything();
  data.Flag("everything", false, everything);
  event.set_everything(everything);
  if (data.Has("netPrice") + data.Has("discountPercent") + data.Has("discountTiers") +
          data.Has("book") >
      1) {
    data.Fail("FIELD_CONFLICT", "",
              "has more than one of netPrice, discountPercent, discountTiers and book");
  }
  bool cleared = false;
  if (const uint32_t node = data.Object("netPrice", false, cleared); node != 0) {
    facts::ContractChanged::NetPrice price;
    Fields net(data.tree(), node, &data, "netPrice", data.problem());
    net.set_patch(false);
    net.Text("unit", kUnit, *price.mutable_unit());
    net.Currency("currencyCode", true, *price.mutable_currency_code());
    ReadTierList(net, {.from = "minimumQuantity", .value = "price"},
                 &facts::PriceTier::mutable_minimum_quantity, &facts::PriceTier::mutable_price,
                 *price.mutable_tiers());
    facts::TierMode mode = facts::TIER_MODE_UNSPECIFIED;
    ReadTierMode(net, mode);
    price.set_tier_mode(mode);
    net.Text("scaleGroup", kOptionalId, *price.mutable_scale_group());
    int64_t per = 0;
    net.Whole("perQuantity", {.min = 1}, per);
    price.set_per_quantity(per);
    net.Done();
    *event.mutable_net_price() = std::move(price);
  }
  if (const uint32_t node = data.Object("discountTiers", false, cleared); node != 0) {
    facts::ContractChanged::DiscountTiers discounts;
    Fields tiers(data.tree(), node, &data, "discountTiers", data.problem());
    tiers.set_patch(false);
    tiers.Text("unit", kUnit, *discounts.mutable_unit());
    tiers.Text("scaleGroup", kOptionalId, *discounts.mutable_scale_group());
    ReadTierList(tiers, {.from = "minimumQuantity", .value = "percent", .percent = true},
                 &facts::DiscountTier::mutable_minimum_quantity,
                 &facts::DiscountTier::mutable_percent, *discounts.mutable_tiers());
    tiers.Done();
    *event.mutable_discount_tiers() = std::move(discounts);
  }
  std::string text;
  if (data.Decimal("discountPercent", {.sign = Sign::kNotNegative}, text) && !text.empty()) {
    if (text != "100" && !IsLess(text, "100")) {
      data.Fail("FIELD_RANGE", "discountPercent", "must not be above 100");
    }
    event.set_discount_percent(text);
  }
  text.clear();
  if (data.Text("book", kOptionalId, text) && !text.empty()) event.set_book(text);
  ReadValidity(data, event);
  data.Text("reference", kName, *event.mutable_reference());
  data.Text("project", kOptionalId, *event.mutable_project());
  data.Text("shipTo", kOptionalId, *event.mutable_ship_to());
  ReadTexts(data, "exceptSkus", 200, kOptionalId, *event.mutable_except_skus());
  ReadTexts(data, "exceptCategories", 50, kOptionalId, *event.mutable_except_categories());
  data.Text("organisation", kOptionalId, *event.mutable_organisation());
  data.Text("branch", kOptionalId, *event.mutable_branch());
  data.Text("channel", kOptionalId, *event.mutable_channel());
  if (!data.ok()) return;
  if (!event.project().empty() && !event.ship_to().empty()) {
    data.Fail("FIELD_CONFLICT", "shipTo", "and project exclude each other");
  }
  if (event.account().empty() && (!event.project().empty() || !event.ship_to().empty())) {
    data.Fail("FIELD_CONFLICT", "", "project and shipTo need an account");
  }
  if (event.account().empty() == event.group().empty()) {
    data.Fail("FIELD_CONFLICT", "", "must have exactly one of account and group");
  }
  if (!event.sku().empty() + !event.category().empty() + event.everything() != 1) {
    data.Fail("FIELD_CONFLICT", "", "must have exactly one of sku, category and everything");
  }
  if (event.promise_case() == facts::ContractChanged::PROMISE_NOT_SET) {
    data.Fail("FIELD_CONFLICT", "",
              "must have exactly one of netPrice, discountPercent, discountTiers and book");
  }
  Refer(content, Kind::kAccount, event.account());
  Refer(content, Kind::kItem, event.sku());
  if (event.promise_case() == facts::ContractChanged::kBook) {
    Refer(content, Kind::kPriceBook, event.book());
  }
}

void ReadPartNumber(Fields& data, Content& content) {
  auto& event = EventOf<facts::PartNumberChanged>(content);
  data.Text("account", kId, *event.mutable_account());
  data.Text("customerSku", kLongId, *event.mutable_customer_sku());
  data.Text("sku", kId, *event.mutable_sku());
  Refer(content, Kind::kAccount, event.account());
  Refer(content, Kind::kItem, event.sku());
}

void ReadLocation(Fields& data, Content& content) {
  auto& event = EventOf<facts::LocationChanged>(content);
  data.Text("location", kId, *event.mutable_location());
  data.Text("name", kName, *event.mutable_name());
  data.Text("branch", kOptionalId, *event.mutable_branch());
  bool closed = event.closed();
  data.Flag("closed", false, closed);
  event.set_closed(closed);
  int64_t priority = event.priority();
  data.Whole("priority", {.min = -1000000, .max = 1000000}, priority);
  event.set_priority(static_cast<int32_t>(priority));
}

}  // namespace weft::erp::read
