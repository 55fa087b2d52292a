// The kinds of message of the canonical format, and what may be done with each.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace weft::erp {

// The numbers are stored in keys: never change or reuse one.
enum class Kind : uint8_t {
  kItem = 1,
  kAccount = 2,
  kCredit = 3,
  kUser = 4,
  kPriceBook = 5,
  kPrice = 6,
  kContract = 7,
  kPartNumber = 8,
  kLocation = 9,
  kStockCount = 10,
  kStockMovement = 11,
  kInvoice = 12,
  kOrder = 13,
  kOrderAcknowledged = 14,
  kOrderRejected = 15,
  kOrderShipped = 16,
  kOrderCancelAnswered = 17,
  kLoadBegin = 18,
  kLoadEnd = 19,
  kCategory = 20,
  kSurcharge = 21,
  kPromotion = 22,
  kRebateAgreement = 23,
  kExchangeRate = 24,
  kCost = 25,
};

inline constexpr int kKindCount = 25;

// What a message of a kind is about.
enum class Nature : uint8_t {
  kState,    // The whole state of an object; a newer one replaces it.
  kRecord,   // Something that happened; applied once, never changed.
  kControl,  // About the messages themselves.
};

struct KindInfo {
  Kind kind;
  absl::string_view type;  // In messages: "price".
  Nature nature;
  bool can_delete;         // `deleted` is allowed.
  bool can_load;           // load.begin may name it.
};

// One line a kind, in the order of the numbers.
const KindInfo& InfoOf(Kind kind);
std::optional<Kind> KindOf(absl::string_view type);

}  // namespace weft::erp
