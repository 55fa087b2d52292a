// Small readers shared by the kinds of the canonical format. Internal to
// canonical*.cc.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/erp-connector/canonical.h"
#include "services/erp-connector/fields.h"
#include "weft/common/v1/common.pb.h"
#include "weft/facts/v1/facts.pb.h"

namespace weft::erp::read {

inline constexpr TextRule kId{.required = true, .length_max = 40};
inline constexpr TextRule kOptionalId{.length_max = 40};
inline constexpr TextRule kLongId{.required = true, .length_max = 100};
inline constexpr TextRule kUnit{.length_max = 10};
inline constexpr TextRule kName{.length_max = 200};
inline constexpr TextRule kNote{.length_max = 2000, .free_text = true};

void SetTime(absl::Time time, google::protobuf::Timestamp& into);

// {"amount":…, "currencyCode":…}. True when `into` was filled; `cleared` for a
// patch's null.
bool ReadMoney(Fields& fields, absl::string_view name, bool required, Sign sign,
               weft::common::v1::Money& into, bool& cleared);

// A list of texts replaces what was there.
void ReadTexts(Fields& fields, absl::string_view name, uint32_t count_max, const TextRule& rule,
               google::protobuf::RepeatedPtrField<std::string>& into);

// True when `into` was filled.
bool ReadTime(Fields& fields, absl::string_view name, bool required,
              google::protobuf::Timestamp& into);

// Runs `read(element, index)` for each object of the list at `node`.
template <typename Read>
void ForEachObject(Fields& fields, uint32_t node, absl::string_view name, const Read& read) {
  const JsonTree& tree = fields.tree();
  int index = 0;
  for (uint32_t i = node + 1; i < tree[node].next && fields.ok(); i = tree[i].next, ++index) {
    Fields element(tree, i, &fields, name, fields.problem(), index);
    element.set_patch(false);
    if (!fields.ok()) return;
    read(element, index);
    element.Done();
  }
}

template <typename Event>
Event& EventOf(Content& content) {
  return static_cast<Event&>(*content.event);
}

void Refer(Content& content, Kind kind, const std::string& key);

// Is `a` < `b`? Both are plain decimals not below 0 (PlainDecimal()).
bool IsLess(absl::string_view a, absl::string_view b);

// validFrom and validTo of books, prices and contracts. `mutable_validity` is
// called only when there is something to write.
template <typename Event>
void ReadValidity(Fields& data, Event& event) {
  absl::Time time;
  bool cleared = false;
  if (data.Moment("validFrom", false, time, cleared)) {
    SetTime(time, *event.mutable_validity()->mutable_from());
  } else if (cleared) {
    event.mutable_validity()->clear_from();
  }
  if (data.Moment("validTo", false, time, cleared)) {
    SetTime(time, *event.mutable_validity()->mutable_to());
  } else if (cleared) {
    event.mutable_validity()->clear_to();
  }
  if (!event.has_validity()) return;
  if (!event.validity().has_from() && !event.validity().has_to()) {
    event.clear_validity();
    return;
  }
  const auto& from = event.validity().from();
  const auto& to = event.validity().to();
  if (event.validity().has_from() && event.validity().has_to() &&
      (from.seconds() > to.seconds() ||
       (from.seconds() == to.seconds() && from.nanos() >= to.nanos()))) {
    data.Fail("FIELD_RANGE", "validTo", "must be after validFrom");
  }
}

// `tiers`: a list of objects with a quantity (or turnover) in rising order and a value,
// which may be no percent above 100. Replaces what was there.
struct TierNames {
  absl::string_view from;
  absl::string_view value;
  uint32_t count_max = 50;
  bool percent = false;
};
template <typename Tier>
void ReadTierList(Fields& data, const TierNames& names, std::string* (Tier::*from)(),
                  std::string* (Tier::*value)(), google::protobuf::RepeatedPtrField<Tier>& tiers) {
  bool cleared = false;
  const uint32_t node = data.List("tiers", true, 1, names.count_max, cleared);
  if (node == 0) return;
  tiers.Clear();
  std::string last;
  ForEachObject(data, node, "tiers", [&](Fields& element, int index) {
    Tier& tier = *tiers.Add();
    std::string& begins = *(tier.*from)();
    std::string& worth = *(tier.*value)();
    element.Decimal(names.from, {.required = true, .sign = Sign::kNotNegative}, begins);
    element.Decimal(names.value, {.required = true, .sign = Sign::kNotNegative}, worth);
    if (names.percent && element.ok() && IsLess("100", worth)) {
      element.Fail("FIELD_RANGE", names.value, "must not be above 100");
    }
    if (index > 0 && element.ok() && !IsLess(last, begins)) {
      element.Fail("FIELD_ORDER", names.from, "must be above that of the tier before it");
    }
    last = begins;
  });
}

// A word of an enum whose names begin with `prefix`. False when there is none to write.
template <typename Enum, typename Parse>
bool ReadWord(Fields& data, absl::string_view name, bool required, absl::string_view prefix,
              const Parse& parse, Enum& into) {
  std::string word;
  if (!data.Text(name, {.required = required, .length_max = 40}, word) || word.empty()) {
    return false;
  }
  const std::string full = absl::StrCat(prefix, word);
  if (!parse(full, &into) || static_cast<int>(into) == 0) {
    data.Fail("FIELD_FORMAT", name, "is none of the words of this field");
    return false;
  }
  return true;
}

// tierMode.
void ReadTierMode(Fields& data, weft::facts::v1::TierMode& into);

// The contents, one function a family of kinds. `data` is the object `data`.
void ReadItem(Fields& data, Content& content);
void ReadAccount(Fields& data, Content& content);
void ReadCredit(Fields& data, const Envelope& envelope, Content& content);
void ReadUser(Fields& data, Content& content);
void ReadPriceBook(Fields& data, Content& content);
void ReadPrice(Fields& data, const Envelope& envelope, Content& content);
void ReadContract(Fields& data, Content& content);
void ReadPartNumber(Fields& data, Content& content);
void ReadLocation(Fields& data, Content& content);
void ReadCategory(Fields& data, Content& content);
void ReadSurcharge(Fields& data, Content& content);
void ReadPromotion(Fields& data, Content& content);
void ReadRebateAgreement(Fields& data, Content& content);
void ReadExchangeRate(Fields& data, const Envelope& envelope, Content& content);
void ReadCost(Fields& data, const Envelope& envelope, Content& content);
void ReadStockCount(Fields& data, Content& content);
void ReadStockMovement(Fields& data, Content& content);
void ReadInvoice(Fields& data, Content& content);
void ReadOrder(Fields& data, Content& content);
void ReadOrderAcknowledged(Fields& data, Content& content);
void ReadOrderRejected(Fields& data, Content& content);
void ReadOrderShipped(Fields& data, Content& content);
void ReadOrderCancelAnswered(Fields& data, Content& content);

// "orders/<id>", whether the ERP sent it with or without "orders/".
std::string OrderName(absl::string_view text);

}  // namespace weft::erp::read
