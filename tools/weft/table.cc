#include "tools/weft/table.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace weft::cli {

size_t Width(absl::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  // What a mesh says must not move the cursor.
  for (std::string& cell : cells) {
    for (char& c : cell) {
      if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
    }
  }
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out) const {
  std::vector<size_t> widths;
  for (const Column& column : columns_) widths.push_back(Width(column.title));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  const auto print = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string pad(widths[i] - Width(cells[i]), ' ');
      const bool right = columns_[i].align == Align::kRight;
      absl::StrAppend(&line, i == 0 ? "" : "  ", right ? pad : "", cells[i], right ? "" : pad);
    }
    out << absl::StripTrailingAsciiWhitespace(line) << "\n";
  };
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(absl::AsciiStrToUpper(column.title));
  print(titles);
  for (const auto& row : rows_) print(row);
}

std::string Show(const common::v1::Money& money) {
  return money.amount().empty() ? "-" : absl::StrCat(money.amount(), " ", money.currency_code());
}

std::string Show(const common::v1::Quantity& quantity) {
  if (quantity.value().empty()) return "-";
  return quantity.unit().empty() ? quantity.value()
                                 : absl::StrCat(quantity.value(), " ", quantity.unit());
}

std::string Show(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

std::string ShowEnum(const std::string& name, absl::string_view prefix) {
  absl::string_view rest = name;
  absl::ConsumePrefix(&rest, prefix);
  std::string text = absl::AsciiStrToLower(rest);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text == "unspecified" ? "-" : text;
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

}  // namespace weft::cli
