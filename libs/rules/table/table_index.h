// Which rules can match an input: per column a hash from constant texts to rule
// sets, or a sorted list of ends to rule sets (LANGUAGE: speed).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "libs/rules/table/cell.h"

namespace weft::rules {

struct TableRule;
struct TableInput;

class TableIndex {
 public:
  static constexpr size_t kRulesFrom = 32;

  // nullptr when no column can be indexed.
  static std::unique_ptr<TableIndex> Build(const std::vector<TableInput>& inputs,
                                           const std::vector<TableRule>& rules);

  // Words of a set over all rules, rule 0 in the lowest bit of word 0.
  size_t words() const { return words_; }
  // Intersects `candidates` with the rules whose cell in `column` can accept
  // `input`. Leaves it as it is for a column without an index.
  void Narrow(size_t column, const expr::Value& input, uint64_t* candidates) const;

 private:
  using Set = std::vector<uint64_t>;
  struct Column {
    enum class Kind : uint8_t { kNone, kTexts, kOrdered } kind = Kind::kNone;
    std::unordered_map<std::string, Set> texts;
    Set other;                       // Texts that no cell names.
    std::vector<expr::Value> ends;   // Ascending.
    // 2 * n + 1 sets: before ends[0], at ends[0], between …, after the last.
    std::vector<Set> segments;
    Set unordered;                   // Rules to keep for an input without an order.
  };
  std::vector<Column> columns_;
  size_t words_ = 0;
};

}  // namespace weft::rules
