// Static types of expressions (LANGUAGE: types, the type checker).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace weft::rules::expr {

enum class TypeKind : uint8_t {
  kDyn,
  kNull,
  kBool,
  kInt,
  kUint,
  kDouble,
  kString,
  kBytes,
  kTimestamp,
  kDuration,
  kDecimal,
  kMoney,
  kType,
  kList,      // params: element
  kMap,       // params: key, value
  kRecord,    // name
  kVariable,  // only while checking; `variable` numbers it
};

struct Type {
  TypeKind kind = TypeKind::kDyn;
  int variable = 0;
  std::string name;
  std::vector<Type> params;

  bool operator==(const Type&) const = default;
  // "list(int)", "map(string, dyn)", "quote-line.Customer"
  std::string ToString() const;

  static Type Of(TypeKind kind) { return Type{kind, 0, "", {}}; }
  static Type List(Type element) { return Type{TypeKind::kList, 0, "", {std::move(element)}}; }
  static Type Map(Type key, Type value) {
    return Type{TypeKind::kMap, 0, "", {std::move(key), std::move(value)}};
  }
  static Type Record(std::string name) { return Type{TypeKind::kRecord, 0, std::move(name), {}}; }
  static Type Variable(int number) { return Type{TypeKind::kVariable, number, "", {}}; }
};

// Reads the text form: "list(map(string, int))"; a single upper-case letter is a
// type variable (A = 0); any other unknown name is a record. False on a fault.
bool ParseType(const std::string& text, Type& out);

}  // namespace weft::rules::expr
