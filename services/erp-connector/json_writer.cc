#include "services/erp-connector/json_writer.h"

namespace weft::erp {

void JsonWriter::Quote(absl::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out_ += '"';
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (u < 0x20) {
      out_ += "\\u00";
      out_ += kHex[u >> 4];
      out_ += kHex[u & 15];
    } else {
      out_ += c;
    }
  }
  out_ += '"';
}

void JsonWriter::Name(absl::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  if (name.empty()) return;
  Quote(name);
  out_ += ':';
}

JsonWriter& JsonWriter::BeginObject(absl::string_view name) {
  Name(name);
  out_ += '{';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  out_ += '}';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::BeginArray(absl::string_view name) {
  Name(name);
  out_ += '[';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  out_ += ']';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::Text(absl::string_view name, absl::string_view value) {
  Name(name);
  Quote(value);
  return *this;
}

JsonWriter& JsonWriter::TextIf(absl::string_view name, absl::string_view value) {
  return value.empty() ? *this : Text(name, value);
}

JsonWriter& JsonWriter::Raw(absl::string_view name, absl::string_view digits) {
  Name(name);
  out_.append(digits.data(), digits.size());
  return *this;
}

}  // namespace weft::erp
