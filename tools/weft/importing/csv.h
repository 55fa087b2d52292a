// CSV as spreadsheets and ERPs write it, with the place of every cell.
//
// Text: UTF-8, with or without a byte order mark; line ends LF or CRLF. Separator: the
// one of , ; tab | that the first line has most of. Quotes: "..." with "" for a quote;
// a quoted cell may hold separators and line ends. Blanks around a cell are not part
// of it. The first line names the columns; empty lines are passed over.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft::cli {

inline constexpr size_t kMaxColumns = 256;

struct Cell {
  std::string text;
  int line = 0;    // From 1.
  int column = 0;  // Of its first character, from 1, in characters.
};

// Reads rows of a text that outlives it.
class CsvReader {
 public:
  // Errors: INVALID_ARGUMENT / ENCODING_INVALID (no UTF-8, with line and column),
  // TABLE_EMPTY, TOO_MANY_COLUMNS.
  static absl::StatusOr<CsvReader> Open(absl::string_view text);

  const std::vector<Cell>& header() const { return header_; }
  char separator() const { return separator_; }
  // False at the end. `row` has as many cells as the line has.
  // Errors: INVALID_ARGUMENT / QUOTE_OPEN, with line and column in the metadata.
  absl::StatusOr<bool> Next(std::vector<Cell>& row);
  int line() const { return line_; }

 private:
  CsvReader(absl::string_view text, char separator) : text_(text), separator_(separator) {}
  absl::StatusOr<bool> ReadRow(std::vector<Cell>& row);

  absl::string_view text_;
  char separator_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Cell> header_;
};

// A name of a column as it is compared: lower case, letters and digits only.
std::string ColumnName(absl::string_view text);

// A column of a table and what else it may be called.
struct Column {
  const char* name;
  std::vector<const char*> aliases;
  bool required = false;
};

// Where the columns of a table stand.
class Columns {
 public:
  struct Unknown {
    Cell cell;
  };
  // Errors: INVALID_ARGUMENT / COLUMN_MISSING, COLUMN_REPEATED.
  static absl::StatusOr<Columns> Find(const std::vector<Cell>& header,
                                      const std::vector<Column>& columns);

  bool Has(const std::string& name) const { return at_.count(name) > 0; }
  // The cell, or an empty one at the end of the row.
  const Cell& Of(const std::vector<Cell>& row, const std::string& name) const;
  const std::vector<Cell>& unknown() const { return unknown_; }

 private:
  std::map<std::string, size_t> at_;
  std::vector<Cell> unknown_;
  mutable Cell empty_;
};

// A decimal as people write it to the digits as the language reads them: "1,234.50",
// "1.234,50" and "1234.5". `comma`: a comma is the decimal mark and a dot parts
// thousands; else the other way round. False for anything else.
bool ReadNumber(absl::string_view text, bool comma, std::string& digits);

}  // namespace weft::cli
