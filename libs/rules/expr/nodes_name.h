// Evaluation nodes for constants, names, fields and indexes. Internal to the
// planner.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/plan.h"

namespace weft::rules::expr::internal {

struct ConstantNode final : PlanNode {
  ConstantNode(uint32_t at, Value v) : PlanNode(at), value(v) {}
  Value Run(Frame&) const override { return value; }
  const Value* Peek(Frame&, Value&) const override { return &value; }
  const Value* constant() const override { return &value; }
  Value value;
};

struct VariableNode final : PlanNode {
  VariableNode(uint32_t at, int s) : PlanNode(at), slot(s) {}
  Value Run(Frame& frame) const override {
    Value scratch;
    return *Peek(frame, scratch);
  }
  const Value* Peek(Frame& frame, Value& scratch) const override {
    if (!frame.context.Charge(1)) {
      scratch = Raise(Context::CostExceeded());
    } else if (frame.slots == nullptr) {
      scratch = Raise(frame.facts.Variable(slot, frame.context.arena));
    } else if (frame.slots[slot].is_error()) {
      scratch = Raise(frame.slots[slot]);
    } else {
      return &frame.slots[slot];
    }
    return &scratch;
  }
  int slot;
};

struct LocalNode final : PlanNode {
  LocalNode(uint32_t at, int s) : PlanNode(at), slot(s) {}
  Value Run(Frame& frame) const override {
    if (!frame.context.Charge(1)) return Raise(Context::CostExceeded());
    return frame.locals[slot];
  }
  int slot;
};

// An error that is known when the expression is planned.
struct FaultNode final : PlanNode {
  FaultNode(uint32_t at, Code c, std::string m) : PlanNode(at), code(c), message(std::move(m)) {}
  Value Run(Frame&) const override { return Raise(Value::Error(code, message)); }
  Code code;
  std::string message;
};

// The field of a record, where it stands when it stands ready.
inline const Value* PeekField(const PlanNode& node, const Value& of, int number, Frame& frame,
                              Value& scratch) {
  if (of.kind != Kind::kRecord) {
    scratch = of.is_error() ? of : node.Raise(NoOverload());
    return &scratch;
  }
  if (!frame.context.Charge(1)) {
    scratch = node.Raise(Context::CostExceeded());
    return &scratch;
  }
  if (const Value* ready = of.record->ready()) {
    if (!ready[number].is_error()) return &ready[number];
    scratch = node.Raise(ready[number]);
  } else {
    scratch = node.Raise(of.record->Field(number, frame.context.arena));
  }
  return &scratch;
}

// Field of a record whose type is known.
struct FieldNode final : LinkNode {
  FieldNode(uint32_t at, Plan l, int n) : LinkNode(at, std::move(l)), number(n) {}
  Value Continue(Frame& frame, const Value& of) const override {
    Value scratch;
    return *PeekField(*this, of, number, frame, scratch);
  }
  const Value* Peek(Frame& frame, Value& scratch) const override {
    Value of;
    return PeekField(*this, *left->Peek(frame, of), number, frame, scratch);
  }
  int number;
};

// The same of a fact: "line.quantity", the most frequent name.
struct FactFieldNode final : PlanNode {
  FactFieldNode(uint32_t at, VariableNode v, int n) : PlanNode(at), variable(v), number(n) {}
  Value Run(Frame& frame) const override {
    Value scratch;
    return *Peek(frame, scratch);
  }
  const Value* Peek(Frame& frame, Value& scratch) const override {
    Value of;
    return PeekField(*this, *variable.VariableNode::Peek(frame, of), number, frame, scratch);
  }
  VariableNode variable;
  int number;
};

struct SelectNode final : LinkNode {
  SelectNode(uint32_t at, Plan l, std::string f, const Environment& e, bool h)
      : LinkNode(at, std::move(l)), field(std::move(f)), has(h) {
    for (const RecordDeclaration& record : e.records) {
      const int number = record.FieldNumber(field);
      if (number >= 0) numbers.emplace_back(record.name, number);
    }
  }
  Value Continue(Frame& frame, const Value& of) const override {
    if (of.is_error()) return of;
    if (of.kind == Kind::kMap) {
      if (!frame.context.Charge(1 + Tenths(field.size()))) return Raise(Context::CostExceeded());
      const Value* found = MapFind(*of.map, Value::String(field));
      if (has) return Value::Bool(found != nullptr);
      if (found != nullptr) return *found;
      return Raise(MakeError(frame.context, Code::kNoSuchKey,
                             absl::StrCat("there is no key '", field, "'")));
    }
    if (of.kind != Kind::kRecord) return Raise(NoOverload());
    if (!frame.context.Charge(1)) return Raise(Context::CostExceeded());
    for (const auto& [name, number] : numbers) {
      if (absl::string_view(name) != of.record->type_name()) continue;
      const Value value = of.record->Field(number, frame.context.arena);
      if (!has) return Raise(value);
      return Value::Bool(!(value.is_error() && value.code == Code::kAbsentField));
    }
    return Raise(MakeError(frame.context, Code::kNoSuchKey,
                           absl::StrCat("there is no field '", field, "'")));
  }
  std::string field;
  std::vector<std::pair<std::string, int>> numbers;  // Of the field, by record.
  bool has;
};

// has(e.f) of a record whose type is known.
struct HasFieldNode final : LinkNode {
  HasFieldNode(uint32_t at, Plan l, int n) : LinkNode(at, std::move(l)), number(n) {}
  Value Continue(Frame& frame, const Value& of) const override {
    Value other;
    const Truth truth = Judge(frame, of, other);
    return truth == Truth::kOther ? other : Value::Bool(truth == Truth::kTrue);
  }
  Truth Test(Frame& frame, Value& other) const override {
    Value of;
    return Judge(frame, *left->Peek(frame, of), other);
  }
  Truth Judge(Frame& frame, const Value& of, Value& other) const {
    if (of.kind != Kind::kRecord) return Raise(of.is_error() ? of : NoOverload(), other);
    if (!frame.context.Charge(1)) return Raise(Context::CostExceeded(), other);
    const auto absent = [](const Value& v) { return v.is_error() && v.code == Code::kAbsentField; };
    const Value* ready = of.record->ready();
    const bool is_absent = ready != nullptr
                               ? absent(ready[number])
                               : absent(of.record->Field(number, frame.context.arena));
    return is_absent ? Truth::kFalse : Truth::kTrue;
  }
  int number;
};

struct IndexNode final : LinkNode {
  IndexNode(uint32_t at, Plan l, Plan k) : LinkNode(at, std::move(l)), key(std::move(k)) {}
  Value Continue(Frame& frame, const Value& of) const override {
    if (of.is_error()) return of;
    const Value at = key->Run(frame);
    if (at.is_error()) return at;
    const uint64_t text = at.kind == Kind::kString ? Tenths(at.length) : 0;
    if (!frame.context.Charge(1 + text)) return Raise(Context::CostExceeded());
    if (of.kind == Kind::kMap) {
      if (at.kind != Kind::kInt && at.kind != Kind::kUint && at.kind != Kind::kDouble &&
          at.kind != Kind::kString && at.kind != Kind::kBool) {
        return Raise(Value::Error(Code::kNoSuchKey, "a value of this type is never a key"));
      }
      const Value* found = MapFind(*of.map, at);
      if (found != nullptr) return *found;
      return Raise(MakeError(frame.context, Code::kNoSuchKey,
                             absl::StrCat("there is no key ", ToText(at, frame.context.arena))));
    }
    if (of.kind != Kind::kList) return Raise(NoOverload());
    int64_t index = -1;
    switch (at.kind) {
      case Kind::kInt: index = at.int_value; break;
      case Kind::kUint:
        index = at.uint_value > INT64_MAX ? -1 : static_cast<int64_t>(at.uint_value);
        break;
      case Kind::kDouble: {
        const double d = at.double_value;
        if (!(d >= -1e15 && d <= 1e15) || static_cast<double>(static_cast<int64_t>(d)) != d) {
          return Raise(Value::Error(Code::kInvalidArgument, "an index is a whole number"));
        }
        index = static_cast<int64_t>(d);
        break;
      }
      default: return Raise(NoOverload());
    }
    if (index < 0 || index >= of.length) {
      return Raise(MakeError(frame.context, Code::kIndexOutOfRange,
                             absl::StrCat("index ", index, " of a list of ", of.length)));
    }
    return of.items[index];
  }
  Plan key;
};

}  // namespace weft::rules::expr::internal
