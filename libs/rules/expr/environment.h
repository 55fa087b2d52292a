// What an expression may refer to: variables, records, declared functions, and
// the container that shortens names (LANGUAGE: names).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/rules/expr/ast.h"
#include "libs/rules/expr/functions.h"
#include "libs/rules/expr/type.h"

namespace weft::rules::expr {

// What is known of a number, or of the amount of money, before any evaluation.
struct NumberRange {
  std::optional<Decimal> low;
  std::optional<Decimal> high;
  bool low_open = false;    // The end itself is outside.
  bool high_open = false;
  bool nonzero = false;
  uint16_t currency = 0;    // Of money, when it can be only one; 0 = not known.
};

// The most that a value may hold, for cost bounds.
struct SizeLimits {
  uint32_t items = 1000;    // Elements of a list or map.
  uint32_t length = 1000;   // Octets of a text, also of those in lists and maps.
};

struct FieldDeclaration {
  std::string name;
  Type type;
  bool optional = false;   // May be absent; has() tells.
  SizeLimits limits;
  NumberRange range;
};

// Fields are numbered by their place.
struct RecordDeclaration {
  std::string name;
  std::vector<FieldDeclaration> fields;
  // -1 when there is none of that name.
  int FieldNumber(absl::string_view field) const;
};

// Numbered by their place in the environment: the slot that Facts are asked for.
struct VariableDeclaration {
  std::string name;  // May be dotted.
  Type type;
  SizeLimits limits;
  NumberRange range;
};

struct Environment {
  std::string container;
  std::vector<VariableDeclaration> variables;
  std::vector<RecordDeclaration> records;
  // Declared for the checker only; calling one at run time is an error.
  std::vector<Function> functions;

  const RecordDeclaration* FindRecord(absl::string_view name) const;

  // What a name means.
  struct Meaning {
    int variable = -1;           // Slot, or
    std::string type_name;       // the name of a type as a value.
  };
  // Tries `name` in the container from the inside out (not when `absolute`).
  std::optional<Meaning> Resolve(absl::string_view name, bool absolute) const;
  // A function by name, in the container from the inside out; built in or declared.
  const Function* ResolveFunction(absl::string_view name, bool absolute) const;
};

}  // namespace weft::rules::expr
