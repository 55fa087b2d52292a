// Tables and small texts for people.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/timestamp.pb.h"
#include "weft/common/v1/common.pb.h"

namespace weft::cli {

// Columns as wide as their widest cell; numbers stand right.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns.
  void Add(std::vector<std::string> cells);
  void Print(std::ostream& out) const;
  bool empty() const { return rows_.empty(); }

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Characters as a terminal shows them: octets that begin one.
size_t Width(absl::string_view text);

// "14.20 GBP"; "-" when there is none.
std::string Show(const common::v1::Money& money);
// "600 EA".
std::string Show(const common::v1::Quantity& quantity);
// "2026-03-01 07:00:05Z"; "-" when there is none.
std::string Show(const google::protobuf::Timestamp& time);
// "ORDER_STATE_SENT" with "ORDER_STATE_" → "sent".
std::string ShowEnum(const std::string& name, absl::string_view prefix);
std::string OrDash(const std::string& text);

}  // namespace weft::cli
