// The rows of the ERP connector, by tenant.
//
//   1 objects      connection 0001 kind(8) part 0001 …   → ObjectRow
//   2 connections  connection 0001                       → ConnectionRow
//   3 counters     name 0001                             → CounterRow
//   4 loads        number(8)                             → LoadRow
//   5 parked       number(8)                             → ParkedRow
//   6 parked_keys  connection 0001 hold 0001 number(8)   → ParkedKeyRow
//   7 references   connection 0001 target 0001 source 0001 → ReferenceRow
//   8 exports      order 0001                            → ExportRow
//
// `kind` is domain/kind.h's number; the parts are those of the object's key. `hold` is
// "o" and what must stay in order (an object, or an order), or "r" and the key of the
// record, for messages whose object cannot be read. `target` and `source` are the
// rest of two objects' keys, from `kind` on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/engine/table.h"
#include "services/erp-connector/domain/kind.h"
#include "weft/erp/v1/state.pb.h"

namespace weft::erp {

inline constexpr engine::Table<v1::ObjectRow> kObjects{1, "objects"};
inline constexpr engine::Table<v1::ConnectionRow> kConnections{2, "connections"};
inline constexpr engine::Table<v1::CounterRow> kCounters{3, "counters"};
inline constexpr engine::Table<v1::LoadRow> kLoads{4, "loads", 1, "LOAD_NOT_FOUND"};
inline constexpr engine::Table<v1::ParkedRow> kParked{5, "parked", 1, "PARKED_NOT_FOUND"};
inline constexpr engine::Table<v1::ParkedKeyRow> kParkedKeys{6, "parked_keys"};
inline constexpr engine::Table<v1::ReferenceRow> kReferences{7, "references"};
inline constexpr engine::Table<v1::ExportRow> kExports{8, "exports", 1, "EXPORT_NOT_FOUND"};

std::string ConnectionKey(absl::string_view connection);
std::string CounterKey(absl::string_view name);
std::string NumberKey(int64_t number);
std::string OrderKey(absl::string_view order);

// An object's key without its connection, as references hold it.
std::string ObjectPart(Kind kind, const std::vector<std::string>& key);
std::string ObjectKey(absl::string_view connection, absl::string_view part);
// All objects of a kind.
std::string ObjectPrefix(absl::string_view connection, Kind kind);
// Reads back what ObjectPart built. False for other bytes.
bool ReadObjectPart(absl::string_view part, Kind& kind, std::vector<std::string>& key);

std::string ParkedKeyPrefix(absl::string_view connection, absl::string_view hold);
std::string ParkedKeyKey(absl::string_view connection, absl::string_view hold, int64_t number);

std::string ReferencePrefix(absl::string_view connection, absl::string_view target);
std::string ReferenceKey(absl::string_view connection, absl::string_view target,
                         absl::string_view source);

}  // namespace weft::erp
