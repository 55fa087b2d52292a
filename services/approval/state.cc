#include "services/approval/state.h"

#include "absl/strings/match.h"

namespace weft::approval {

std::string NewestFirstKey(absl::Time created, absl::string_view id) {
  return engine::Key().Add(-absl::ToUnixMicros(created)).Add(id).Take();
}

std::string AccountNewestFirstKey(absl::string_view account, absl::Time created,
                                  absl::string_view id) {
  return engine::Key().Add(account).Add(-absl::ToUnixMicros(created)).Add(id).Take();
}

std::string PairKey(absl::string_view first, absl::string_view second) {
  return engine::Key().Add(first).Add(second).Take();
}

std::string PairKey(absl::string_view first, int64_t second) {
  return engine::Key().Add(first).Add(second).Take();
}

std::string NumberKey(int64_t number) { return engine::Key().Add(number).Take(); }

std::string PrefixKey(absl::string_view first) { return engine::Key().Add(first).Take(); }

std::string TaskKey(absl::string_view assignee, absl::Time created, absl::string_view approval) {
  return engine::Key().Add(assignee).Add(absl::ToUnixMicros(created)).Add(approval).Take();
}

std::string IdOf(absl::string_view name, absl::string_view collection) {
  if (!absl::StartsWith(name, collection)) return "";
  name.remove_prefix(collection.size());
  if (name.empty() || name[0] != '/') return "";
  name.remove_prefix(1);
  if (name.size() > 255) return "";
  return std::string(name);
}

}  // namespace weft::approval
