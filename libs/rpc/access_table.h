// Who may call what: role × method, as data.
//
// The rows stand in access.txt beside this header and are compiled in. The
// server asks before it calls a handler; which account, user or cost a caller
// may see is the room's to check.
//
// Grammar of the text, line by line; '#' starts a comment:
//
//   set  := "@" name "=" (role | set-use)+
//   row  := package "." service "/" method   ("public" | (role | set-use)+)
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/base/principal.h"

namespace weft::rpc {

// One method's row. `is_public` needs no token, and then `roles` is empty.
struct AccessRow {
  bool is_public = false;
  std::set<std::string> roles;
  bool operator==(const AccessRow&) const = default;
};

// A value; constant after construction, so it may be read from any thread.
class AccessTable {
 public:
  // Errors: INVALID_ARGUMENT / ACCESS_TABLE_INVALID, naming the line.
  static absl::StatusOr<AccessTable> Parse(absl::string_view text);
  // The compiled-in table.
  static const AccessTable& Default();

  // nullptr when the method has no row.
  const AccessRow* Find(absl::string_view method) const;
  // All rows, by method.
  const std::map<std::string, AccessRow>& rows() const { return rows_; }

 private:
  std::map<std::string, AccessRow> rows_;
};

// Shape: OK when one of the principal's roles is in the row.
// Errors: PERMISSION_DENIED / ROLE_NOT_ALLOWED.
absl::Status CheckAccess(const AccessRow& row, absl::string_view method,
                         const Principal& principal);

}  // namespace weft::rpc
