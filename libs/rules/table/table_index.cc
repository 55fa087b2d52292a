#include "libs/rules/table/table_index.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "libs/rules/table/decision_table.h"

namespace weft::rules {
namespace {

using expr::Kind;
using expr::Ordering;
using expr::TypeKind;
using expr::Value;

bool IsOrderedType(TypeKind kind) {
  return kind == TypeKind::kInt || kind == TypeKind::kUint || kind == TypeKind::kDecimal ||
         kind == TypeKind::kMoney || kind == TypeKind::kTimestamp || kind == TypeKind::kDuration;
}

// Whether the index can place a constant of a column of that type. Money only
// as a bare number, which means that amount in whatever currency.
bool Placeable(const Value& constant, TypeKind column) {
  switch (column) {
    case TypeKind::kString: return constant.kind == Kind::kString;
    case TypeKind::kInt: case TypeKind::kUint:
      return constant.kind == Kind::kInt || constant.kind == Kind::kUint;
    case TypeKind::kDecimal:
      return constant.kind == Kind::kDecimal || constant.kind == Kind::kInt;
    case TypeKind::kMoney: return constant.kind == Kind::kDecimal;
    case TypeKind::kTimestamp: return constant.kind == Kind::kTimestamp;
    case TypeKind::kDuration: return constant.kind == Kind::kDuration;
    default: return false;
  }
}

// Cells whose set of accepted values is known from constants of the column's type.
bool Indexable(const Cell& cell, TypeKind column) {
  if (cell.kind == Cell::Kind::kAny) return true;
  if (cell.kind != Cell::Kind::kTests || !cell.IsBox()) return false;
  const auto placeable = [&](const Operand& operand) {
    if (!operand.constant.has_value()) return true;
    const Value& value = *operand.constant;
    if (value.kind != Kind::kList) return Placeable(value, column);
    return std::all_of(value.items, value.items + value.length,
                       [&](const Value& item) { return Placeable(item, column); });
  };
  return std::all_of(cell.tests.begin(), cell.tests.end(), [&](const Test& test) {
    const bool equality =
        test.kind == Test::Kind::kCompare &&
        (test.relation == Relation::kEqual || test.relation == Relation::kNotEqual);
    if (column == TypeKind::kString && !equality) return false;
    const bool list = test.left.constant.has_value() && test.left.constant->kind == Kind::kList;
    return (equality || !list) && placeable(test.left) && placeable(test.right);
  });
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
    const size_t at =
        std::lower_bound(ends.begin(), ends.end(), constant, LessValue) - ends.begin();
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

void SetBit(uint64_t* set, size_t bit, bool value) {
  const uint64_t mask = uint64_t{1} << (bit % 64);
  set[bit / 64] = value ? set[bit / 64] | mask : set[bit / 64] & ~mask;
}

// Sets that a column may have: a table of 10,000 rules with 10,000 ends each has
// 50 MiB of them, and is slow to publish. Such a column is left to the others.
constexpr size_t kWordsMax = 4 * 1024 * 1024;

constexpr int64_t kPowersOfTen[] = {1,      10,      100,      1000,      10000,
                                    100000, 1000000, 10000000, 100000000, 1000000000};

// The input or end as a whole number of 10^-scale; false when it is none in 64 bits.
bool AsWhole(const Value& value, int scale, int64_t& out) {
  switch (value.kind) {
    case Kind::kInt:
    case Kind::kDuration:
      out = value.int_value;
      return scale == 0 || !__builtin_mul_overflow(out, kPowersOfTen[scale], &out);
    case Kind::kDecimal: {
      const int up = scale - value.decimal.scale();
      if (up < 0 || !value.decimal.fits_64()) return false;
      out = value.decimal.coefficient_64();
      return up == 0 || !__builtin_mul_overflow(out, kPowersOfTen[up], &out);
    }
    default: return false;
  }
}

}  // namespace

// ---- Texts ----

TableIndex::Texts::Texts(size_t texts) {
  size_t size = 16;
  while (size < 2 * texts) size *= 2;
  slots_.resize(size);
}

size_t TableIndex::Texts::Place(absl::string_view text, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.number == 0 ||
        (slot.hash == hash &&
         absl::string_view(letters_.data() + slot.offset, slot.length) == text)) {
      return at;
    }
  }
}

uint32_t TableIndex::Texts::Find(absl::string_view text) const {
  return slots_[Place(text, absl::Hash<absl::string_view>()(text))].number;
}

uint32_t TableIndex::Texts::Add(absl::string_view text, uint32_t number) {
  const uint64_t hash = absl::Hash<absl::string_view>()(text);
  Slot& slot = slots_[Place(text, hash)];
  if (slot.number == 0) {
    slot = {hash, number, static_cast<uint32_t>(letters_.size()),
            static_cast<uint32_t>(text.size())};
    letters_.append(text.data(), text.size());
  }
  return slot.number;
}

// ---- Building ----

std::unique_ptr<TableIndex> TableIndex::Build(const std::vector<TableInput>& inputs,
                                              const std::vector<TableRule>& rules) {
  auto index = std::make_unique<TableIndex>();
  index->words_ = (rules.size() + 63) / 64;
  index->enabled_.assign(index->words_, 0);
  for (size_t r = 0; r < rules.size(); ++r) {
    SetBit(index->enabled_.data(), r, rules[r].enabled);
  }
  index->columns_.resize(inputs.size());
  bool any = false;
  for (size_t c = 0; c < inputs.size(); ++c) {
    const TypeKind type = inputs[c].type.kind;
    const bool texts = type == TypeKind::kString;
    if (!texts && !IsOrderedType(type)) continue;
    index->columns_[c].type = type;
    const bool tested = std::any_of(rules.begin(), rules.end(), [&](const TableRule& rule) {
      return rule.cells[c].kind == Cell::Kind::kTests && Indexable(rule.cells[c], type);
    });
    if (!tested) continue;
    if (texts) {
      index->BuildTexts(rules, c);
    } else if (!index->BuildOrdered(rules, c)) {
      continue;
    }
    index->columns_[c].exact = std::all_of(
        rules.begin(), rules.end(),
        [&](const TableRule& rule) { return Indexable(rule.cells[c], type); });
    any = true;
  }
  return any ? std::move(index) : nullptr;
}

void TableIndex::BuildTexts(const std::vector<TableRule>& rules, size_t c) {
  Column& column = columns_[c];
  column.kind = Column::Kind::kTexts;
  std::vector<std::vector<Value>> constants(rules.size());
  size_t count = 0;
  std::string foreign = "\x01";  // A text that no cell names: longer than every constant.
  for (size_t r = 0; r < rules.size(); ++r) {
    if (!Indexable(rules[r].cells[c], TypeKind::kString)) continue;
    Collect(rules[r].cells[c], constants[r]);
    count += constants[r].size();
    for (const Value& value : constants[r]) {
      if (value.length >= foreign.size()) foreign.assign(value.length + 1, '\x01');
    }
  }
  column.texts = std::make_unique<Texts>(count);
  uint32_t sets = 1;
  for (const auto& of_rule : constants) {
    for (const Value& value : of_rule) {
      if (column.texts->Add(value.view(), sets) == sets) ++sets;
    }
  }
  expr::Arena arena;
  const NoFacts facts;
  uint64_t cost = 0;
  const auto accepts = [&](const Cell& cell, const Value& value) {
    const Value verdict = Judge(cell, value, facts, arena, UINT64_MAX, cost);
    return verdict.is_error() || verdict.bool_value;
  };
  // What a rule says of a foreign text it says of every text that it does not name.
  std::vector<uint64_t> other(words_, 0);
  for (size_t r = 0; r < rules.size(); ++r) {
    const Cell& cell = rules[r].cells[c];
    SetBit(other.data(), r,
           !Indexable(cell, TypeKind::kString) || accepts(cell, Value::String(foreign)));
  }
  column.sets.reserve(sets * words_);
  for (uint32_t s = 0; s < sets; ++s) {
    column.sets.insert(column.sets.end(), other.begin(), other.end());
  }
  for (size_t r = 0; r < rules.size(); ++r) {
    for (const Value& value : constants[r]) {
      SetBit(&column.sets[column.texts->Find(value.view()) * words_], r,
             accepts(rules[r].cells[c], value));
    }
  }
}

bool TableIndex::BuildOrdered(const std::vector<TableRule>& rules, size_t c) {
  Column& column = columns_[c];
  std::vector<Value> constants;
  for (const TableRule& rule : rules) {
    if (Indexable(rule.cells[c], column.type)) Collect(rule.cells[c], constants);
  }
  std::sort(constants.begin(), constants.end(), LessValue);
  for (const Value& value : constants) {
    if (column.ends.empty() || LessValue(column.ends.back(), value)) column.ends.push_back(value);
  }
  const size_t segments = 2 * column.ends.size() + 1;
  if (segments * words_ > kWordsMax) {
    column.ends.clear();
    return false;
  }
  column.kind = Column::Kind::kOrdered;
  column.sets.assign(segments * words_, 0);
  std::vector<size_t> points;
  for (size_t r = 0; r < rules.size(); ++r) {
    const Cell& cell = rules[r].cells[c];
    const bool always = !Indexable(cell, column.type) || cell.kind == Cell::Kind::kAny;
    // Between two constants of its own a cell says the same everywhere.
    points.assign(1, 0);
    if (!always) {
      std::vector<Value> own;
      Collect(cell, own);
      for (const Value& value : own) {
        const size_t at =
            std::lower_bound(column.ends.begin(), column.ends.end(), value, LessValue) -
            column.ends.begin();
        points.push_back(2 * at + 1);
        points.push_back(2 * at + 2);
      }
      std::sort(points.begin(), points.end());
    }
    for (size_t p = 0; p < points.size(); ++p) {
      bool accepts = always;
      if (!always) {
        bool hit = false;
        for (const Test& test : cell.tests) {
          hit = hit || AcceptsSegment(test, column.ends, points[p]);
        }
        accepts = hit != cell.negated;
      }
      if (!accepts) continue;
      const size_t end = p + 1 < points.size() ? points[p + 1] : segments;
      for (size_t s = points[p]; s < end; ++s) SetBit(&column.sets[s * words_], r, true);
    }
  }
  MakeWhole(column);
  return true;
}

void TableIndex::MakeWhole(Column& column) {
  constexpr int kScaleMax = 9;  // Leaves room for large numbers.
  for (const Value& end : column.ends) {
    if (end.kind == Kind::kDecimal) column.scale = std::max(column.scale, end.decimal.scale());
  }
  if (column.scale > kScaleMax) return;
  for (const Value& end : column.ends) {
    int64_t whole;
    if (!AsWhole(end, column.scale, whole)) return column.whole_ends.clear();
    column.whole_ends.push_back(whole);
  }
}

// ---- Looking up ----

int64_t TableIndex::SegmentOf(const Column& column, const Value& given) {
  if (column.type == TypeKind::kMoney && given.kind != Kind::kMoney) return -1;
  const Value input = given.kind == Kind::kMoney ? Value::OfDecimal(given.decimal) : given;
  if ((column.type == TypeKind::kDuration) != (input.kind == Kind::kDuration)) return -1;
  int64_t whole;
  if (!column.whole_ends.empty() && AsWhole(input, column.scale, whole)) {
    const auto at = std::lower_bound(column.whole_ends.begin(), column.whole_ends.end(), whole);
    const bool point = at != column.whole_ends.end() && *at == whole;
    return 2 * (at - column.whole_ends.begin()) + (point ? 1 : 0);
  }
  size_t low = 0;
  size_t high = column.ends.size();
  while (low < high) {
    const size_t middle = (low + high) / 2;
    switch (expr::Order(input, column.ends[middle])) {
      case Ordering::kLess: high = middle; break;
      case Ordering::kGreater: low = middle + 1; break;
      case Ordering::kEqual: return static_cast<int64_t>(2 * middle + 1);
      default: return -1;  // No order: every rule stays and says so itself.
    }
  }
  return static_cast<int64_t>(2 * low);
}

bool TableIndex::Narrow(size_t c, const Value& input, uint64_t* candidates) const {
  const Column& column = columns_[c];
  int64_t set = 0;
  switch (column.kind) {
    case Column::Kind::kNone: return false;
    case Column::Kind::kTexts:
      if (input.kind != Kind::kString) return false;
      set = column.texts->Find(input.view());
      break;
    case Column::Kind::kOrdered:
      set = SegmentOf(column, input);
      if (set < 0) return false;
      break;
  }
  const uint64_t* words = &column.sets[static_cast<size_t>(set) * words_];
  for (size_t w = 0; w < words_; ++w) candidates[w] &= words[w];
  return column.exact;
}

}  // namespace weft::rules
