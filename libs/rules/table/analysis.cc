// Overlaps, gaps and redundant rules: each rule whose cells are sets of
// constants is a box; the domain of each column is cut at every constant into
// segments, and a box is a set of segments per column.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/table/decision_table.h"

namespace weft::rules {
namespace {

using expr::Kind;
using expr::Ordering;
using expr::TypeKind;
using expr::Value;

constexpr size_t kOverlapsMax = 20;
constexpr size_t kGapsMax = 20;
constexpr size_t kStepsMax = 200'000;  // Of the sweep for gaps.

// One elementary part of a column's domain: a point, an open span between two
// neighbouring constants, a text, every other text, or "missing".
struct Segment {
  bool missing = false;
  bool other = false;           // Texts that no cell names.
  bool point = false;
  Value value;                  // Of a point.
  std::optional<Value> low;     // Of a span.
  std::optional<Value> high;
};

std::string Show(const Value& value) {
  expr::Arena arena;
  const std::string text = expr::ToText(value, arena);
  return value.kind == Kind::kString ? absl::StrCat("\"", text, "\"") : text;
}

bool LessValue(const Value& a, const Value& b) {
  if (a.kind == Kind::kString) return a.view() < b.view();
  return expr::Order(a, b) == Ordering::kLess;
}

// Whether a span holds a value at all: ints have none between neighbours.
bool SpanIsEmpty(const std::optional<Value>& low, const std::optional<Value>& high) {
  if (!low.has_value() || !high.has_value() || low->kind != Kind::kInt) return false;
  return high->int_value - low->int_value <= 1;
}

class Column {
 public:
  Column(const DecisionTable& table, size_t number)
      : input_(table.inputs()[number]) {
    std::vector<Value> constants;
    for (const TableRule& rule : table.rules()) {
      if (!rule.cells[number].IsBox()) continue;
      for (const Test& test : rule.cells[number].tests) {
        Take(test.left, constants);
        Take(test.right, constants);
      }
    }
    Build(std::move(constants));
  }

  const std::vector<Segment>& segments() const { return segments_; }
  const std::string& id() const { return input_.id; }

  // Which segments a box cell accepts.
  std::vector<bool> Accepted(const Cell& cell) const {
    std::vector<bool> accepted(segments_.size());
    for (size_t s = 0; s < segments_.size(); ++s) {
      const Segment& segment = segments_[s];
      switch (cell.kind) {
        case Cell::Kind::kAny: accepted[s] = true; continue;
        case Cell::Kind::kAbsent: accepted[s] = segment.missing; continue;
        case Cell::Kind::kPresent: accepted[s] = !segment.missing; continue;
        case Cell::Kind::kTests: break;
      }
      if (segment.missing) continue;
      bool hit = false;
      for (const Test& test : cell.tests) hit = hit || Hits(test, segment);
      accepted[s] = hit != cell.negated;
    }
    return accepted;
  }

  // Whether a segment belongs to the declared domain.
  bool InDomain(const Segment& segment) const {
    if (segment.missing) return input_.optional;
    if (input_.range.has_value()) {
      if (segment.point) return input_.range->Contains(Amount(segment.value));
      // Every end of the range is a constant, so a span is inside or outside.
      if (segment.low.has_value() && input_.range->high.has_value() &&
          !LessValue(Amount(*segment.low), *input_.range->high)) {
        return false;
      }
      if (segment.high.has_value() && input_.range->low.has_value() &&
          !LessValue(*input_.range->low, Amount(*segment.high))) {
        return false;
      }
      if (!segment.low.has_value() && input_.range->low.has_value()) return false;
      if (!segment.high.has_value() && input_.range->high.has_value()) return false;
    }
    if (!input_.values.empty()) {
      if (segment.other) return false;
      return std::find(input_.values.begin(), input_.values.end(),
                       std::string(segment.value.view())) != input_.values.end();
    }
    return true;
  }

  // Segments first..last (neighbours) as one region: "(5000, 6000]".
  std::string Region(size_t first, size_t last) const {
    const Segment& a = segments_[first];
    const Segment& b = segments_[last];
    if (a.missing) return "missing";
    if (a.other) return "any other text";
    if (first == last && a.point) return absl::StrCat("{", Show(a.value), "}");
    if (input_.type.kind == TypeKind::kString || input_.type.kind == TypeKind::kBool) {
      std::vector<std::string> texts;
      for (size_t s = first; s <= last; ++s) texts.push_back(Region(s, s));
      return absl::StrJoin(texts, ", ");
    }
    std::string out = a.point ? "[" : "(";
    absl::StrAppend(&out, a.point ? Show(a.value) : a.low.has_value() ? Show(*a.low) : "-∞", ", ",
                    b.point ? Show(b.value) : b.high.has_value() ? Show(*b.high) : "∞",
                    b.point ? "]" : ")");
    return out;
  }
  bool Neighbours(size_t a, size_t b) const {
    return b == a + 1 && !segments_[a].missing && !segments_[b].missing && !segments_[a].other &&
           !segments_[b].other && input_.type.kind != TypeKind::kString;
  }

 private:
  static Value Amount(const Value& value) {
    return value.kind == Kind::kMoney ? Value::OfDecimal(value.decimal) : value;
  }
  void Take(const Operand& operand, std::vector<Value>& out) const {
    if (!operand.constant.has_value()) return;
    if (operand.constant->kind == Kind::kList) {
      for (uint32_t i = 0; i < operand.constant->length; ++i) {
        out.push_back(operand.constant->items[i]);
      }
    } else {
      out.push_back(*operand.constant);
    }
  }

  void Build(std::vector<Value> constants) {
    if (input_.type.kind == TypeKind::kString) {
      for (const std::string& value : input_.values) constants.push_back(Value::String(value));
    } else if (input_.range.has_value()) {
      if (input_.range->low.has_value()) constants.push_back(*input_.range->low);
      if (input_.range->high.has_value()) constants.push_back(*input_.range->high);
    }
    if (input_.type.kind == TypeKind::kBool) {
      constants = {Value::Bool(false), Value::Bool(true)};
    }
    for (Value& value : constants) value = Amount(value);
    std::sort(constants.begin(), constants.end(), LessValue);
    constants.erase(std::unique(constants.begin(), constants.end(),
                                [](const Value& a, const Value& b) {
                                  return !LessValue(a, b) && !LessValue(b, a);
                                }),
                    constants.end());
    const bool ordered = input_.type.kind != TypeKind::kString &&
                         input_.type.kind != TypeKind::kBool;
    std::optional<Value> previous;
    for (const Value& value : constants) {
      if (ordered) AddSpan(previous, value);
      Segment point;
      point.point = true;
      point.value = value;
      segments_.push_back(point);
      previous = value;
    }
    if (ordered) AddSpan(previous, std::nullopt);
    if (input_.type.kind == TypeKind::kString) {
      Segment other;
      other.other = true;
      segments_.push_back(other);
    }
    if (input_.optional) {
      Segment missing;
      missing.missing = true;
      segments_.push_back(missing);
    }
  }
  void AddSpan(const std::optional<Value>& low, const std::optional<Value>& high) {
    if (SpanIsEmpty(low, high)) return;
    Segment span;
    span.low = low;
    span.high = high;
    segments_.push_back(span);
  }

  bool Hits(const Test& test, const Segment& segment) const {
    if (test.kind == Test::Kind::kInterval) {
      if (!test.low_open) {
        const int low = Side(segment, Amount(*test.left.constant));
        if (low < 0 || (low == 0 && !test.low_included)) return false;
      }
      if (!test.high_open) {
        const int high = Side(segment, Amount(*test.right.constant));
        if (high > 0 || (high == 0 && !test.high_included)) return false;
      }
      return true;
    }
    const Value& constant = *test.left.constant;
    if (constant.kind == Kind::kList) {
      bool any = false;
      for (uint32_t i = 0; i < constant.length; ++i) {
        any = any || Side(segment, Amount(constant.items[i])) == 0;
      }
      return any == (test.relation == Relation::kEqual);
    }
    const int side = Side(segment, Amount(constant));
    switch (test.relation) {
      case Relation::kLess: return side < 0;
      case Relation::kLessEqual: return side <= 0;
      case Relation::kGreater: return side > 0;
      case Relation::kGreaterEqual: return side >= 0;
      case Relation::kEqual: return side == 0;
      case Relation::kNotEqual: return side != 0;
    }
    return false;
  }
  // -1, 0, 1: the segment lies before, at, after the constant.
  static int Side(const Segment& segment, const Value& constant) {
    if (segment.other) return 1;
    if (segment.point) {
      return LessValue(segment.value, constant) ? -1 : LessValue(constant, segment.value) ? 1 : 0;
    }
    if (segment.high.has_value() && !LessValue(constant, *segment.high)) return -1;
    return 1;
  }

  const TableInput& input_;
  std::vector<Segment> segments_;
};

class Analysis {
 public:
  explicit Analysis(const DecisionTable& table) : table_(table) {
    for (size_t c = 0; c < table.inputs().size(); ++c) columns_.emplace_back(table, c);
    for (size_t r = 0; r < table.rules().size(); ++r) {
      const TableRule& rule = table.rules()[r];
      if (!rule.enabled) continue;
      const bool box = rule.condition == nullptr && !rule.valid_from.has_value() &&
                       !rule.valid_to.has_value() &&
                       std::all_of(rule.cells.begin(), rule.cells.end(),
                                   [](const Cell& cell) { return cell.IsBox(); });
      if (!box) {
        left_out_.push_back(rule.id);
        continue;
      }
      Box one;
      one.rule = static_cast<int>(r);
      for (size_t c = 0; c < columns_.size(); ++c) {
        one.accepted.push_back(columns_[c].Accepted(rule.cells[c]));
      }
      boxes_.push_back(std::move(one));
    }
  }

  std::vector<Fault> Run() {
    Overlaps();
    Gaps();
    if (!left_out_.empty()) {
      Add("not_analysed", true,
          absl::StrCat("left out of the proof, because their cells are more than constants: ",
                       absl::StrJoin(left_out_, ", ")),
          "");
    }
    return std::move(faults_);
  }

 private:
  struct Box {
    int rule = 0;
    std::vector<std::vector<bool>> accepted;  // Per column and segment.
  };

  // `rule`: the one it is about; -1 = all of them.
  void Add(std::string code, bool warning, std::string message, std::string hint, int rule = -1) {
    Fault fault;
    fault.code = std::move(code);
    fault.path = rule < 0 ? "rules" : absl::StrCat("rules[", rule, "]");
    fault.message = std::move(message);
    fault.hint = std::move(hint);
    fault.warning = warning;
    faults_.push_back(std::move(fault));
  }

  // The common region of two boxes, or "" when there is none.
  std::string Common(const Box& a, const Box& b) const {
    std::vector<std::string> parts;
    for (size_t c = 0; c < columns_.size(); ++c) {
      std::vector<bool> both(a.accepted[c].size());
      bool any = false;
      bool all = true;
      for (size_t s = 0; s < both.size(); ++s) {
        const bool domain = columns_[c].InDomain(columns_[c].segments()[s]);
        both[s] = domain && a.accepted[c][s] && b.accepted[c][s];
        any = any || both[s];
        all = all && (both[s] || !domain);
      }
      if (!any) return "";
      if (!all) parts.push_back(absl::StrCat(columns_[c].id(), " ", Describe(c, both)));
    }
    return parts.empty() ? "every case" : absl::StrJoin(parts, " and ");
  }
  std::string Describe(size_t c, const std::vector<bool>& set) const {
    std::vector<std::string> regions;
    for (size_t s = 0; s < set.size(); ++s) {
      if (!set[s]) continue;
      size_t last = s;
      while (last + 1 < set.size() && set[last + 1] && columns_[c].Neighbours(last, last + 1))
        ++last;
      regions.push_back(columns_[c].Region(s, last));
      s = last;
    }
    return absl::StrJoin(regions, " or ");
  }

  bool SameConstants(int a, int b) const {
    expr::Arena arena;
    for (size_t o = 0; o < table_.outputs().size(); ++o) {
      const auto value = [&](int rule) -> const std::optional<Value>& {
        const TableRule::Output& out = table_.rules()[rule].outputs[o];
        return out.given ? out.operand.constant : table_.outputs()[o].fallback.constant;
      };
      if (!value(a).has_value() || !value(b).has_value()) return true;  // Known at run time only.
      if (!expr::Equals(*value(a), *value(b), arena)) return false;
    }
    return true;
  }
  static bool Covers(const Box& a, const Box& b) {
    for (size_t c = 0; c < a.accepted.size(); ++c) {
      for (size_t s = 0; s < a.accepted[c].size(); ++s) {
        if (b.accepted[c][s] && !a.accepted[c][s]) return false;
      }
    }
    return true;
  }

  void Overlaps() {
    size_t found = 0;
    for (size_t i = 0; i < boxes_.size(); ++i) {
      for (size_t j = i + 1; j < boxes_.size(); ++j) {
        const Box& a = boxes_[i];
        const Box& b = boxes_[j];
        const std::string& first = table_.rules()[a.rule].id;
        const std::string& second = table_.rules()[b.rule].id;
        if (table_.hit_policy() == HitPolicy::kFirst) {
          if (Covers(a, b)) {
            Add("redundant_rule", true,
                absl::StrCat("rule '", second, "' can never decide: '", first, "' hides it"),
                "move it up or remove it", b.rule);
          }
          continue;
        }
        const bool unique = table_.hit_policy() == HitPolicy::kUnique;
        const bool any = table_.hit_policy() == HitPolicy::kAny && !SameConstants(a.rule, b.rule);
        if (!unique && !any) continue;
        const std::string region = Common(a, b);
        if (region.empty()) continue;
        if (++found > kOverlapsMax) return;
        Add("overlap", false,
            absl::StrCat("rules '", first, "' and '", second, "' both take ", region),
            unique ? "under UNIQUE one rule may take a case"
                   : "under ANY their outputs must agree",
            b.rule);
      }
    }
  }

  void Gaps() {
    // A rule that is not a box may take anything: a gap could not be proved.
    if (!left_out_.empty() || table_.rules().empty()) return;
    const bool has_default = table_.outputs()[0].has_fallback;
    if (has_default && !table_.complete()) return;
    std::vector<size_t> all(boxes_.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    std::vector<std::string> path;
    steps_ = 0;
    Sweep(0, all, path);
    if (steps_ > kStepsMax) {
      Add("not_analysed", true, "the table has too many cases to prove that it is complete", "");
    }
    for (const std::string& gap : gaps_) {
      Add("gap", !table_.complete(), absl::StrCat("no rule takes ", gap),
          "add a rule or a default");
    }
  }

  // Takes the columns one by one; `alive` are the boxes that accept the path so far.
  void Sweep(size_t column, const std::vector<size_t>& alive, std::vector<std::string>& path) {
    if (gaps_.size() >= kGapsMax || ++steps_ > kStepsMax) return;
    if (alive.empty()) {
      std::vector<std::string> parts = path;
      parts.erase(std::remove(parts.begin(), parts.end(), ""), parts.end());
      gaps_.push_back(parts.empty() ? "any case" : absl::StrJoin(parts, " and "));
      return;
    }
    if (column == columns_.size()) return;
    // Segments with the same boxes alive are looked at once, neighbours together.
    const Column& here = columns_[column];
    std::map<std::vector<size_t>, std::vector<bool>> groups;
    for (size_t s = 0; s < here.segments().size(); ++s) {
      if (!here.InDomain(here.segments()[s])) continue;
      std::vector<size_t> next;
      for (const size_t box : alive) {
        if (boxes_[box].accepted[column][s]) next.push_back(box);
      }
      auto& set = groups[next];
      set.resize(here.segments().size());
      set[s] = true;
    }
    const bool whole = groups.size() == 1;
    for (const auto& [next, set] : groups) {
      path.push_back(whole ? "" : absl::StrCat(here.id(), " ", Describe(column, set)));
      Sweep(column + 1, next, path);
      path.pop_back();
    }
  }

  const DecisionTable& table_;
  std::vector<Column> columns_;
  std::vector<Box> boxes_;
  std::vector<std::string> left_out_;
  std::vector<std::string> gaps_;
  std::vector<Fault> faults_;
  size_t steps_ = 0;
};

}  // namespace

std::vector<Fault> Analyse(const DecisionTable& table) { return Analysis(table).Run(); }

}  // namespace weft::rules
