// Small readers shared by the kinds of the canonical format. Internal to
// canonical*.cc.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/erp-connector/canonical.h"
#include "services/erp-connector/fields.h"
#include "weft/common/v1/common.pb.h"

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
