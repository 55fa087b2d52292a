// Evaluation nodes: what a program runs. Internal to program.cc and planner.cc.
#pragma once

#include <cstdint>
#include <memory>
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

struct PlanNode {
  explicit PlanNode(uint32_t node_offset) : offset(node_offset) {}
  virtual ~PlanNode() = default;
  virtual Value Run(Frame& frame) const = 0;
  // The value when it is known before any evaluation.
  virtual const Value* constant() const { return nullptr; }

  // Marks where an error arose, once.
  Value Raise(Value value) const {
    if (value.kind == Kind::kError && value.fault.place == 0) value.fault.place = offset + 1;
    return value;
  }
  const uint32_t offset;
};
using Plan = std::unique_ptr<PlanNode>;

}  // namespace weft::rules::expr::internal
