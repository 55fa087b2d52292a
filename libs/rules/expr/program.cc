#include "libs/rules/expr/program.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/checker.h"
#include "libs/rules/expr/parser.h"
#include "libs/rules/expr/plan.h"

namespace weft::rules::expr {
namespace internal {
namespace {

Value TooMuch() {
  return Value::Error(Code::kSizeExceeded, "the evaluation needs more than 4 MiB");
}
Value TooMany() {
  return Value::Error(Code::kSizeExceeded, "a list or map has more than 10,000 elements");
}

struct ConstantNode final : PlanNode {
  ConstantNode(uint32_t at, Value v) : PlanNode(at), value(v) {}
  Value Run(Frame&) const override { return value; }
  const Value* constant() const override { return &value; }
  Value value;
};

struct VariableNode final : PlanNode {
  VariableNode(uint32_t at, int s) : PlanNode(at), slot(s) {}
  Value Run(Frame& frame) const override {
    if (!frame.context.Charge(1)) return Raise(Context::CostExceeded());
    if (frame.slots != nullptr) return Raise(frame.slots[slot]);
    return Raise(frame.facts.Variable(slot, frame.context.arena));
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

// Field of a record whose type is known.
struct FieldNode final : PlanNode {
  FieldNode(uint32_t at, Plan o, int n) : PlanNode(at), operand(std::move(o)), number(n) {}
  Value Run(Frame& frame) const override {
    const Value of = operand->Run(frame);
    if (of.is_error()) return of;
    if (!frame.context.Charge(1)) return Raise(Context::CostExceeded());
    if (of.kind != Kind::kRecord) return Raise(NoOverload());
    return Raise(of.record->Field(number, frame.context.arena));
  }
  Plan operand;
  int number;
};

struct SelectNode final : PlanNode {
  SelectNode(uint32_t at, Plan o, std::string f, const Environment& e, bool h)
      : PlanNode(at), operand(std::move(o)), field(std::move(f)), records(e.records), has(h) {}
  Value Run(Frame& frame) const override {
    const Value of = operand->Run(frame);
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
    int number = -1;
    for (const RecordDeclaration& record : records) {
      if (absl::string_view(record.name) == of.record->type_name()) {
        number = record.FieldNumber(field);
      }
    }
    if (number < 0) {
      return Raise(MakeError(frame.context, Code::kNoSuchKey,
                             absl::StrCat("there is no field '", field, "'")));
    }
    const Value value = of.record->Field(number, frame.context.arena);
    if (!has) return Raise(value);
    return Value::Bool(!(value.is_error() && value.code == Code::kAbsentField));
  }
  Plan operand;
  std::string field;
  std::vector<RecordDeclaration> records;
  bool has;
};

struct IndexNode final : PlanNode {
  IndexNode(uint32_t at, Plan o, Plan k) : PlanNode(at), operand(std::move(o)), key(std::move(k)) {}
  Value Run(Frame& frame) const override {
    const Value of = operand->Run(frame);
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
      case Kind::kUint: index = at.uint_value > INT64_MAX ? -1 : static_cast<int64_t>(at.uint_value); break;
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
  Plan operand;
  Plan key;
};

// && (kDecides = false) and || (kDecides = true) over a chain.
template <bool kDecides>
struct LogicNode final : PlanNode {
  LogicNode(uint32_t at, std::vector<Plan> o) : PlanNode(at), operands(std::move(o)) {}
  Value Run(Frame& frame) const override {
    Value result = operands[0]->Run(frame);
    for (size_t i = 0;; ++i) {
      if (result.kind == Kind::kBool) {
        if (result.bool_value == kDecides) return result;
      } else if (result.is_error() && IsFatal(result.code)) {
        return result;
      }
      if (i + 1 == operands.size()) break;
      const Value next = operands[i + 1]->Run(frame);
      if (next.kind == Kind::kBool && next.bool_value == kDecides) return next;
      if (next.is_error() && IsFatal(next.code)) return next;
      if (result.is_error()) continue;
      if (next.is_error()) {
        result = next;
      } else if (next.kind != Kind::kBool || result.kind != Kind::kBool) {
        result = Raise(NoOverload());
      }
    }
    return result.kind == Kind::kBool || result.is_error() ? result : Raise(NoOverload());
  }
  std::vector<Plan> operands;
};

struct ConditionalNode final : PlanNode {
  ConditionalNode(uint32_t at, Plan c, Plan t, Plan o)
      : PlanNode(at), condition(std::move(c)), then(std::move(t)), otherwise(std::move(o)) {}
  Value Run(Frame& frame) const override {
    const Value chosen = condition->Run(frame);
    if (chosen.is_error()) return chosen;
    if (chosen.kind != Kind::kBool) return Raise(NoOverload());
    return chosen.bool_value ? then->Run(frame) : otherwise->Run(frame);
  }
  Plan condition;
  Plan then;
  Plan otherwise;
};

struct CallNode final : PlanNode {
  CallNode(uint32_t at, Implementation f, std::vector<Plan> a)
      : PlanNode(at), implementation(f), arguments(std::move(a)) {}
  Value Run(Frame& frame) const override {
    constexpr size_t kInline = 4;
    Value few[kInline];
    Value* values = few;
    if (arguments.size() > kInline) {
      values = frame.context.arena.AllocateArray<Value>(arguments.size());
      if (values == nullptr) return Raise(TooMuch());
    }
    for (size_t i = 0; i < arguments.size(); ++i) {
      values[i] = arguments[i]->Run(frame);
      if (values[i].is_error()) return values[i];
    }
    return Raise(implementation(frame.context, values, arguments.size()));
  }
  Implementation implementation;
  std::vector<Plan> arguments;
};

struct UnaryNode final : PlanNode {
  UnaryNode(uint32_t at, Implementation f, Plan o)
      : PlanNode(at), implementation(f), operand(std::move(o)) {}
  Value Run(Frame& frame) const override {
    const Value value = operand->Run(frame);
    if (value.is_error()) return value;
    return Raise(implementation(frame.context, &value, 1));
  }
  Implementation implementation;
  Plan operand;
};

// A function of two arguments, the most frequent shape.
struct BinaryNode final : PlanNode {
  BinaryNode(uint32_t at, Implementation f, Plan l, Plan r)
      : PlanNode(at), implementation(f), left(std::move(l)), right(std::move(r)) {}
  Value Run(Frame& frame) const override {
    Value values[2];
    values[0] = left->Run(frame);
    if (values[0].is_error()) return values[0];
    values[1] = right->Run(frame);
    if (values[1].is_error()) return values[1];
    return Raise(implementation(frame.context, values, 2));
  }
  Implementation implementation;
  Plan left;
  Plan right;
};

// Both sides are decimals (or one money and one decimal for *), known by the checker.
template <DecimalError (*kOperation)(const Decimal&, const Decimal&, Decimal&), int kCost>
struct DecimalNode final : PlanNode {
  DecimalNode(uint32_t at, Plan l, Plan r) : PlanNode(at), left(std::move(l)), right(std::move(r)) {}
  Value Run(Frame& frame) const override {
    const Value a = left->Run(frame);
    if (a.is_error()) return a;
    const Value b = right->Run(frame);
    if (b.is_error()) return b;
    if (!frame.context.Charge(kCost)) return Raise(Context::CostExceeded());
    if (a.kind != Kind::kDecimal || b.kind != Kind::kDecimal) return Raise(NoOverload());
    Value result;
    result.kind = Kind::kDecimal;
    const DecimalError error = kOperation(a.decimal, b.decimal, result.decimal);
    return error == DecimalError::kOk ? result : Raise(FromDecimalError(error));
  }
  Plan left;
  Plan right;
};

// d.round(n) and d.round(n, mode) with both known when planned.
struct RoundNode final : PlanNode {
  RoundNode(uint32_t at, Plan o, int s, RoundingMode m)
      : PlanNode(at), operand(std::move(o)), scale(s), mode(m) {}
  Value Run(Frame& frame) const override {
    Value value = operand->Run(frame);
    if (value.is_error()) return value;
    if (!frame.context.Charge(4)) return Raise(Context::CostExceeded());
    if (value.kind != Kind::kDecimal) return Raise(NoOverload());
    Decimal rounded;
    const DecimalError error = RoundInto(value.decimal, scale, mode, rounded);
    if (error != DecimalError::kOk) return Raise(FromDecimalError(error));
    value.decimal = rounded;
    return value;
  }
  Plan operand;
  int scale;
  RoundingMode mode;
};

enum class Relation : uint8_t { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };

inline bool Holds(Relation relation, int order) {
  switch (relation) {
    case Relation::kLess: return order < 0;
    case Relation::kLessEqual: return order <= 0;
    case Relation::kGreater: return order > 0;
    case Relation::kGreaterEqual: return order >= 0;
    case Relation::kEqual: return order == 0;
    case Relation::kNotEqual: return order != 0;
  }
  return false;
}

// Both sides are ints, or both decimals, known by the checker.
template <Kind kKind>
struct CompareNode final : PlanNode {
  CompareNode(uint32_t at, Relation r, Plan l, Plan rhs)
      : PlanNode(at), relation(r), left(std::move(l)), right(std::move(rhs)),
        fixed(right->constant()) {}
  Value Run(Frame& frame) const override {
    const Value a = left->Run(frame);
    if (a.is_error()) return a;
    if (fixed != nullptr) return Judge(frame, a, *fixed);
    const Value b = right->Run(frame);
    if (b.is_error()) return b;
    return Judge(frame, a, b);
  }
  Value Judge(Frame& frame, const Value& a, const Value& b) const {
    if (!frame.context.Charge(kKind == Kind::kDecimal ? 2 : 1)) {
      return Raise(Context::CostExceeded());
    }
    if (a.kind != kKind || b.kind != kKind) return Raise(NoOverload());
    if constexpr (kKind == Kind::kInt) {
      return Value::Bool(Holds(relation, (a.int_value > b.int_value) - (a.int_value < b.int_value)));
    } else {
      return Value::Bool(Holds(relation, weft::Compare(a.decimal, b.decimal)));
    }
  }
  Relation relation;
  Plan left;
  Plan right;
  const Value* fixed;  // The right side when it is a constant.
};

// Comparison with a constant text.
template <bool kEqual>
struct TextEqualsNode final : PlanNode {
  TextEqualsNode(uint32_t at, Plan o, Value t) : PlanNode(at), operand(std::move(o)), text(t) {}
  Value Run(Frame& frame) const override {
    const Value value = operand->Run(frame);
    if (value.is_error()) return value;
    if (!frame.context.Charge(1 + Tenths(std::min(value.length, text.length)))) {
      return Raise(Context::CostExceeded());
    }
    const bool equal = value.kind == Kind::kString && value.view() == text.view();
    return Value::Bool(equal == kEqual);
  }
  Plan operand;
  Value text;
};

// x in [texts]: a set looked up by hash.
struct InTextsNode final : PlanNode {
  InTextsNode(uint32_t at, Plan o, Value m) : PlanNode(at), operand(std::move(o)), map(m) {}
  Value Run(Frame& frame) const override {
    const Value value = operand->Run(frame);
    if (value.is_error()) return value;
    if (!frame.context.Charge(2)) return Raise(Context::CostExceeded());
    return Value::Bool(value.kind == Kind::kString && MapFind(*map.map, value) != nullptr);
  }
  Plan operand;
  Value map;
};

// matches with a constant pattern.
struct MatchesNode final : PlanNode {
  MatchesNode(uint32_t at, Plan o, std::shared_ptr<const re2::RE2> p, size_t s)
      : PlanNode(at), operand(std::move(o)), pattern(std::move(p)), size(s) {}
  Value Run(Frame& frame) const override {
    const Value value = operand->Run(frame);
    if (value.is_error()) return value;
    if (!frame.context.Charge(1 + Tenths(value.length + 1) * ((size + 3) / 4))) {
      return Raise(Context::CostExceeded());
    }
    if (value.kind != Kind::kString) return Raise(NoOverload());
    return Value::Bool(PatternFound(*pattern, value.view()));
  }
  Plan operand;
  std::shared_ptr<const re2::RE2> pattern;
  size_t size;
};

struct ToDecimalNode final : PlanNode {
  ToDecimalNode(uint32_t at, Plan o) : PlanNode(at), operand(std::move(o)) {}
  Value Run(Frame& frame) const override {
    const Value value = operand->Run(frame);
    if (value.is_error() || value.kind == Kind::kDecimal) return value;
    Decimal decimal;
    return AsDecimal(value, decimal) ? Value::OfDecimal(decimal) : Raise(NoOverload());
  }
  Plan operand;
};

struct ListNode final : PlanNode {
  ListNode(uint32_t at, std::vector<Plan> e) : PlanNode(at), elements(std::move(e)) {}
  Value Run(Frame& frame) const override {
    if (!frame.context.Charge(10 + elements.size())) return Raise(Context::CostExceeded());
    auto* items = frame.context.arena.AllocateArray<Value>(elements.size() + 1);
    if (items == nullptr) return Raise(TooMuch());
    for (size_t i = 0; i < elements.size(); ++i) {
      items[i] = elements[i]->Run(frame);
      if (items[i].is_error()) return items[i];
    }
    return Value::List(items, elements.size());
  }
  std::vector<Plan> elements;
};

struct MapNode final : PlanNode {
  MapNode(uint32_t at, std::vector<Plan> e) : PlanNode(at), entries(std::move(e)) {}
  Value Run(Frame& frame) const override {
    const size_t size = entries.size() / 2;
    if (!frame.context.Charge(30 + 2 * size)) return Raise(Context::CostExceeded());
    auto* keys = frame.context.arena.AllocateArray<Value>(size + 1);
    auto* values = frame.context.arena.AllocateArray<Value>(size + 1);
    if (keys == nullptr || values == nullptr) return Raise(TooMuch());
    for (size_t i = 0; i < size; ++i) {
      keys[i] = entries[2 * i]->Run(frame);
      if (keys[i].is_error()) return keys[i];
      values[i] = entries[2 * i + 1]->Run(frame);
      if (values[i].is_error()) return values[i];
    }
    return Raise(MakeMap(keys, values, static_cast<uint32_t>(size), frame.context.arena));
  }
  std::vector<Plan> entries;
};

struct BindNode final : PlanNode {
  BindNode(uint32_t at, int s, Plan i, Plan b)
      : PlanNode(at), slot(s), init(std::move(i)), body(std::move(b)) {}
  Value Run(Frame& frame) const override {
    const Value value = init->Run(frame);
    if (value.is_error() && IsFatal(value.code)) return value;
    frame.locals[slot] = value;  // An error shows where the name is used.
    return body->Run(frame);
  }
  int slot;
  Plan init;
  Plan body;
};

struct ComprehensionNode final : PlanNode {
  explicit ComprehensionNode(uint32_t at) : PlanNode(at) {}

  Value Run(Frame& frame) const override {
    Context& context = frame.context;
    const Value over = range->Run(frame);
    if (over.is_error()) return over;
    if (over.kind != Kind::kList && over.kind != Kind::kMap) return Raise(NoOverload());
    if (!context.Charge(1)) return Raise(Context::CostExceeded());
    const uint32_t size = over.length;
    Value* out = nullptr;
    Value* out_keys = nullptr;
    uint32_t kept = 0;
    if (macro == Macro::kFilter || macro == Macro::kMap || macro == Macro::kSortBy ||
        macro == Macro::kTransformMap) {
      out = context.arena.AllocateArray<Value>(size + 1);
      if (out == nullptr) return Raise(TooMuch());
    }
    if (macro == Macro::kSortBy || macro == Macro::kTransformMap) {
      out_keys = context.arena.AllocateArray<Value>(size + 1);
      if (out_keys == nullptr) return Raise(TooMuch());
    }
    std::vector<Value> entries;  // transformMapEntry: key, value, key, value …
    Value pending;               // What && or || would remember.
    bool has_pending = false;
    uint32_t hits = 0;
    for (uint32_t i = 0; i < size; ++i) {
      const Value key = over.kind == Kind::kList ? Value::Int(i) : over.map->keys[i];
      const Value element = over.kind == Kind::kList ? over.items[i] : over.map->values[i];
      if (!context.Charge(1)) return Raise(Context::CostExceeded());
      const Value first = two || over.kind == Kind::kMap ? key : element;
      frame.locals[slot1] = first;
      if (two) frame.locals[slot2] = element;
      if (predicate != nullptr) {
        const Value accepted = predicate->Run(frame);
        if (accepted.is_error()) return accepted;
        if (accepted.kind != Kind::kBool) return predicate->Raise(NoOverload());
        if (!accepted.bool_value) continue;
      }
      const Value value = body->Run(frame);
      switch (macro) {
        case Macro::kAll: case Macro::kExists: {
          const bool decides = macro == Macro::kExists;
          if (value.kind == Kind::kBool) {
            if (value.bool_value == decides) return value;
          } else if (value.is_error() && IsFatal(value.code)) {
            return value;
          } else if (!has_pending || (!pending.is_error() && value.is_error())) {
            pending = value.is_error() ? value : body->Raise(NoOverload());
            has_pending = true;
          }
          continue;
        }
        case Macro::kExistsOne:
          if (value.is_error()) return value;
          if (value.kind != Kind::kBool) return body->Raise(NoOverload());
          hits += value.bool_value ? 1 : 0;
          continue;
        case Macro::kFilter:
          if (value.is_error()) return value;
          if (value.kind != Kind::kBool) return body->Raise(NoOverload());
          if (!value.bool_value) continue;
          if (!context.Charge(1)) return Raise(Context::CostExceeded());
          out[kept++] = first;
          continue;
        default: break;
      }
      if (value.is_error()) return value;
      if (!context.Charge(1)) return Raise(Context::CostExceeded());
      if (macro == Macro::kTransformMapEntry) {
        if (value.kind != Kind::kMap) return body->Raise(NoOverload());
        for (uint32_t j = 0; j < value.length; ++j) {
          entries.push_back(value.map->keys[j]);
          entries.push_back(value.map->values[j]);
        }
        if (entries.size() / 2 > kElementsMax) return Raise(TooMany());
        continue;
      }
      if (macro == Macro::kSortBy) {
        out_keys[kept] = value;
        out[kept++] = first;
      } else {
        if (out_keys != nullptr) out_keys[kept] = key;
        out[kept++] = value;
      }
    }
    switch (macro) {
      case Macro::kAll: return has_pending ? pending : Value::Bool(true);
      case Macro::kExists: return has_pending ? pending : Value::Bool(false);
      case Macro::kExistsOne: return Value::Bool(hits == 1);
      case Macro::kSortBy: return Raise(SortByKeys(context, out, out_keys, kept));
      case Macro::kTransformMap: return Raise(MakeMap(out_keys, out, kept, context.arena));
      case Macro::kTransformMapEntry: {
        const uint32_t count = static_cast<uint32_t>(entries.size() / 2);
        auto* keys = context.arena.AllocateArray<Value>(count + 1);
        auto* values = context.arena.AllocateArray<Value>(count + 1);
        if (keys == nullptr || values == nullptr) return Raise(TooMuch());
        for (uint32_t i = 0; i < count; ++i) {
          keys[i] = entries[2 * i];
          values[i] = entries[2 * i + 1];
        }
        return Raise(MakeMap(keys, values, count, context.arena));
      }
      default: return Value::List(out, kept);
    }
  }

  Macro macro = Macro::kNone;
  bool two = false;
  int slot1 = 0;
  int slot2 = 0;
  Plan range;
  Plan predicate;
  Plan body;
};

}  // namespace
}  // namespace internal

using internal::Plan;
using internal::PlanNode;

class Planner {
 public:
  Planner(const Environment& environment, const CompileOptions& options, Program& program)
      : environment_(environment), options_(options), program_(program) {}

  Plan Build(const Node& node) {
    Plan plan = BuildBare(node);
    if (node.as_decimal && node.kind != NodeKind::kDouble && plan->constant() == nullptr) {
      return std::make_unique<internal::ToDecimalNode>(node.offset, std::move(plan));
    }
    return plan;
  }

 private:
  template <typename T, typename... Args>
  Plan Make(const Node& node, Args&&... args) {
    return std::make_unique<T>(node.offset, std::forward<Args>(args)...);
  }
  Plan Constant(const Node& node, Value value) {
    return Make<internal::ConstantNode>(node, value);
  }
  Value Keep(Value value) {
    if (value.kind == Kind::kString || value.kind == Kind::kBytes || value.kind == Kind::kType) {
      value.text = program_.constants_.Copy(value.view()).data();
    }
    return value;
  }

  Plan BuildBare(const Node& node) {
    switch (node.kind) {
      case NodeKind::kNull: return Constant(node, Value::Null());
      case NodeKind::kBool: return Constant(node, Value::Bool(node.bool_value));
      case NodeKind::kInt:
        return Constant(node, node.as_decimal ? Value::OfDecimal(Decimal(node.int_value))
                                              : Value::Int(node.int_value));
      case NodeKind::kUint:
        return Constant(node, node.as_decimal
                                  ? Value::OfDecimal(Decimal::FromUint(node.uint_value))
                                  : Value::Uint(node.uint_value));
      case NodeKind::kDouble: {
        Decimal decimal;
        if (node.as_decimal && Decimal::ParseInto(node.text, decimal) == DecimalError::kOk) {
          return Constant(node, Value::OfDecimal(decimal));
        }
        return Constant(node, Value::Double(node.double_value));
      }
      case NodeKind::kString: return Constant(node, Keep(Value::String(node.text)));
      case NodeKind::kBytes: return Constant(node, Keep(Value::Bytes(node.text)));
      case NodeKind::kIdent: case NodeKind::kSelect: case NodeKind::kHas: return BuildName(node);
      case NodeKind::kIndex:
        return Make<internal::IndexNode>(node, Build(*node.children[0]), Build(*node.children[1]));
      case NodeKind::kAnd: return Make<internal::LogicNode<false>>(node, BuildAll(node));
      case NodeKind::kOr: return Make<internal::LogicNode<true>>(node, BuildAll(node));
      case NodeKind::kConditional: {
        std::vector<Plan> parts = BuildAll(node);
        return Make<internal::ConditionalNode>(node, std::move(parts[0]), std::move(parts[1]),
                                               std::move(parts[2]));
      }
      case NodeKind::kList: return Fold(node, Make<internal::ListNode>(node, BuildAll(node)));
      case NodeKind::kMap: return Make<internal::MapNode>(node, BuildAll(node));
      case NodeKind::kCall: return BuildCall(node);
      case NodeKind::kComprehension: return BuildComprehension(node);
      case NodeKind::kBind: {
        Plan init = Build(*node.children[0]);
        const int slot = Push(node.variable1);
        Plan body = Build(*node.children[1]);
        locals_.pop_back();
        return Make<internal::BindNode>(node, slot, std::move(init), std::move(body));
      }
    }
    return nullptr;
  }

  std::vector<Plan> BuildAll(const Node& node) {
    std::vector<Plan> plans;
    plans.reserve(node.children.size());
    for (const NodePtr& child : node.children) plans.push_back(Build(*child));
    return plans;
  }

  int Push(const std::string& name) {
    locals_.push_back(name);
    program_.locals_ = std::max(program_.locals_, static_cast<int>(locals_.size()));
    return static_cast<int>(locals_.size()) - 1;
  }
  int FindLocal(const std::string& name) const {
    for (size_t i = locals_.size(); i-- > 0;) {
      if (locals_[i] == name) return static_cast<int>(i);
    }
    return -1;
  }
  static const Node& Root(const Node& node) {
    return node.kind == NodeKind::kSelect || node.kind == NodeKind::kHas
               ? Root(*node.children[0])
               : node;
  }

  Plan BuildName(const Node& node) {
    const Node& root = Root(node);
    const bool local =
        root.kind == NodeKind::kIdent && !root.absolute && FindLocal(root.text) >= 0;
    if (local && node.kind == NodeKind::kIdent) {
      return Make<internal::LocalNode>(node, FindLocal(node.text));
    }
    if (!local && node.kind != NodeKind::kHas) {
      const std::string name = DottedName(node);
      const auto meaning =
          name.empty() ? std::nullopt : environment_.Resolve(name, root.absolute);
      if (meaning.has_value() && meaning->variable >= 0) {
        mentioned_.insert(meaning->variable);
        program_.variables_.assign(mentioned_.begin(), mentioned_.end());
        return Make<internal::VariableNode>(node, meaning->variable);
      }
      if (meaning.has_value()) {
        return Constant(node, Keep(Value::TypeName(meaning->type_name)));
      }
      if (node.kind == NodeKind::kIdent) {
        return Make<internal::FaultNode>(node, Code::kUndeclaredReference,
                                         absl::StrCat("'", node.text, "' is not known here"));
      }
    }
    const Node& operand = *node.children[0];
    Plan of = Build(operand);
    if (node.kind == NodeKind::kSelect && operand.type.kind == TypeKind::kRecord) {
      const RecordDeclaration* record = environment_.FindRecord(operand.type.name);
      const int number = record == nullptr ? -1 : record->FieldNumber(node.text);
      if (number >= 0) return Make<internal::FieldNode>(node, std::move(of), number);
    }
    return Make<internal::SelectNode>(node, std::move(of), node.text, environment_,
                                      node.kind == NodeKind::kHas);
  }

  // A node over constants only becomes its value; errors are not folded away.
  Plan Fold(const Node& node, Plan plan) {
    struct NoFacts final : Facts {
      Value Variable(int, Arena&) const override { return Value::Null(); }
    };
    for (const NodePtr& child : node.children) {
      if (!IsConstant(*child)) return plan;
    }
    const NoFacts facts;
    internal::Frame frame{Context{program_.constants_, 0, 10'000, options_.rounding}, facts,
                          nullptr, nullptr};
    const Value value = plan->Run(frame);
    return value.is_error() ? std::move(plan) : Constant(node, value);
  }
  static bool IsConstant(const Node& node) {
    switch (node.kind) {
      case NodeKind::kNull: case NodeKind::kBool: case NodeKind::kInt: case NodeKind::kUint:
      case NodeKind::kDouble: case NodeKind::kString: case NodeKind::kBytes: return true;
      case NodeKind::kList:
        return std::all_of(node.children.begin(), node.children.end(),
                           [](const NodePtr& child) { return IsConstant(*child); });
      case NodeKind::kCall:
        return node.text == "-_" && IsConstant(*node.children[0]);
      default: return false;
    }
  }

  Plan BuildCall(const Node& node) {
    // ns.f(x) again, for programs that were not checked.
    if (node.receiver) {
      const std::string target = DottedName(*node.children[0]);
      const Node& root = Root(*node.children[0]);
      if (!target.empty() && FindLocal(root.text) < 0) {
        const Function* function = environment_.ResolveFunction(
            absl::StrCat(target, ".", node.text), root.absolute);
        if (function != nullptr) {
          std::vector<Plan> arguments;
          for (size_t i = 1; i < node.children.size(); ++i) {
            arguments.push_back(Build(*node.children[i]));
          }
          return MakeCall(node, *function, false, std::move(arguments));
        }
      }
    }
    if (Plan special = BuildSpecial(node)) return special;
    const Function* function = environment_.ResolveFunction(node.text, node.absolute);
    if (function == nullptr) {
      return Make<internal::FaultNode>(node, Code::kUndeclaredReference,
                                       absl::StrCat("there is no function '", node.text, "'"));
    }
    return Fold(node, MakeCall(node, *function, node.receiver, BuildAll(node)), node.text == "-_");
  }
  Plan Fold(const Node& node, Plan plan, bool allowed) {
    return allowed ? Fold(node, std::move(plan)) : std::move(plan);
  }

  Plan MakeCall(const Node& node, const Function& function, bool receiver,
                std::vector<Plan> arguments) {
    if (function.implementation == nullptr) {
      return Make<internal::FaultNode>(node, Code::kNoSuchOverload,
                                       absl::StrCat("'", function.name, "' is only declared"));
    }
    if (!function.Accepts(receiver, arguments.size())) {
      return Make<internal::FaultNode>(
          node, Code::kNoSuchOverload,
          absl::StrCat("'", function.name, "' does not take ", arguments.size(), " arguments"));
    }
    // The empty list's sum: a zero of the static element type.
    if (function.name == "sum" && arguments.size() == 1 &&
        node.children[0]->type.kind == TypeKind::kList) {
      switch (node.children[0]->type.params[0].kind) {
        case TypeKind::kInt: return MakeSum(node, std::move(arguments), Value::Int(0));
        case TypeKind::kUint: return MakeSum(node, std::move(arguments), Value::Uint(0));
        case TypeKind::kDouble: return MakeSum(node, std::move(arguments), Value::Double(0));
        case TypeKind::kDecimal:
          return MakeSum(node, std::move(arguments), Value::OfDecimal(Decimal()));
        default: break;
      }
    }
    if (arguments.size() == 1) {
      return Make<internal::UnaryNode>(node, function.implementation, std::move(arguments[0]));
    }
    if (arguments.size() == 2) {
      return Make<internal::BinaryNode>(node, function.implementation, std::move(arguments[0]),
                                        std::move(arguments[1]));
    }
    return Make<internal::CallNode>(node, function.implementation, std::move(arguments));
  }
  Plan MakeSum(const Node& node, std::vector<Plan> arguments, Value zero) {
    return Make<internal::BinaryNode>(node, FindFunction("sum")->implementation,
                                      std::move(arguments[0]), Constant(node, zero));
  }

  // Nodes made for operand types that the checker knows.
  Plan BuildSpecial(const Node& node) {
    if (!options_.check || node.children.empty()) return nullptr;
    const std::string& name = node.text;
    const auto kind = [&](size_t i) { return node.children[i]->type.kind; };
    if (node.children.size() == 2 && kind(0) == TypeKind::kDecimal &&
        kind(1) == TypeKind::kDecimal && !node.receiver) {
      if (name == "_+_") return Decimals<&AddInto, 2>(node);
      if (name == "_-_") return Decimals<&SubtractInto, 2>(node);
      if (name == "_*_") return Decimals<&MultiplyInto, 2>(node);
      if (name == "_/_") return Decimals<&DivideInto, 4>(node);
    }
    if (node.children.size() == 2 && kind(0) == kind(1) &&
        (kind(0) == TypeKind::kInt || kind(0) == TypeKind::kDecimal)) {
      if (Plan compare = BuildCompare(node)) return compare;
    }
    if ((name == "_==_" || name == "_!=_") && kind(0) == TypeKind::kString &&
        node.children[1]->kind == NodeKind::kString) {
      const Value text = Keep(Value::String(node.children[1]->text));
      Plan operand = Build(*node.children[0]);
      return name == "_==_" ? Make<internal::TextEqualsNode<true>>(node, std::move(operand), text)
                            : Make<internal::TextEqualsNode<false>>(node, std::move(operand), text);
    }
    if (name == "_in_" && kind(0) == TypeKind::kString) return BuildInTexts(node);
    if (name == "round" && node.receiver && kind(0) == TypeKind::kDecimal) return BuildRound(node);
    if (name == "matches" && node.children.size() == 2 &&
        node.children[1]->kind == NodeKind::kString) {
      auto pattern = CompilePattern(node.children[1]->text);
      if (pattern != nullptr) {
        return Make<internal::MatchesNode>(node, Build(*node.children[0]), std::move(pattern),
                                           node.children[1]->text.size());
      }
    }
    return nullptr;
  }
  Plan BuildCompare(const Node& node) {
    static constexpr std::pair<const char*, internal::Relation> kRelations[] = {
        {"_<_", internal::Relation::kLess},      {"_<=_", internal::Relation::kLessEqual},
        {"_>_", internal::Relation::kGreater},   {"_>=_", internal::Relation::kGreaterEqual},
        {"_==_", internal::Relation::kEqual},    {"_!=_", internal::Relation::kNotEqual}};
    for (const auto& [name, relation] : kRelations) {
      if (node.text != name) continue;
      Plan left = Build(*node.children[0]);
      Plan right = Build(*node.children[1]);
      if (node.children[0]->type.kind == TypeKind::kInt) {
        return Make<internal::CompareNode<Kind::kInt>>(node, relation, std::move(left),
                                                       std::move(right));
      }
      return Make<internal::CompareNode<Kind::kDecimal>>(node, relation, std::move(left),
                                                         std::move(right));
    }
    return nullptr;
  }
  template <DecimalError (*kOperation)(const Decimal&, const Decimal&, Decimal&), int kCost>
  Plan Decimals(const Node& node) {
    return Make<internal::DecimalNode<kOperation, kCost>>(node, Build(*node.children[0]),
                                                          Build(*node.children[1]));
  }
  Plan BuildInTexts(const Node& node) {
    const Node& list = *node.children[1];
    if (list.kind != NodeKind::kList || list.children.empty()) return nullptr;
    std::set<std::string> texts;
    for (const NodePtr& child : list.children) {
      if (child->kind != NodeKind::kString) return nullptr;
      texts.insert(child->text);
    }
    auto* keys = program_.constants_.AllocateArray<Value>(texts.size());
    auto* values = program_.constants_.AllocateArray<Value>(texts.size());
    if (keys == nullptr || values == nullptr) return nullptr;
    uint32_t size = 0;
    for (const std::string& text : texts) {
      keys[size] = Keep(Value::String(text));
      values[size++] = Value::Bool(true);
    }
    const Value map = MakeMap(keys, values, size, program_.constants_);
    if (map.is_error()) return nullptr;
    return Make<internal::InTextsNode>(node, Build(*node.children[0]), map);
  }
  Plan BuildRound(const Node& node) {
    const size_t count = node.children.size();
    if (count < 2 || node.children[1]->kind != NodeKind::kInt) return nullptr;
    const int64_t scale = node.children[1]->int_value;
    if (scale < 0 || scale > Decimal::kMaxScale) return nullptr;
    RoundingMode mode = options_.rounding;
    if (count == 3) {
      if (node.children[2]->kind != NodeKind::kString) return nullptr;
      const auto parsed = ParseRoundingMode(node.children[2]->text);
      if (!parsed.ok()) return nullptr;
      mode = *parsed;
    }
    return Make<internal::RoundNode>(node, Build(*node.children[0]), static_cast<int>(scale), mode);
  }

  Plan BuildComprehension(const Node& node) {
    auto plan = std::make_unique<internal::ComprehensionNode>(node.offset);
    plan->macro = node.macro;
    plan->two = !node.variable2.empty();
    plan->range = Build(*node.children[0]);
    plan->slot1 = Push(node.variable1);
    if (plan->two) plan->slot2 = Push(node.variable2);
    if (node.has_filter) plan->predicate = Build(*node.children[1]);
    plan->body = Build(*node.children.back());
    locals_.resize(locals_.size() - (plan->two ? 2 : 1));
    return plan;
  }

  const Environment& environment_;
  const CompileOptions& options_;
  Program& program_;
  std::vector<std::string> locals_;
  std::set<int> mentioned_;
};

Program::~Program() = default;

Value Program::EvaluateValue(const Facts& facts, Arena& arena, uint64_t budget,
                             uint64_t& cost) const noexcept {
  constexpr int kInline = 8;
  Value few[kInline];
  Value* locals = few;
  if (locals_ > kInline) {
    locals = arena.AllocateArray<Value>(locals_);
    if (locals == nullptr) {
      return Value::Error(Code::kSizeExceeded, "the evaluation needs more than 4 MiB");
    }
  }
  internal::Frame frame{Context{arena, 0, budget, rounding_}, facts, facts.slots(), locals};
  const Value value = root_->Run(frame);
  cost += frame.context.cost;
  return value;
}

Error Program::ErrorOf(const Value& value) const {
  const uint32_t offset = value.fault.place == 0 ? 0 : value.fault.place - 1;
  return {value.code, PositionAt(source_, offset), std::string(value.view()), ""};
}

Outcome Program::Evaluate(const Facts& facts, Arena& arena, const Limits& limits) const noexcept {
  Outcome outcome;
  outcome.value = EvaluateValue(facts, arena, limits.cost, outcome.cost);
  if (outcome.value.is_error()) outcome.error = ErrorOf(outcome.value);
  return outcome;
}

CompileResult Compile(absl::string_view source, const Environment& environment,
                      const CompileOptions& options) {
  CompileResult result;
  Error error;
  NodePtr root = Parse(source, {options.macros}, error);
  if (root == nullptr) {
    result.errors.push_back(std::move(error));
    return result;
  }
  if (options.check) {
    result.errors = Check(source, *root, environment, options.wanted);
    if (!result.errors.empty()) return result;
  }
  auto program = std::unique_ptr<Program>(new Program);
  program->source_ = std::string(source);
  program->result_type_ = root->type;
  program->rounding_ = options.rounding;
  program->root_ = Planner(environment, options, *program).Build(*root);
  result.program = std::move(program);
  return result;
}

}  // namespace weft::rules::expr
