// A shop as plain CSV: which tables and columns there are, read into rows whose every
// value is checked by itself. What rows say about each other is check.h's.
//
//   items.csv      sku* name baseUnit* units categories state successorSku taxClass
//                  minimumQuantity quantityStep cost costCurrency
//   accounts.csv   account* name parent groups currency* organisation branch taxClass terms
//   books.csv      book* name currency* groups organisation branch channel priority
//                  validFrom validTo
//   prices.csv     sku* price* book currency unit minimumQuantity perQuantity validFrom validTo
//   contracts.csv  contract account group sku category price discountPercent book currency
//                  unit minimumQuantity perQuantity validFrom validTo
//   stock.csv      sku* onHand* location safety countedAt
//   invoices.csv   account* sku* quantity* date* unitPrice net invoice unit currency
//
// * = required. Other names a column may have stand in tables.cc. Lists are parted by
// "|"; units are "CS=12|PL=480" (base units), "DZ=1/12" for a part. A price or contract
// with tiers is a row per tier. Dates are 2026-03-01, 20260301 or 01.03.2026, a moment
// is RFC 3339; a date in validTo is its last day.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/money/decimal.h"

namespace weft::cli {

struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

// What was found in the tables.
struct Finding {
  bool error = false;    // The row cannot be loaded.
  std::string code;      // "OVERLAP"; README.md lists them.
  Place at;
  std::string subject;   // "prices LIST 85123A".
  std::string message;
};

struct Span {
  std::optional<absl::Time> from;
  std::optional<absl::Time> to;  // Half-open.
};

struct UnitRow {
  std::string unit;
  int64_t numerator = 1;
  int64_t denominator = 1;
};
struct ItemRow {
  Place at;
  std::string sku, name, base_unit, state, successor, tax_class, minimum, step, cost,
      cost_currency;
  std::vector<UnitRow> units;
  std::vector<std::string> categories;
};
struct AccountRow {
  Place at;
  std::string account, name, parent, currency, organisation, branch, tax_class, terms;
  std::vector<std::string> groups;
};
struct BookRow {
  Place at;
  std::string book, name, currency, organisation, branch, channel, priority;
  std::vector<std::string> groups;
  Span span;
};
struct PriceRow {
  Place at;
  std::string book, sku, unit, currency, minimum, price, per;
  Span span;
};
struct ContractRow {
  Place at;
  std::string contract, account, group, sku, category, price, discount, book, currency, unit,
      minimum, per;
  bool everything = false;
  Span span;
};
struct StockRow {
  Place at;
  std::string sku, location, on_hand, safety;
  absl::Time counted;
};
struct InvoiceRow {
  Place at;
  std::string invoice, account, sku, quantity, unit, unit_price, net, currency;
  // Another answer to the same question, for a shadow run.
  std::string again_unit_price, again_net;
  absl::Time time;
};

struct Shop {
  std::vector<ItemRow> items;
  std::vector<AccountRow> accounts;
  std::vector<BookRow> books;
  std::vector<PriceRow> prices;
  std::vector<ContractRow> contracts;
  std::vector<StockRow> stock;
  // Rows read per file, good and bad, in the order of the files.
  struct File {
    std::string name;
    int64_t rows = 0;
    int64_t bad = 0;
  };
  std::vector<File> files;
};

struct ReadOptions {
  absl::TimeZone zone = absl::UTCTimeZone();  // Of dates.
  absl::Time counted = absl::UnixEpoch();     // Of stock without countedAt.
};

// Reads the tables that `folder` has. Bad rows are left out and named in `findings`.
// Errors: NOT_FOUND / FOLDER_UNREADABLE, TABLES_MISSING.
absl::Status ReadFolder(const std::string& folder, const ReadOptions& options, Shop& shop,
                        std::vector<Finding>& findings);

// One table of invoices or of another system's answers (there quantity, date and price
// may be missing). `each` is called row by row. Errors: NOT_FOUND / FILE_UNREADABLE;
// INVALID_ARGUMENT as in csv.h.
absl::Status ReadInvoices(const std::string& file, const ReadOptions& options, bool answers,
                          std::vector<InvoiceRow>& rows, std::vector<Finding>& findings);

// 2026-03-01 and its like, or RFC 3339. `end`: a day stands for its end.
std::optional<absl::Time> ReadMoment(absl::string_view text, absl::TimeZone zone, bool end);

}  // namespace weft::cli
