#include "tools/weft/importing/tables.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/money/money.h"
#include "tools/weft/importing/csv.h"

namespace weft::cli {
namespace {

constexpr size_t kCode = 40, kUnit = 10, kName = 200, kContract = 60;

const std::vector<Column>& ItemColumns() {
  static const auto* const kColumns = new std::vector<Column>{
      {"sku", {"item", "item number", "item no", "article", "material", "product code"}, true},
      {"name", {"description", "item name"}},
      {"baseUnit", {"unit", "uom", "base uom", "unit of measure"}, true},
      {"units", {"unit conversions", "alternate units"}},
      {"categories", {"category", "product group", "item group"}},
      {"state", {"status"}},
      {"successorSku", {"successor", "replaced by"}},
      {"taxClass", {"tax", "tax code"}},
      {"minimumQuantity", {"minimum", "min", "moq", "min order qty"}},
      {"quantityStep", {"step", "multiple", "order multiple"}},
      {"cost", {"unit cost", "standard cost"}},
      {"costCurrency", {"currency"}}};
  return *kColumns;
}
const std::vector<Column>& AccountColumns() {
  static const auto* const kColumns = new std::vector<Column>{
      {"account", {"customer", "customer number", "customer no", "account number", "debtor"}, true},
      {"name", {"customer name"}},
      {"parent", {"parent account", "bill to", "head office"}},
      {"groups", {"group", "customer group", "price group"}},
      {"currency", {"currency code"}, true},
      {"organisation", {"organization", "company", "sales organisation"}},
      {"branch", {"location", "sales office"}},
      {"taxClass", {"tax", "tax code"}},
      {"terms", {"payment terms"}}};
  return *kColumns;
}
const std::vector<Column>& BookColumns() {
  static const auto* const kColumns = new std::vector<Column>{
      {"book", {"price list", "price book", "list"}, true},
      {"name", {"description"}},
      {"currency", {"currency code"}, true},
      {"groups", {"group", "customer group"}},
      {"organisation", {"organization", "company"}},
      {"branch", {}},
      {"channel", {}},
      {"priority", {}},
      {"validFrom", {"from", "start date"}},
      {"validTo", {"to", "end date"}}};
  return *kColumns;
}
const std::vector<Column>& PriceColumns() {
  static const auto* const kColumns = new std::vector<Column>{
      {"sku", {"item", "item number", "item no", "article", "material", "product code"}, true},
      {"price", {"unit price", "net price", "amount"}, true},
      {"book", {"price list", "price book", "list"}},
      {"currency", {"currency code"}},
      {"unit", {"uom", "unit of measure"}},
      {"minimumQuantity", {"minimum", "min qty", "from quantity", "scale quantity", "quantity"}},
      {"perQuantity", {"per", "price unit", "price per"}},
      {"validFrom", {"from", "start date", "valid from date"}},
      {"validTo", {"to", "end date", "valid to date"}}};
  return *kColumns;
}
const std::vector<Column>& ContractColumns() {
  static const auto* const kColumns = new std::vector<Column>{
      {"contract", {"agreement", "contract number", "reference"}},
      {"account", {"customer", "customer number", "customer no", "debtor"}},
      {"group", {"customer group"}},
      {"sku", {"item", "item number", "item no", "article", "material", "product code"}},
      {"category", {"product group", "item group"}},
      {"price", {"unit price", "net price"}},
      {"discountPercent", {"discount", "discount %", "percent"}},
      {"book", {"price list", "price book"}},
      {"currency", {"currency code"}},
      {"unit", {"uom", "unit of measure"}},
      {"minimumQuantity", {"minimum", "min qty", "from quantity", "quantity"}},
      {"perQuantity", {"per", "price unit", "price per"}},
      {"validFrom", {"from", "start date"}},
      {"validTo", {"to", "end date"}}};
  return *kColumns;
}
const std::vector<Column>& StockColumns() {
  static const auto* const kColumns = new std::vector<Column>{
      {"sku", {"item", "item number", "item no", "article", "material", "product code"}, true},
      {"onHand", {"on hand", "stock", "quantity", "qty"}, true},
      {"location", {"warehouse", "plant", "site"}},
      {"safety", {"safety stock"}},
      {"countedAt", {"as of", "counted", "date"}}};
  return *kColumns;
}
std::vector<Column> InvoiceColumns(bool answers) {
  return {{"account", {"customer", "customer number", "customer no", "debtor"}, !answers},
          {"sku", {"item", "item number", "item no", "article", "material", "product code"}, true},
          {"quantity", {"qty", "invoiced quantity"}, true},
          {"date", {"invoice date", "time", "as of", "posting date"}, !answers},
          {"unitPrice", {"price", "legacy price", "legacy unit price"}},
          {"net", {"amount", "net amount", "line net", "legacy net"}},
          {"invoice", {"invoice number", "document", "label"}},
          {"unit", {"uom", "unit of measure"}},
          {"currency", {"currency code"}},
          {"againUnitPrice", {"again price", "legacy price again"}},
          {"againNet", {"legacy net again"}}};
}

// One file: reads rows, names what is wrong with a cell, counts.
class TableReader {
 public:
  TableReader(std::string file, const ReadOptions& options, std::vector<Finding>& findings)
      : file_(std::move(file)), options_(options), findings_(findings) {}

  // Calls `each` for every row; a row with an error is bad and `each` is told by ok().
  template <typename Each>
  void Read(absl::string_view text, const std::vector<Column>& columns, Each each) {
    absl::StatusOr<CsvReader> reader = CsvReader::Open(text);
    if (!reader.ok()) return Fail(reader.status());
    absl::StatusOr<Columns> found = Columns::Find(reader->header(), columns);
    if (!found.ok()) return Fail(found.status());
    columns_ = &*found;
    for (const Cell& cell : found->unknown()) {
      findings_.push_back({.error = false,
                           .code = "COLUMN_UNKNOWN",
                           .at = {file_, cell.line, cell.column},
                           .subject = cell.text,
                           .message = "this column is not read"});
    }
    // Where numbers have a decimal comma, cells are parted by something else.
    comma_ = reader->separator() != ',' && HasDecimalComma(text, columns, *found);
    for (;;) {
      absl::StatusOr<bool> more = reader->Next(row_);
      if (!more.ok()) return Fail(more.status());
      if (!*more) return;
      ++rows;
      ok_ = true;
      if (row_.size() > reader->header().size()) {
        Bad(row_.back(), "ROW_TOO_LONG",
            absl::StrCat(row_.size(), " cells under ", reader->header().size(), " columns"));
      }
      each(*this);
      if (!ok_) ++bad;
    }
  }

  bool ok() const { return ok_; }
  bool Has(const char* column) const { return columns_->Has(column); }
  Place place() const { return {file_, row_.front().line, 1}; }

  std::string Text(const char* column, size_t max, bool required = false) {
    const Cell& cell = columns_->Of(row_, column);
    if (cell.text.empty() && required) {
      Bad(cell, "FIELD_REQUIRED", absl::StrCat(column, " is empty"));
    }
    if (cell.text.size() > max) {
      Bad(cell, "TEXT_TOO_LONG", absl::StrCat(column, " has more than ", max, " octets"));
    }
    for (const char c : cell.text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        Bad(cell, "TEXT_INVALID", absl::StrCat(column, " holds a control character"));
        break;
      }
    }
    return cell.text;
  }
  // Digits as the language reads them; "" where the cell is empty.
  std::string Number(const char* column, bool required = false, bool negative = false) {
    const Cell& cell = columns_->Of(row_, column);
    if (cell.text.empty()) {
      if (required) Bad(cell, "FIELD_REQUIRED", absl::StrCat(column, " is empty"));
      return "";
    }
    std::string digits;
    Decimal value;
    if (!ReadNumber(cell.text, comma_, digits) ||
        Decimal::ParseInto(digits, value) != DecimalError::kOk || value.scale() > 12) {
      Bad(cell, "NUMBER_INVALID", absl::StrCat(column, ": '", cell.text, "' is no number"));
      return "";
    }
    if (value.sign() < 0 && !negative) {
      Bad(cell, "NUMBER_NEGATIVE", absl::StrCat(column, ": ", digits, " is below 0"));
    }
    return digits;
  }
  std::vector<std::string> List(const char* column, size_t max) {
    std::vector<std::string> parts =
        absl::StrSplit(Text(column, 2000), '|', absl::SkipWhitespace());
    for (std::string& part : parts) {
      absl::StripAsciiWhitespace(&part);
      if (part.size() > max) {
        Bad(columns_->Of(row_, column), "TEXT_TOO_LONG",
            absl::StrCat(column, ": '", part.substr(0, 50), "' has more than ", max, " octets"));
      }
    }
    return parts;
  }
  std::string CurrencyCode(const char* column, bool required = false) {
    const std::string code = absl::AsciiStrToUpper(Text(column, 3, required));
    if (!code.empty() && Currency::Find(code).is_none()) {
      Bad(columns_->Of(row_, column), "CURRENCY_UNKNOWN",
          absl::StrCat(column, ": '", code, "' is no ISO 4217 code"));
    }
    return code;
  }
  std::optional<absl::Time> Moment(const char* column, bool end = false, bool required = false) {
    const std::string text = Text(column, 60, required);
    if (text.empty()) return std::nullopt;
    const std::optional<absl::Time> time = ReadMoment(text, options_.zone, end);
    if (!time.has_value()) {
      Bad(columns_->Of(row_, column), "DATE_INVALID",
          absl::StrCat(column, ": '", text, "' is no date such as 2026-03-01"));
    }
    return time;
  }
  Span Validity() {
    Span span{.from = Moment("validFrom"), .to = Moment("validTo", true)};
    if (span.from.has_value() && span.to.has_value() && *span.from >= *span.to) {
      Fault("validTo", "VALIDITY_EMPTY", "validTo lies before validFrom");
    }
    return span;
  }
  void Fault(const char* column, const char* code, const std::string& message) {
    Bad(columns_->Of(row_, column), code, message);
  }

  int64_t rows = 0;
  int64_t bad = 0;

 private:
  void Bad(const Cell& cell, const char* code, std::string message) {
    ok_ = false;
    findings_.push_back({.error = true,
                         .code = code,
                         .at = {file_, cell.line, cell.column},
                         .subject = row_.empty() ? "" : row_.front().text,
                         .message = std::move(message)});
  }
  // The file as a whole.
  void Fail(const absl::Status& status) {
    Finding finding{.error = true,
                    .code = ReasonOf(status),
                    .at = {file_, 1, 1},
                    .subject = "",
                    .message = std::string(status.message())};
    for (const auto& [key, value] : MetadataOf(status)) {
      int number = 0;
      if (!absl::SimpleAtoi(value, &number)) continue;
      if (key == "line") finding.at.line = number;
      if (key == "column") finding.at.column = number;
    }
    findings_.push_back(std::move(finding));
    ++bad;
  }
  // Whether some number of the file can only be read with a decimal comma.
  static bool HasDecimalComma(absl::string_view text, const std::vector<Column>& columns,
                              const Columns& found) {
    absl::StatusOr<CsvReader> again = CsvReader::Open(text);
    std::vector<Cell> row;
    std::string digits;
    for (;;) {
      absl::StatusOr<bool> more = again->Next(row);
      if (!more.ok() || !*more) return false;
      for (const Column& column : columns) {
        const std::string& cell = found.Of(row, column.name).text;
        if (cell.find(',') != std::string::npos && !ReadNumber(cell, false, digits) &&
            ReadNumber(cell, true, digits)) {
          return true;
        }
      }
    }
  }

  const std::string file_;
  const ReadOptions& options_;
  std::vector<Finding>& findings_;
  const Columns* columns_ = nullptr;
  std::vector<Cell> row_;
  bool comma_ = false;
  bool ok_ = true;
};

std::vector<UnitRow> Units(TableReader& row) {
  std::vector<UnitRow> units;
  for (const std::string& part : row.List("units", 60)) {
    const std::vector<std::string> sides = absl::StrSplit(part, '=');
    UnitRow unit;
    bool good = sides.size() == 2;
    if (good) {
      unit.unit = std::string(absl::StripAsciiWhitespace(sides[0]));
      const std::vector<std::string> ratio = absl::StrSplit(sides[1], '/');
      good = !unit.unit.empty() && unit.unit.size() <= kUnit && ratio.size() <= 2 &&
             absl::SimpleAtoi(ratio[0], &unit.numerator) && unit.numerator > 0 &&
             (ratio.size() == 1 ||
              (absl::SimpleAtoi(ratio[1], &unit.denominator) && unit.denominator > 0));
    }
    if (!good) {
      row.Fault("units", "UNIT_INVALID",
                absl::StrCat("'", part, "' is no unit such as CS=12 or DZ=1/12"));
      continue;
    }
    units.push_back(std::move(unit));
  }
  return units;
}

ItemRow Item(TableReader& row) {
  ItemRow item{.at = row.place(),
               .sku = row.Text("sku", kCode, true),
               .name = row.Text("name", kName),
               .base_unit = row.Text("baseUnit", kUnit, true),
               .state = absl::AsciiStrToUpper(row.Text("state", 20)),
               .successor = row.Text("successorSku", kCode),
               .tax_class = row.Text("taxClass", kCode),
               .minimum = row.Number("minimumQuantity"),
               .step = row.Number("quantityStep"),
               .cost = row.Number("cost"),
               .cost_currency = row.CurrencyCode("costCurrency"),
               .units = Units(row),
               .categories = row.List("categories", kCode)};
  if (!item.state.empty() && item.state != "ACTIVE" && item.state != "PHASE_OUT" &&
      item.state != "DISCONTINUED") {
    row.Fault("state", "STATE_UNKNOWN",
              absl::StrCat("'", item.state, "' is not ACTIVE, PHASE_OUT or DISCONTINUED"));
  }
  if (!item.cost.empty() && item.cost_currency.empty()) {
    row.Fault("cost", "FIELD_REQUIRED", "a cost needs a costCurrency");
  }
  return item;
}

ContractRow Contract(TableReader& row) {
  ContractRow contract{.at = row.place(),
                       .contract = row.Text("contract", kContract),
                       .account = row.Text("account", kCode),
                       .group = row.Text("group", kCode),
                       .sku = row.Text("sku", kCode),
                       .category = row.Text("category", kCode),
                       .price = row.Number("price"),
                       .discount = row.Number("discountPercent"),
                       .book = row.Text("book", kCode),
                       .currency = row.CurrencyCode("currency"),
                       .unit = row.Text("unit", kUnit),
                       .minimum = row.Number("minimumQuantity"),
                       .per = row.Number("perQuantity"),
                       .everything = false,
                       .span = row.Validity()};
  if (contract.sku == "*") {
    contract.everything = true;
    contract.sku.clear();
  }
  if (contract.account.empty() == contract.group.empty()) {
    row.Fault("account", "OWNER_AMBIGUOUS", "a contract has an account or a group, one of them");
  }
  if (int{contract.everything} + int{!contract.sku.empty()} + int{!contract.category.empty()} != 1) {
    row.Fault("sku", "TARGET_AMBIGUOUS",
              "a contract is for a sku, a category or everything (sku *), one of them");
  }
  if (int{!contract.price.empty()} + int{!contract.discount.empty()} +
          int{!contract.book.empty()} !=
      1) {
    row.Fault("price", "PROMISE_AMBIGUOUS",
              "a contract gives a price, a discountPercent or a book, one of them");
  }
  return contract;
}

bool ReadWhole(const std::string& path, std::string& text) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  text.assign(std::istreambuf_iterator<char>(file), {});
  return true;
}

InvoiceRow Invoice(TableReader& row, bool answers) {
  InvoiceRow invoice{.at = row.place(),
                     .invoice = row.Text("invoice", 100),
                     .account = row.Text("account", kCode, !answers),
                     .sku = row.Text("sku", kCode, true),
                     .quantity = row.Number("quantity", true, !answers),
                     .unit = row.Text("unit", kUnit),
                     .unit_price = row.Number("unitPrice", false, true),
                     .net = row.Number("net", false, true),
                     .currency = row.CurrencyCode("currency"),
                     .again_unit_price = row.Number("againUnitPrice", false, true),
                     .again_net = row.Number("againNet", false, true),
                     .time = absl::InfinitePast()};
  if (const auto time = row.Moment("date", false, !answers); time.has_value()) {
    invoice.time = *time;
  }
  if (!answers && invoice.unit_price.empty() && invoice.net.empty()) {
    row.Fault("unitPrice", "FIELD_REQUIRED", "a line has a unitPrice or a net");
  }
  return invoice;
}

}  // namespace

std::optional<absl::Time> ReadMoment(absl::string_view text, absl::TimeZone zone, bool end) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return time;
  absl::CivilDay day;
  int y = 0, m = 0, d = 0;
  const auto numbers = [&](absl::string_view a, absl::string_view b, absl::string_view c) {
    return absl::SimpleAtoi(a, &y) && absl::SimpleAtoi(b, &m) && absl::SimpleAtoi(c, &d);
  };
  const std::vector<absl::string_view> dots = absl::StrSplit(text, '.');
  const std::vector<absl::string_view> dashes = absl::StrSplit(text, '-');
  const bool read = dots.size() == 3     ? numbers(dots[2], dots[1], dots[0])
                    : dashes.size() == 3 ? numbers(dashes[0], dashes[1], dashes[2])
                    : text.size() == 8
                        ? numbers(text.substr(0, 4), text.substr(4, 2), text.substr(6, 2))
                        : false;
  if (!read || y < 1900 || y > 9998) return std::nullopt;
  day = absl::CivilDay(y, m, d);
  // A day that does not exist would become another one.
  if (day.month() != m || day.day() != d) return std::nullopt;
  return absl::FromCivil(end ? day + 1 : day, zone);
}

absl::Status ReadFolder(const std::string& folder, const ReadOptions& options, Shop& shop,
                        std::vector<Finding>& findings) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return NotFound("FOLDER_UNREADABLE", absl::StrCat("'", folder, "' is no folder"));
  }
  const auto table = [&](const char* name, const std::vector<Column>& columns, auto each) {
    std::string text;
    if (!ReadWhole(absl::StrCat(folder, "/", name), text)) return;
    TableReader reader(name, options, findings);
    reader.Read(text, columns, each);
    shop.files.push_back({.name = name, .rows = reader.rows, .bad = reader.bad});
  };
  table("items.csv", ItemColumns(), [&](TableReader& row) {
    ItemRow item = Item(row);
    if (row.ok()) shop.items.push_back(std::move(item));
  });
  table("accounts.csv", AccountColumns(), [&](TableReader& row) {
    AccountRow account{.at = row.place(),
                       .account = row.Text("account", kCode, true),
                       .name = row.Text("name", kName),
                       .parent = row.Text("parent", kCode),
                       .currency = row.CurrencyCode("currency", true),
                       .organisation = row.Text("organisation", kCode),
                       .branch = row.Text("branch", kCode),
                       .tax_class = row.Text("taxClass", kCode),
                       .terms = row.Text("terms", kCode),
                       .groups = row.List("groups", kCode)};
    if (row.ok()) shop.accounts.push_back(std::move(account));
  });
  table("books.csv", BookColumns(), [&](TableReader& row) {
    BookRow book{.at = row.place(),
                 .book = row.Text("book", kCode, true),
                 .name = row.Text("name", kName),
                 .currency = row.CurrencyCode("currency", true),
                 .organisation = row.Text("organisation", kCode),
                 .branch = row.Text("branch", kCode),
                 .channel = row.Text("channel", kCode),
                 .priority = row.Number("priority", false, true),
                 .groups = row.List("groups", kCode),
                 .span = row.Validity()};
    if (row.ok()) shop.books.push_back(std::move(book));
  });
  table("prices.csv", PriceColumns(), [&](TableReader& row) {
    PriceRow price{.at = row.place(),
                   .book = row.Text("book", kCode),
                   .sku = row.Text("sku", kCode, true),
                   .unit = row.Text("unit", kUnit),
                   .currency = row.CurrencyCode("currency"),
                   .minimum = row.Number("minimumQuantity"),
                   .price = row.Number("price", true),
                   .per = row.Number("perQuantity"),
                   .span = row.Validity()};
    if (price.book.empty()) price.book = "LIST";
    if (row.ok()) shop.prices.push_back(std::move(price));
  });
  table("contracts.csv", ContractColumns(), [&](TableReader& row) {
    ContractRow contract = Contract(row);
    if (row.ok()) shop.contracts.push_back(std::move(contract));
  });
  table("stock.csv", StockColumns(), [&](TableReader& row) {
    StockRow stock{.at = row.place(),
                   .sku = row.Text("sku", kCode, true),
                   .location = row.Text("location", kCode),
                   .on_hand = row.Number("onHand", true, true),
                   .safety = row.Number("safety"),
                   .counted = row.Moment("countedAt").value_or(options.counted)};
    if (stock.location.empty()) stock.location = "MAIN";
    if (row.ok()) shop.stock.push_back(std::move(stock));
  });
  if (shop.files.empty()) {
    return NotFound("TABLES_MISSING",
                    absl::StrCat("'", folder, "' has none of items.csv, accounts.csv, books.csv, "
                                 "prices.csv, contracts.csv, stock.csv"));
  }
  return absl::OkStatus();
}

absl::Status ReadInvoices(const std::string& file, const ReadOptions& options, bool answers,
                          std::vector<InvoiceRow>& rows, std::vector<Finding>& findings) {
  std::string text;
  if (!ReadWhole(file, text)) {
    return NotFound("FILE_UNREADABLE", absl::StrCat("cannot read '", file, "'"));
  }
  TableReader reader(std::filesystem::path(file).filename().string(), options, findings);
  reader.Read(text, InvoiceColumns(answers), [&](TableReader& row) {
    InvoiceRow invoice = Invoice(row, answers);
    if (row.ok()) rows.push_back(std::move(invoice));
  });
  return absl::OkStatus();
}

}  // namespace weft::cli
