// Writes JSON texts for the ERP: in the order given, decimals as they are.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace weft::erp {

class JsonWriter {
 public:
  JsonWriter& BeginObject(absl::string_view name = "");
  JsonWriter& EndObject();
  JsonWriter& BeginArray(absl::string_view name);
  JsonWriter& EndArray();
  JsonWriter& Text(absl::string_view name, absl::string_view value);
  // Leaves an empty text out.
  JsonWriter& TextIf(absl::string_view name, absl::string_view value);
  // `digits` is a JSON number, "true" or "false".
  JsonWriter& Raw(absl::string_view name, absl::string_view digits);
  std::string Take() { return std::move(out_); }
  const std::string& text() const { return out_; }

 private:
  void Name(absl::string_view name);
  void Quote(absl::string_view text);

  std::string out_;
  bool first_ = true;
};

}  // namespace weft::erp
