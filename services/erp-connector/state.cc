#include "services/erp-connector/state.h"

#include "absl/strings/str_cat.h"

namespace weft::erp {

std::string ConnectionKey(absl::string_view connection) {
  return engine::Key().Add(connection).Take();
}
std::string CounterKey(absl::string_view name) { return engine::Key().Add(name).Take(); }
std::string NumberKey(int64_t number) { return engine::Key().Add(number).Take(); }
std::string OrderKey(absl::string_view order) { return engine::Key().Add(order).Take(); }

std::string ObjectPart(Kind kind, const std::vector<std::string>& key) {
  engine::Key part;
  part.Add(static_cast<int64_t>(kind));
  for (const std::string& one : key) part.Add(one);
  return part.Take();
}

std::string ObjectKey(absl::string_view connection, absl::string_view part) {
  return absl::StrCat(ConnectionKey(connection), part);
}

std::string ObjectPrefix(absl::string_view connection, Kind kind) {
  return engine::Key().Add(connection).Add(static_cast<int64_t>(kind)).Take();
}

bool ReadObjectPart(absl::string_view part, Kind& kind, std::vector<std::string>& key) {
  engine::KeyReader reader(part);
  int64_t number = 0;
  if (!reader.Next(number) || number < 1 || number > kKindCount) return false;
  kind = static_cast<Kind>(number);
  key.clear();
  while (!reader.done()) {
    if (!reader.Next(key.emplace_back())) return false;
  }
  return true;
}

std::string ParkedKeyPrefix(absl::string_view connection, absl::string_view hold) {
  return engine::Key().Add(connection).Add(hold).Take();
}

std::string ParkedKeyKey(absl::string_view connection, absl::string_view hold, int64_t number) {
  return engine::Key().Add(connection).Add(hold).Add(number).Take();
}

std::string ReferencePrefix(absl::string_view connection, absl::string_view target) {
  return engine::Key().Add(connection).Add(target).Take();
}

std::string ReferenceKey(absl::string_view connection, absl::string_view target,
                         absl::string_view source) {
  return engine::Key().Add(connection).Add(target).Add(source).Take();
}

}  // namespace weft::erp
