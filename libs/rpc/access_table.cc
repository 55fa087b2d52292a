#include "libs/rpc/access_table.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::rpc {

// Made from access.txt by embed_text.cmake.
extern const char kAccessText[];

namespace {

using Sets = std::map<std::string, std::set<std::string>>;

absl::Status Invalid(int line, absl::string_view what) {
  return InvalidArgument("ACCESS_TABLE_INVALID",
                         absl::StrCat("line ", line, " of the access table: ", what),
                         {{"line", absl::StrCat(line)}});
}

bool IsRole(absl::string_view word) {
  return std::any_of(std::begin(kRoles), std::end(kRoles),
                     [&](const char* role) { return word == role; });
}

// "a.b.v1.Service/Method".
bool IsMethod(absl::string_view word) {
  const size_t slash = word.find('/');
  return slash != absl::string_view::npos && slash > 0 && slash + 1 < word.size() &&
         word.find('/', slash + 1) == absl::string_view::npos;
}

absl::StatusOr<std::set<std::string>> Roles(const std::vector<std::string>& words,
                                            size_t first, const Sets& sets, int line) {
  std::set<std::string> roles;
  for (size_t i = first; i < words.size(); ++i) {
    if (words[i][0] == '@') {
      const auto set = sets.find(words[i]);
      if (set == sets.end()) {
        return Invalid(line, absl::StrCat("no set ", words[i], " is defined above"));
      }
      roles.insert(set->second.begin(), set->second.end());
    } else if (IsRole(words[i])) {
      roles.insert(words[i]);
    } else {
      return Invalid(line, absl::StrCat("'", words[i], "' is no role"));
    }
  }
  if (roles.empty()) return Invalid(line, "no role is named");
  return roles;
}

}  // namespace

absl::StatusOr<AccessTable> AccessTable::Parse(absl::string_view text) {
  AccessTable table;
  Sets sets;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = line.substr(0, line.find('#'));
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty()) continue;
    if (words[0][0] == '@') {
      if (words.size() < 3 || words[1] != "=") {
        return Invalid(number, "a set is written '@name = role ...'");
      }
      WEFT_ASSIGN_OR_RETURN(auto roles, Roles(words, 2, sets, number));
      if (!sets.emplace(words[0], std::move(roles)).second) {
        return Invalid(number, absl::StrCat("set ", words[0], " is defined twice"));
      }
      continue;
    }
    if (!IsMethod(words[0])) {
      return Invalid(number, absl::StrCat("'", words[0], "' is no 'package.Service/Method'"));
    }
    AccessRow row;
    if (words.size() == 2 && words[1] == "public") {
      row.is_public = true;
    } else {
      WEFT_ASSIGN_OR_RETURN(row.roles, Roles(words, 1, sets, number));
    }
    if (!table.rows_.emplace(words[0], std::move(row)).second) {
      return Invalid(number, absl::StrCat(words[0], " has two rows"));
    }
  }
  return table;
}

const AccessTable& AccessTable::Default() {
  static const AccessTable& table = *[] {
    absl::StatusOr<AccessTable> parsed = Parse(kAccessText);
    WEFT_CHECK_OK(parsed);  // access_table_test reads the same text.
    return new AccessTable(*std::move(parsed));
  }();
  return table;
}

const AccessRow* AccessTable::Find(absl::string_view method) const {
  const auto row = rows_.find(std::string(method));
  return row == rows_.end() ? nullptr : &row->second;
}

absl::Status CheckAccess(const AccessRow& row, absl::string_view method,
                         const Principal& principal) {
  if (row.is_public) return absl::OkStatus();
  for (const std::string& role : principal.roles) {
    if (row.roles.count(role) > 0) return absl::OkStatus();
  }
  return PermissionDenied(
      "ROLE_NOT_ALLOWED",
      absl::StrCat("none of the caller's roles may call ", method,
                   "; use a token with a role that may"),
      {{"method", std::string(method)}});
}

}  // namespace weft::rpc
