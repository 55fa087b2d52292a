#include "libs/rules/rule_set/schema_match.h"

#include <set>

namespace weft::rules {
namespace {

// `seen` ends the descent into records that hold themselves.
bool Same(const expr::Type& type, const expr::Environment& a, const expr::Environment& b,
          std::set<std::string>& seen) {
  for (const expr::Type& param : type.params) {
    if (!Same(param, a, b, seen)) return false;
  }
  if (type.kind != expr::TypeKind::kRecord || !seen.insert(type.name).second) return true;
  const expr::RecordDeclaration* first = a.FindRecord(type.name);
  const expr::RecordDeclaration* second = b.FindRecord(type.name);
  if (first == nullptr || second == nullptr || first->fields.size() != second->fields.size()) {
    return false;
  }
  for (size_t i = 0; i < first->fields.size(); ++i) {
    const expr::FieldDeclaration& x = first->fields[i];
    const expr::FieldDeclaration& y = second->fields[i];
    if (x.name != y.name || x.type != y.type || x.optional != y.optional) return false;
    if (!Same(x.type, a, b, seen)) return false;
  }
  return true;
}

}  // namespace

bool HasRecordsOf(const expr::Type& type, const expr::Environment& environment) {
  return SameRecords(type, environment, environment);
}

bool SameRecords(const expr::Type& type, const expr::Environment& a, const expr::Environment& b) {
  std::set<std::string> seen;
  return Same(type, a, b, seen);
}

}  // namespace weft::rules
