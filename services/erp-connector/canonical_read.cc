#include "services/erp-connector/canonical_read.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weft::erp::read {

void SetTime(absl::Time time, google::protobuf::Timestamp& into) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  into.set_seconds(seconds);
  into.set_nanos(static_cast<int32_t>((time - absl::FromUnixSeconds(seconds)) /
                                      absl::Nanoseconds(1)));
}

bool ReadMoney(Fields& fields, absl::string_view name, bool required, Sign sign,
               weft::common::v1::Money& into, bool& cleared) {
  const uint32_t node = fields.Object(name, required, cleared);
  if (node == 0) return false;
  Fields money(fields.tree(), node, &fields, name, fields.problem());
  money.set_patch(false);
  money.Decimal("amount", {.required = true, .sign = sign}, *into.mutable_amount());
  money.Currency("currencyCode", true, *into.mutable_currency_code());
  money.Done();
  return fields.ok();
}

void ReadTexts(Fields& fields, absl::string_view name, uint32_t count_max, const TextRule& rule,
               google::protobuf::RepeatedPtrField<std::string>& into) {
  bool cleared = false;
  const uint32_t node = fields.List(name, false, 0, count_max, cleared);
  if (node == 0) {
    if (cleared) into.Clear();
    return;
  }
  into.Clear();
  const JsonTree& tree = fields.tree();
  TextRule each = rule;
  each.required = true;
  int index = 0;
  for (uint32_t i = node + 1; i < tree[node].next; i = tree[i].next, ++index) {
    const std::string place = absl::StrCat(name, "[", index, "]");
    if (tree[i].kind != JsonTree::Kind::kString) {
      fields.Fail("FIELD_TYPE", place, "must be a text");
      return;
    }
    absl::string_view reason;
    std::string message;
    if (!CheckText(tree[i], each, *into.Add(), reason, message)) {
      fields.Fail(reason, place, message);
      return;
    }
  }
}

bool ReadTime(Fields& fields, absl::string_view name, bool required,
              google::protobuf::Timestamp& into) {
  absl::Time time;
  bool cleared = false;
  if (!fields.Moment(name, required, time, cleared)) return false;
  SetTime(time, into);
  return true;
}

void Refer(Content& content, Kind kind, const std::string& key) {
  if (!key.empty()) content.references.push_back({kind, {key}});
}

bool IsLess(absl::string_view a, absl::string_view b) {
  const size_t a_whole = std::min(a.find('.'), a.size());
  const size_t b_whole = std::min(b.find('.'), b.size());
  if (a_whole != b_whole) return a_whole < b_whole;
  return a < b;  // Same length in front of the point: byte order is number order.
}

void ReadTierMode(Fields& data, weft::facts::v1::TierMode& into) {
  ReadWord(data, "tierMode", false, "TIER_MODE_", &weft::facts::v1::TierMode_Parse, into);
}

std::string OrderName(absl::string_view text) {
  if (absl::StartsWith(text, "orders/")) return std::string(text);
  return absl::StrCat("orders/", text);
}

}  // namespace weft::erp::read
