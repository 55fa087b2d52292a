// Which rules can match an input: per column a hash from constant texts to rule
// sets, or a sorted list of ends to rule sets (LANGUAGE: speed).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/rules/table/cell.h"

namespace weft::rules {

struct TableRule;
struct TableInput;

class TableIndex {
 public:
  // From here on a look-up is cheaper than testing rule by rule.
  static constexpr size_t kRulesFrom = 8;

  // nullptr when no column can be indexed.
  static std::unique_ptr<TableIndex> Build(const std::vector<TableInput>& inputs,
                                           const std::vector<TableRule>& rules);

  // Words of a set over all rules, rule 0 in the lowest bit of word 0.
  size_t words() const { return words_; }
  // Rules that are enabled.
  const uint64_t* enabled() const { return enabled_.data(); }
  // Intersects `candidates` with the rules whose cell in `column` can accept
  // `input`. Leaves it as it is for a column without an index.
  // Shape: true when what is left surely accepts, so that no cell of the column
  // needs a test.
  bool Narrow(size_t column, const expr::Value& input, uint64_t* candidates) const;

 private:
  // Texts to set numbers, open addressing.
  class Texts {
   public:
    explicit Texts(size_t texts);
    // The number under `text`, or 0.
    uint32_t Find(absl::string_view text) const;
    // Adds `text` when it is new, with `number`; the number it has then.
    uint32_t Add(absl::string_view text, uint32_t number);

   private:
    struct Slot {
      uint64_t hash = 0;
      uint32_t number = 0;  // 0 = free.
      uint32_t offset = 0;
      uint32_t length = 0;
    };
    size_t Place(absl::string_view text, uint64_t hash) const;
    std::vector<Slot> slots_;
    std::string letters_;
  };

  struct Column {
    enum class Kind : uint8_t { kNone, kTexts, kOrdered } kind = Kind::kNone;
    expr::TypeKind type = expr::TypeKind::kDyn;
    bool exact = false;              // Every cell is known to the index.
    std::unique_ptr<Texts> texts;    // Set 0 holds texts that no cell names.
    std::vector<expr::Value> ends;   // Ascending; 2 * n + 1 sets: before ends[0], at it, …
    // The ends as whole numbers of 10^-scale, when all fit; else empty.
    std::vector<int64_t> whole_ends;
    int scale = 0;
    std::vector<uint64_t> sets;      // Set k at k * words.
  };
  void BuildTexts(const std::vector<TableRule>& rules, size_t column);
  bool BuildOrdered(const std::vector<TableRule>& rules, size_t column);
  static void MakeWhole(Column& column);
  // The number of the set for an input, or -1 for one without an order.
  static int64_t SegmentOf(const Column& column, const expr::Value& input);

  std::vector<Column> columns_;
  std::vector<uint64_t> enabled_;
  size_t words_ = 0;
};

}  // namespace weft::rules
