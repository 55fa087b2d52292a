// Evaluation nodes for logic, choices, calls and tests of texts. Internal to
// the planner.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "libs/rules/expr/plan.h"

namespace weft::rules::expr::internal {

// && (kDecides = false) and || (kDecides = true) over a chain.
template <bool kDecides>
struct LogicNode final : PlanNode {
  LogicNode(uint32_t at, std::vector<Plan> o) : PlanNode(at), operands(std::move(o)) {}
  Value Run(Frame& frame) const override {
    Value other;
    const Truth truth = Test(frame, other);
    return truth == Truth::kOther ? other : Value::Bool(truth == Truth::kTrue);
  }
  Truth Test(Frame& frame, Value& other) const override {
    constexpr Truth kStop = kDecides ? Truth::kTrue : Truth::kFalse;
    for (size_t i = 0; i < operands.size(); ++i) {
      const Truth truth = operands[i]->Test(frame, other);
      if (truth == kStop) return kStop;
      if (truth == Truth::kOther) return Remember(frame, i, other);
    }
    return kDecides ? Truth::kFalse : Truth::kTrue;
  }
  // The rest of the chain after operand `i` gave neither true nor false.
  Truth Remember(Frame& frame, size_t i, Value& pending) const {
    constexpr Truth kStop = kDecides ? Truth::kTrue : Truth::kFalse;
    // The first error wins; without one, something that is no bool is the fault.
    for (++i;; ++i) {
      if (pending.is_error() && IsFatal(pending.code)) return Truth::kOther;
      if (i == operands.size()) break;
      Value next;
      const Truth truth = operands[i]->Test(frame, next);
      if (truth == kStop) return kStop;
      if (truth != Truth::kOther) continue;
      if (next.is_error() && (!pending.is_error() || IsFatal(next.code))) pending = next;
    }
    if (!pending.is_error()) pending = Raise(NoOverload());
    return Truth::kOther;
  }
  std::vector<Plan> operands;
};

struct ConditionalNode final : PlanNode {
  ConditionalNode(uint32_t at, Plan c, Plan t, Plan o)
      : PlanNode(at), condition(std::move(c)), then(std::move(t)), otherwise(std::move(o)) {}
  Value Run(Frame& frame) const override {
    Value other;
    switch (condition->Test(frame, other)) {
      case Truth::kTrue: return then->Run(frame);
      case Truth::kFalse: return otherwise->Run(frame);
      case Truth::kOther: break;
    }
    return other.is_error() ? other : Raise(NoOverload());
  }
  const Value* Peek(Frame& frame, Value& scratch) const override {
    switch (condition->Test(frame, scratch)) {
      case Truth::kTrue: return then->Peek(frame, scratch);
      case Truth::kFalse: return otherwise->Peek(frame, scratch);
      case Truth::kOther: break;
    }
    if (!scratch.is_error()) scratch = Raise(NoOverload());
    return &scratch;
  }
  Plan condition;
  Plan then;
  Plan otherwise;
};

struct NotNode final : LinkNode {
  NotNode(uint32_t at, Plan l) : LinkNode(at, std::move(l)) {}
  Value Continue(Frame& frame, const Value& value) const override {
    if (value.is_error()) return value;
    if (!frame.context.Charge(1)) return Raise(Context::CostExceeded());
    return value.kind == Kind::kBool ? Value::Bool(!value.bool_value) : Raise(NoOverload());
  }
  Truth Test(Frame& frame, Value& other) const override {
    const Truth truth = left->Test(frame, other);
    if (truth == Truth::kOther && other.is_error()) return truth;
    if (!frame.context.Charge(1)) return Raise(Context::CostExceeded(), other);
    switch (truth) {
      case Truth::kTrue: return Truth::kFalse;
      case Truth::kFalse: return Truth::kTrue;
      case Truth::kOther: break;
    }
    return Raise(NoOverload(), other);
  }
};

// A function of no or several arguments; `left` is the first when there is one.
struct CallNode final : LinkNode {
  CallNode(uint32_t at, Implementation f, Plan l, std::vector<Plan> r)
      : LinkNode(at, std::move(l)), implementation(f), rest(std::move(r)) {}
  Value Run(Frame& frame) const override {
    if (left == nullptr) return Raise(implementation(frame.context, nullptr, 0));
    Value scratch;
    return Continue(frame, *left->Peek(frame, scratch));
  }
  Value Continue(Frame& frame, const Value& first) const override {
    if (first.is_error()) return first;
    constexpr size_t kInline = 4;
    Value few[kInline];
    Value* values = few;
    const size_t count = rest.size() + 1;
    if (count > kInline) {
      values = frame.context.arena.AllocateArray<Value>(count);
      if (values == nullptr) return Raise(TooMuch());
    }
    values[0] = first;
    for (size_t i = 1; i < count; ++i) {
      values[i] = rest[i - 1]->Run(frame);
      if (values[i].is_error()) return values[i];
    }
    return Raise(implementation(frame.context, values, count));
  }
  Implementation implementation;
  std::vector<Plan> rest;
};

struct UnaryNode final : LinkNode {
  UnaryNode(uint32_t at, Implementation f, Plan l)
      : LinkNode(at, std::move(l)), implementation(f) {}
  Value Continue(Frame& frame, const Value& value) const override {
    return value.is_error() ? value : Raise(implementation(frame.context, &value, 1));
  }
  Implementation implementation;
};

// A function of two arguments, the most frequent shape.
struct BinaryNode final : LinkNode {
  BinaryNode(uint32_t at, Implementation f, Plan l, Plan r)
      : LinkNode(at, std::move(l)), implementation(f), right(std::move(r)) {}
  Value Continue(Frame& frame, const Value& first) const override {
    if (first.is_error()) return first;
    Value values[2];
    values[0] = first;
    values[1] = right->Run(frame);
    if (values[1].is_error()) return values[1];
    return Raise(implementation(frame.context, values, 2));
  }
  Implementation implementation;
  Plan right;
};

// A node that judges the value of its left side.
template <typename Derived>
struct JudgeNode : LinkNode {
  using LinkNode::LinkNode;
  Value Continue(Frame& frame, const Value& value) const override {
    Value other;
    const Truth truth = static_cast<const Derived*>(this)->Judge(frame, value, other);
    return truth == Truth::kOther ? other : Value::Bool(truth == Truth::kTrue);
  }
  Truth Test(Frame& frame, Value& other) const override {
    return static_cast<const Derived*>(this)->Judge(frame, *left->Peek(frame, other), other);
  }
};

// Comparison with a constant text.
template <bool kEqual>
struct TextEqualsNode final : JudgeNode<TextEqualsNode<kEqual>> {
  TextEqualsNode(uint32_t at, Plan l, Value t)
      : JudgeNode<TextEqualsNode<kEqual>>(at, std::move(l)), text(t) {}
  Truth Judge(Frame& frame, const Value& value, Value& other) const {
    if (value.is_error()) return this->Raise(value, other);
    if (!frame.context.Charge(1 + Tenths(value.kind == Kind::kString
                                             ? std::min(value.length, text.length)
                                             : 0))) {
      return this->Raise(Context::CostExceeded(), other);
    }
    const bool equal = value.kind == Kind::kString && value.view() == text.view();
    return equal == kEqual ? Truth::kTrue : Truth::kFalse;
  }
  Value text;
};

// x in [texts]: a few are looked at one by one, more are a set looked up by hash.
struct InTextsNode final : JudgeNode<InTextsNode> {
  InTextsNode(uint32_t at, Plan l, Value m) : JudgeNode(at, std::move(l)), map(m) {}
  Truth Judge(Frame& frame, const Value& value, Value& other) const {
    if (value.is_error()) return Raise(value, other);
    if (!frame.context.Charge(2)) return Raise(Context::CostExceeded(), other);
    if (value.kind != Kind::kString) return Truth::kFalse;
    if (map.map->size <= 8) {
      for (uint32_t i = 0; i < map.map->size; ++i) {
        if (map.map->keys[i].view() == value.view()) return Truth::kTrue;
      }
      return Truth::kFalse;
    }
    return MapFind(*map.map, value) != nullptr ? Truth::kTrue : Truth::kFalse;
  }
  Value map;
};

// matches with a constant pattern.
struct MatchesNode final : JudgeNode<MatchesNode> {
  MatchesNode(uint32_t at, Plan l, std::shared_ptr<const re2::RE2> p, size_t s)
      : JudgeNode(at, std::move(l)), pattern(std::move(p)), size(s) {}
  Truth Judge(Frame& frame, const Value& value, Value& other) const {
    if (value.is_error()) return Raise(value, other);
    if (value.kind != Kind::kString) return Raise(NoOverload(), other);
    if (!frame.context.Charge(1 + Tenths(uint64_t{value.length} + 1) * ((size + 3) / 4))) {
      return Raise(Context::CostExceeded(), other);
    }
    return PatternFound(*pattern, value.view()) ? Truth::kTrue : Truth::kFalse;
  }
  std::shared_ptr<const re2::RE2> pattern;
  size_t size;
};

}  // namespace weft::rules::expr::internal
