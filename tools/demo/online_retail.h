// The invoice lines that the demo is made of: tests/data/online-retail.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weft::demo {

// One line of an invoice. Prices are whole thousandths of a pound, so nothing is
// lost and nothing is rounded.
struct InvoiceLine {
  std::string invoice;     // "536365"; a leading C marks a cancellation.
  std::string sku;         // In capital letters: the sources spell some both ways.
  std::string description;
  int64_t quantity = 0;    // Negative on cancellations.
  absl::Time time;         // The invoice's minute in London.
  int64_t price_milli = 0;
  std::string account;     // Empty for sales over the counter.
  std::string country;
};

// Reads the compressed CSV, in its order.
// Errors: NOT_FOUND / DEMO_DATA_MISSING, DATA_LOSS / DEMO_DATA_UNREADABLE.
absl::StatusOr<std::vector<InvoiceLine>> ReadOnlineRetail(const std::string& path);

// True for goods; false for postage, fees, vouchers and corrections.
bool IsGoods(const std::string& sku);

}  // namespace weft::demo
