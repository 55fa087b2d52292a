#include "libs/rules/expr/environment.h"

#include "absl/strings/str_cat.h"

namespace weft::rules::expr {
namespace {

constexpr const char* kTypeNames[] = {
    "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type",
    "decimal", "money", "google.protobuf.Timestamp", "google.protobuf.Duration"};

// Calls `visit` with the qualified forms of `name`, innermost container first,
// until it returns true.
template <typename Visit>
void EachCandidate(const std::string& container, absl::string_view name, bool absolute,
                   const Visit& visit) {
  std::string prefix = absolute ? "" : container;
  while (true) {
    const std::string candidate =
        prefix.empty() ? std::string(name) : absl::StrCat(prefix, ".", name);
    if (visit(candidate) || prefix.empty()) return;
    const size_t dot = prefix.rfind('.');
    prefix = dot == std::string::npos ? "" : prefix.substr(0, dot);
  }
}

}  // namespace

int RecordDeclaration::FieldNumber(absl::string_view field) const {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == field) return static_cast<int>(i);
  }
  return -1;
}

const RecordDeclaration* Environment::FindRecord(absl::string_view name) const {
  for (const RecordDeclaration& record : records) {
    if (record.name == name) return &record;
  }
  return nullptr;
}

std::optional<Environment::Meaning> Environment::Resolve(absl::string_view name,
                                                         bool absolute) const {
  std::optional<Meaning> meaning;
  EachCandidate(container, name, absolute, [&](const std::string& candidate) {
    for (size_t i = 0; i < variables.size(); ++i) {
      if (variables[i].name == candidate) {
        meaning = Meaning{static_cast<int>(i), ""};
        return true;
      }
    }
    for (const char* type : kTypeNames) {
      if (candidate == type) {
        meaning = Meaning{-1, candidate};
        return true;
      }
    }
    return false;
  });
  return meaning;
}

const Function* Environment::ResolveFunction(absl::string_view name, bool absolute) const {
  const Function* found = nullptr;
  EachCandidate(container, name, absolute, [&](const std::string& candidate) {
    for (const Function& function : functions) {
      if (function.name == candidate) found = &function;
    }
    if (found == nullptr) found = FindFunction(candidate);
    return found != nullptr;
  });
  return found;
}

}  // namespace weft::rules::expr
