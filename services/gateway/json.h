// Messages as JSON and back: proto3 canonical JSON.
//
// In: strict. Text that is not JSON (also comments, trailing commas, bare
// names), a field that is not known or given twice, one object where a list
// belongs: each is an error that names the JSON path. Fields may have their
// proto or their JSON name.
// Out: lowerCamelCase, enum names, 64-bit integers as strings, default values
// printed.
//
// Thread safe.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/type_resolver.h"

namespace weft::gateway {

class JsonCodec {
 public:
  // `pool` outlives it.
  explicit JsonCodec(const google::protobuf::DescriptorPool& pool);
  ~JsonCodec();

  // JSON text → the serialised message. `prefix` stands before every path in
  // errors ("thing." where the body fills one field).
  // Errors: INVALID_ARGUMENT / BODY_MALFORMED; and with metadata "field":
  // UNKNOWN_FIELD, FIELD_REPEATED, FIELD_MALFORMED.
  absl::StatusOr<std::string> ToWire(const google::protobuf::Descriptor& type,
                                     absl::string_view json,
                                     absl::string_view prefix = "") const;

  // A serialised message → JSON text, appended to `out`.
  // Errors: INTERNAL for bytes that do not parse.
  absl::Status ToJson(const google::protobuf::Descriptor& type, const std::string& wire,
                      std::string& out) const;

 private:
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
};

}  // namespace weft::gateway
