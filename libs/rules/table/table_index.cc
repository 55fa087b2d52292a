#include "libs/rules/table/table_index.h"

#include <algorithm>
#include <set>

#include "libs/rules/table/decision_table.h"

namespace weft::rules {
namespace {

using expr::Kind;
using expr::Ordering;
using expr::TypeKind;
using expr::Value;

bool IsOrderedType(TypeKind kind) {
  return kind == TypeKind::kInt || kind == TypeKind::kUint || kind == TypeKind::kDecimal ||
         kind == TypeKind::kTimestamp || kind == TypeKind::kDuration;
}

// Cells whose set of accepted values is known from constants of the column's type.
bool Indexable(const Cell& cell, bool texts) {
  if (cell.kind == Cell::Kind::kAny) return true;
  if (cell.kind != Cell::Kind::kTests || !cell.IsBox()) return false;
  for (const Test& test : cell.tests) {
    if (test.kind == Test::Kind::kInterval) {
      if (texts) return false;
      continue;
    }
    const Value& constant = *test.left.constant;
    if (texts) {
      if (test.relation != Relation::kEqual && test.relation != Relation::kNotEqual) return false;
      if (constant.kind == Kind::kList) {
        for (uint32_t i = 0; i < constant.length; ++i) {
          if (constant.items[i].kind != Kind::kString) return false;
        }
      } else if (constant.kind != Kind::kString) {
        return false;
      }
    }
  }
  return true;
}

void Collect(const Cell& cell, std::vector<Value>& out) {
  const auto add = [&](const Operand& operand) {
    if (!operand.constant.has_value()) return;
    const Value& value = *operand.constant;
    if (value.kind == Kind::kList) {
      for (uint32_t i = 0; i < value.length; ++i) out.push_back(value.items[i]);
    } else {
      out.push_back(value);
    }
  };
  for (const Test& test : cell.tests) {
    add(test.left);
    add(test.right);
  }
}

bool LessValue(const Value& a, const Value& b) { return expr::Order(a, b) == Ordering::kLess; }

class NoFacts final : public expr::Facts {
 public:
  Value Variable(int, expr::Arena&) const override { return Value::Null(); }
};

// Where a value between or beside ends stands, judged without a value: each test
// of the cell is decided from the order of its constants against the segment.
// Segment 2i+1 is the point ends[i]; segment 2i lies open before it.
bool AcceptsSegment(const Test& test, const std::vector<Value>& ends, size_t segment) {
  // -1, 0, 1: the segment lies before, at, after the constant.
  const auto side = [&](const Value& constant) {
    const size_t at = std::lower_bound(ends.begin(), ends.end(), constant, LessValue) - ends.begin();
    const size_t point = 2 * at + 1;
    return segment < point ? -1 : segment == point ? 0 : 1;
  };
  if (test.kind == Test::Kind::kInterval) {
    if (!test.low_open) {
      const int low = side(*test.left.constant);
      if (low < 0 || (low == 0 && !test.low_included)) return false;
    }
    if (!test.high_open) {
      const int high = side(*test.right.constant);
      if (high > 0 || (high == 0 && !test.high_included)) return false;
    }
    return true;
  }
  const Value& constant = *test.left.constant;
  if (constant.kind == Kind::kList) {
    bool any = false;
    for (uint32_t i = 0; i < constant.length; ++i) any = any || side(constant.items[i]) == 0;
    return any == (test.relation == Relation::kEqual);
  }
  const int at = side(constant);
  switch (test.relation) {
    case Relation::kLess: return at < 0;
    case Relation::kLessEqual: return at <= 0;
    case Relation::kGreater: return at > 0;
    case Relation::kGreaterEqual: return at >= 0;
    case Relation::kEqual: return at == 0;
    case Relation::kNotEqual: return at != 0;
  }
  return false;
}

void SetBit(std::vector<uint64_t>& set, size_t bit) { set[bit / 64] |= uint64_t{1} << (bit % 64); }

}  // namespace

std::unique_ptr<TableIndex> TableIndex::Build(const std::vector<TableInput>& inputs,
                                              const std::vector<TableRule>& rules) {
  auto index = std::make_unique<TableIndex>();
  index->words_ = (rules.size() + 63) / 64;
  index->columns_.resize(inputs.size());
  bool any = false;
  for (size_t c = 0; c < inputs.size(); ++c) {
    Column& column = index->columns_[c];
    const bool texts = inputs[c].type.kind == TypeKind::kString;
    if (!texts && !IsOrderedType(inputs[c].type.kind)) continue;
    std::vector<Value> constants;
    size_t tested = 0;
    for (const TableRule& rule : rules) {
      if (!Indexable(rule.cells[c], texts)) continue;
      tested += rule.cells[c].kind == Cell::Kind::kTests ? 1 : 0;
      Collect(rule.cells[c], constants);
    }
    if (tested == 0) continue;
    any = true;
    const Set none(index->words_, 0);
    if (texts) {
      column.kind = Column::Kind::kTexts;
      column.other = none;
      for (const Value& value : constants) column.texts.emplace(std::string(value.view()), none);
      expr::Arena arena;
      const NoFacts facts;
      uint64_t cost = 0;
      for (size_t r = 0; r < rules.size(); ++r) {
        const Cell& cell = rules[r].cells[c];
        const bool known = Indexable(cell, true);
        const auto accepts = [&](const Value& value) {
          if (!known) return true;
          const Value verdict = Judge(cell, value, facts, arena, UINT64_MAX, cost);
          return verdict.is_error() || verdict.bool_value;
        };
        for (auto& [text, set] : column.texts) {
          if (accepts(Value::String(text))) SetBit(set, r);
        }
        // A text that no cell names: made longer than every constant.
        if (!known || [&] {
              std::string foreign = "\x01";
              for (const auto& [text, unused] : column.texts) {
                if (text.size() >= foreign.size()) foreign.assign(text.size() + 1, '\x01');
              }
              return accepts(Value::String(foreign));
            }()) {
          SetBit(column.other, r);
        }
      }
      continue;
    }
    column.kind = Column::Kind::kOrdered;
    std::sort(constants.begin(), constants.end(), LessValue);
    for (const Value& value : constants) {
      if (column.ends.empty() || LessValue(column.ends.back(), value)) column.ends.push_back(value);
    }
    column.segments.assign(2 * column.ends.size() + 1, none);
    column.unordered.assign(index->words_, ~uint64_t{0});
    for (size_t r = 0; r < rules.size(); ++r) {
      const Cell& cell = rules[r].cells[c];
      const bool known = Indexable(cell, false);
      for (size_t s = 0; s < column.segments.size(); ++s) {
        bool accepts = !known || cell.kind == Cell::Kind::kAny;
        if (!accepts) {
          bool hit = false;
          for (const Test& test : cell.tests) hit = hit || AcceptsSegment(test, column.ends, s);
          accepts = hit != cell.negated;
        }
        if (accepts) SetBit(column.segments[s], r);
      }
    }
  }
  if (!any) return nullptr;
  return index;
}

void TableIndex::Narrow(size_t c, const Value& input, uint64_t* candidates) const {
  const Column& column = columns_[c];
  const Set* set = nullptr;
  if (column.kind == Column::Kind::kTexts) {
    if (input.kind != Kind::kString) return;
    const auto found = column.texts.find(std::string(input.view()));
    set = found == column.texts.end() ? &column.other : &found->second;
  } else if (column.kind == Column::Kind::kOrdered) {
    size_t low = 0;
    size_t high = column.ends.size();
    bool point = false;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      switch (expr::Order(input, column.ends[middle])) {
        case Ordering::kLess: high = middle; break;
        case Ordering::kGreater: low = middle + 1; break;
        case Ordering::kEqual: low = high = middle; point = true; break;
        default: return;  // No order: every rule stays and says so itself.
      }
    }
    set = &column.segments[2 * low + (point ? 1 : 0)];
  } else {
    return;
  }
  for (size_t w = 0; w < words_; ++w) candidates[w] &= (*set)[w];
}

}  // namespace weft::rules
