// A cell of a decision table: a test of one input (LANGUAGE: cells).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/rules/document/tree.h"
#include "libs/rules/expr/program.h"

namespace weft::rules {

enum class Relation : uint8_t { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };

// A side of a comparison: a constant, or an expression over facts and inputs.
struct Operand {
  std::optional<expr::Value> constant;
  std::unique_ptr<expr::Program> program;
};

struct Test {
  enum class Kind : uint8_t { kCompare, kInterval, kPredicate };
  Kind kind = Kind::kCompare;
  Relation relation = Relation::kEqual;  // kCompare; kEqual also means "in" for a list.
  bool low_included = true;              // kInterval
  bool high_included = true;
  bool low_open = false;                 // No end at all on that side.
  bool high_open = false;
  Operand left;                          // Operand of kCompare; low end; predicate.
  Operand right;                         // High end.
};

struct Cell {
  enum class Kind : uint8_t { kAny, kAbsent, kPresent, kTests };
  Kind kind = Kind::kAny;
  bool negated = false;
  std::vector<Test> tests;
  // Whether every operand is a constant, so that the cell is a set of values.
  bool IsBox() const;
};

// What cells of one column are compiled against.
struct ColumnContext {
  const expr::Environment* environment;  // Facts, inputs, and `it` as the last variable.
  int it_slot;
  expr::Type type;          // Of the input.
  expr::Arena* arena;       // For constants; outlives the cell.
  RoundingMode rounding;
};

// False and a fault (without path) when `text` is no cell.
bool ParseCell(const Tree& text, const ColumnContext& column, Cell& cell, Fault& fault);

// What is known of a number that the cell accepts.
expr::NumberRange RangeOf(const Cell& cell);

// The most that judging one input costs.
expr::CostBounds CostOf(const Cell& cell);

// How a cell judged an input: a bool value or an error.
expr::Value Judge(const Cell& cell, const expr::Value& input, const expr::Facts& facts,
                  expr::Arena& arena, uint64_t budget, uint64_t& cost);

}  // namespace weft::rules
