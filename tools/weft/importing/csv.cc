#include "tools/weft/importing/csv.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::cli {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status At(absl::string_view reason, absl::string_view message, int line, int column) {
  return InvalidArgument(reason, message,
                         {{"line", absl::StrCat(line)}, {"column", absl::StrCat(column)}});
}

// Octets of the UTF-8 character that begins with `lead`; 0 = none does.
size_t CharacterSize(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

absl::Status CheckUtf8(absl::string_view text) {
  int line = 1, column = 1;
  for (size_t i = 0; i < text.size();) {
    const size_t size = CharacterSize(static_cast<unsigned char>(text[i]));
    bool whole = size != 0 && i + size <= text.size();
    for (size_t k = 1; whole && k < size; ++k) whole = IsContinuation(text[i + k]);
    if (!whole || text[i] == '\0') {
      return At("ENCODING_INVALID",
                "the file is not UTF-8; save it as \"CSV UTF-8\" or convert it with iconv", line,
                column);
    }
    ++column;
    if (text[i] == '\n') {
      ++line;
      column = 1;
    }
    i += size;
  }
  return absl::OkStatus();
}

char SeparatorOf(absl::string_view text) {
  const absl::string_view first = text.substr(0, text.find('\n'));
  char best = ',';
  std::ptrdiff_t most = 0;
  for (const char c : {',', ';', '\t', '|'}) {
    const std::ptrdiff_t count = std::count(first.begin(), first.end(), c);
    if (count > most) {
      most = count;
      best = c;
    }
  }
  return best;
}

int Characters(absl::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

}  // namespace

absl::StatusOr<CsvReader> CsvReader::Open(absl::string_view text) {
  if (text.substr(0, 3) == kByteOrderMark) text.remove_prefix(3);
  WEFT_RETURN_IF_ERROR(CheckUtf8(text));
  CsvReader reader(text, SeparatorOf(text));
  std::vector<Cell> header;
  WEFT_ASSIGN_OR_RETURN(const bool any, reader.Next(header));
  if (!any) return At("TABLE_EMPTY", "the file has no line that names its columns", 1, 1);
  if (header.size() > kMaxColumns) {
    return At("TOO_MANY_COLUMNS", absl::StrCat(header.size(), " columns; at most ", kMaxColumns),
              1, 1);
  }
  reader.header_ = std::move(header);
  return reader;
}

absl::StatusOr<bool> CsvReader::Next(std::vector<Cell>& row) {
  for (;;) {
    WEFT_ASSIGN_OR_RETURN(const bool any, ReadRow(row));
    if (!any) return false;
    if (std::any_of(row.begin(), row.end(), [](const Cell& c) { return !c.text.empty(); })) {
      return true;
    }
  }
}

absl::StatusOr<bool> CsvReader::ReadRow(std::vector<Cell>& row) {
  if (at_ >= text_.size()) return false;
  size_t cells = 0;
  size_t line_start = at_;
  const auto column_of = [&](size_t at) {
    return Characters(text_.substr(line_start, at - line_start)) + 1;
  };
  for (;;) {
    if (row.size() <= cells) row.emplace_back();
    Cell& cell = row[cells++];
    cell.text.clear();
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    cell.line = line_;
    cell.column = column_of(at_);
    if (at_ < text_.size() && text_[at_] == '"') {
      const int opened_line = cell.line, opened_column = cell.column;
      ++at_;
      for (;;) {
        if (at_ >= text_.size()) {
          return At("QUOTE_OPEN", "a quote opens here and does not close", opened_line,
                    opened_column);
        }
        const char c = text_[at_++];
        if (c == '"') {
          if (at_ >= text_.size() || text_[at_] != '"') break;
          ++at_;
        }
        cell.text.push_back(c);
        if (c == '\n') {
          ++line_;
          line_start = at_;
        }
      }
    }
    while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n') {
      cell.text.push_back(text_[at_++]);
    }
    absl::StripAsciiWhitespace(&cell.text);
    if (at_ >= text_.size()) break;
    if (text_[at_++] == '\n') {
      ++line_;
      break;
    }
  }
  row.resize(cells);
  return true;
}

std::string ColumnName(absl::string_view text) {
  std::string name;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      name.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
  }
  return name;
}

absl::StatusOr<Columns> Columns::Find(const std::vector<Cell>& header,
                                      const std::vector<Column>& columns) {
  Columns found;
  for (size_t i = 0; i < header.size(); ++i) {
    const std::string name = ColumnName(header[i].text);
    const Column* meant = nullptr;
    for (const Column& column : columns) {
      if (name == ColumnName(column.name) ||
          std::any_of(column.aliases.begin(), column.aliases.end(),
                      [&](const char* alias) { return name == ColumnName(alias); })) {
        meant = &column;
        break;
      }
    }
    if (meant == nullptr) {
      found.unknown_.push_back(header[i]);
    } else if (!found.at_.emplace(meant->name, i).second) {
      return At("COLUMN_REPEATED",
                absl::StrCat("'", header[i].text, "' is a second column for ", meant->name),
                header[i].line, header[i].column);
    }
  }
  for (const Column& column : columns) {
    if (!column.required || found.Has(column.name)) continue;
    std::string others;
    for (const char* alias : column.aliases) absl::StrAppend(&others, ", ", alias);
    return At("COLUMN_MISSING",
              absl::StrCat("no column ", column.name,
                           others.empty() ? "" : absl::StrCat(" (or", others.substr(1), ")")),
              1, 1);
  }
  return found;
}

const Cell& Columns::Of(const std::vector<Cell>& row, const std::string& name) const {
  const auto found = at_.find(name);
  if (found != at_.end() && found->second < row.size()) return row[found->second];
  empty_ = {.text = "", .line = row.empty() ? 0 : row.front().line, .column = 1};
  return empty_;
}

bool ReadNumber(absl::string_view text, bool comma, std::string& digits) {
  const char point = comma ? ',' : '.';
  const char thousands = comma ? '.' : ',';
  digits.clear();
  size_t i = 0;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    if (text[0] == '-') digits.push_back('-');
    ++i;
  }
  size_t whole = 0;    // Digits before the mark.
  size_t group = 0;    // Digits since the last thousands mark.
  bool grouped = false;
  for (; i < text.size() && text[i] != point; ++i) {
    if (text[i] == thousands) {
      if (group == 0 || group > 3 || (grouped && group != 3)) return false;
      grouped = true;
      group = 0;
      continue;
    }
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) return false;
    digits.push_back(text[i]);
    ++whole;
    ++group;
  }
  if (whole == 0 || (grouped && group != 3)) return false;
  if (i == text.size()) return true;
  digits.push_back('.');
  if (++i == text.size()) return false;
  for (; i < text.size(); ++i) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) return false;
    digits.push_back(text[i]);
  }
  return true;
}

}  // namespace weft::cli
