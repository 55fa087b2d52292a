// Writes JSON text piece by piece, in the order it is told. For documents whose
// shape is fixed in code (errors, OpenAPI); messages go through json.h.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace weft::gateway {

// `text` as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD.
std::string JsonString(absl::string_view text);

class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  // The name of the value that is written next.
  JsonWriter& Key(absl::string_view key);
  JsonWriter& String(absl::string_view value);
  JsonWriter& Int(int64_t value);
  JsonWriter& Bool(bool value);
  // A value that is JSON already.
  JsonWriter& Raw(absl::string_view json);

  JsonWriter& Field(absl::string_view key, absl::string_view value) {
    return Key(key).String(value);
  }
  std::string Take() { return std::move(out_); }

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  void Separate();

  std::string out_;
  bool comma_ = false;  // A value stands before, on this level.
};

}  // namespace weft::gateway
