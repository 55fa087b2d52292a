// Evaluation nodes: what a program runs. Internal to the planner and its nodes.
//
// A node can be asked in three ways; each has a default in terms of another:
//   Run   its value
//   Peek  its value where it stands, without a copy when it stands ready
//   Test  true, false or something else: a condition without making a value
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/rules/expr/functions.h"
#include "libs/rules/expr/program.h"
#include "libs/rules/expr/value.h"

namespace weft::rules::expr::internal {

struct Frame {
  Context context;
  const Facts& facts;
  const Value* slots;  // Facts::slots()
  Value* locals;
};

enum class Truth : uint8_t { kFalse, kTrue, kOther };

inline Value TooMuch() {
  return Value::Error(Code::kSizeExceeded, "the evaluation needs more than 4 MiB");
}
inline Value TooMany() {
  return Value::Error(Code::kSizeExceeded, "a list or map has more than 10,000 elements");
}

struct LinkNode;

struct PlanNode {
  explicit PlanNode(uint32_t node_offset) : offset(node_offset) {}
  virtual ~PlanNode() = default;
  virtual Value Run(Frame& frame) const = 0;
  // The value, in `scratch` or where it stands; valid as long as both.
  virtual const Value* Peek(Frame& frame, Value& scratch) const {
    scratch = Run(frame);
    return &scratch;
  }
  // `other` holds the value when it is neither true nor false.
  virtual Truth Test(Frame& frame, Value& other) const {
    const Value* value = Peek(frame, other);
    if (value->kind == Kind::kBool) return value->bool_value ? Truth::kTrue : Truth::kFalse;
    if (value != &other) other = *value;
    return Truth::kOther;
  }
  // The value when it is known before any evaluation.
  virtual const Value* constant() const { return nullptr; }
  virtual LinkNode* link() { return nullptr; }

  // Marks where an error arose, once.
  Value Raise(Value value) const {
    if (value.kind == Kind::kError && value.fault.place == 0) value.fault.place = offset + 1;
    return value;
  }
  Truth Raise(Value value, Value& other) const {
    other = Raise(value);
    return Truth::kOther;
  }
  const uint32_t offset;
};
using Plan = std::unique_ptr<PlanNode>;

// A node that goes on from the value of its left side. Long chains of them run
// one after the other instead of one inside the other: see ChainNode.
struct LinkNode : PlanNode {
  LinkNode(uint32_t at, Plan l) : PlanNode(at), left(std::move(l)) {}
  // `value` may be an error, which is then the result.
  virtual Value Continue(Frame& frame, const Value& value) const = 0;
  Value Run(Frame& frame) const override {
    Value scratch;
    return Continue(frame, *left->Peek(frame, scratch));
  }
  LinkNode* link() override { return this; }
  Plan left;  // nullptr in a chain.
};

struct ChainNode final : PlanNode {
  ChainNode(uint32_t at, Plan f) : PlanNode(at), first(std::move(f)) {}
  Value Run(Frame& frame) const override {
    Value value = first->Run(frame);
    for (const auto& link : links) value = link->Continue(frame, value);
    return value;
  }
  Plan first;
  std::vector<std::unique_ptr<LinkNode>> links;
};

}  // namespace weft::rules::expr::internal
