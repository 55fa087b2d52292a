// Evaluation nodes that build or walk lists and maps. Internal to the planner.
#pragma once

#include <utility>
#include <vector>

#include "libs/rules/expr/ast.h"
#include "libs/rules/expr/plan.h"

namespace weft::rules::expr::internal {

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

struct ComprehensionNode final : LinkNode {
  ComprehensionNode(uint32_t at, Plan range) : LinkNode(at, std::move(range)) {}

  Value Continue(Frame& frame, const Value& over) const override {
    Context& context = frame.context;
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
  Plan predicate;
  Plan body;
};

}  // namespace weft::rules::expr::internal
