// Reads the members of one JSON object strictly: every member is asked for by
// name with its type and bounds, what nobody asked for is an error, and the
// first error names its place ("$.data.tiers[1].price").
//
//   Fields data(tree, node, parent, "data", problem);
//   data.Text("sku", {.required = true, .length_max = 40}, *item.mutable_sku());
//   data.Decimal("minimumQuantity", {.sign = Sign::kPositive}, …);
//   data.Done();
//
// After the first error all calls do nothing. A patch leaves absent members as
// they are and null empties them; otherwise null is the same as absent. Members
// that start with "x-" belong to the ERP and are ignored.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/erp-connector/json_tree.h"
#include "services/erp-connector/problem.h"

namespace weft::erp {

enum class Sign { kAny, kNotNegative, kPositive };

// What a text member must be. Lengths in characters.
struct TextRule {
  bool required = false;
  int length_max = 200;
  // False: one line without control characters and without blanks at its ends.
  bool free_text = false;
};

struct DecimalRule {
  bool required = false;
  Sign sign = Sign::kAny;
};

struct WholeRule {
  bool required = false;
  int64_t min = INT64_MIN;
  int64_t max = INT64_MAX;
};

class Fields {
 public:
  // `parent` may be null. `name` and `parent` outlive this. `index` >= 0 says
  // that the object is that element of the array `name`.
  Fields(const JsonTree& tree, uint32_t node, const Fields* parent, absl::string_view name,
         Problem& problem, int index = -1);

  void set_patch(bool patch) { patch_ = patch; }
  bool ok() const { return !problem_.any(); }
  bool Has(absl::string_view name);  // Present and not null.

  // Each returns true when it wrote `into` (with an empty value for a patch's null).
  bool Text(absl::string_view name, const TextRule& rule, std::string& into);
  bool Decimal(absl::string_view name, const DecimalRule& rule, std::string& into);
  bool Whole(absl::string_view name, const WholeRule& rule, int64_t& into);
  bool Flag(absl::string_view name, bool required, bool& into);
  // Microseconds since 1970 are kept; finer is cut.
  bool Moment(absl::string_view name, bool required, absl::Time& into, bool& cleared);
  // ISO 4217: three capital letters.
  bool Currency(absl::string_view name, bool required, std::string& into);

  // Of a nested object: its node, or 0 when absent (or null; then `cleared`).
  uint32_t Object(absl::string_view name, bool required, bool& cleared);
  // Of a list: its node, or 0. `cleared` for a patch's null.
  uint32_t List(absl::string_view name, bool required, uint32_t count_min, uint32_t count_max,
                bool& cleared);
  // Ignores `name` here; somebody else reads it.
  void Skip(absl::string_view name) { Find(name); }

  // Refuses what nobody asked for. Call last.
  void Done();

  // Records `reason` at the member `name` ("" = this object).
  void Fail(absl::string_view reason, absl::string_view name, absl::string_view message);
  std::string Path(absl::string_view member) const;

  const JsonTree& tree() const { return tree_; }
  uint32_t node() const { return node_; }
  Problem& problem() const { return problem_; }

 private:
  // Node of the member, 0 when absent; marks it as asked for.
  uint32_t Find(absl::string_view name);
  // The same; false when there is nothing to read. Null counts as absent but for
  // `cleared` in a patch.
  bool Present(absl::string_view name, bool required, uint32_t& node, bool& cleared);
  void WrongType(absl::string_view name, absl::string_view wanted, uint32_t node);

  const JsonTree& tree_;
  const uint32_t node_;
  const Fields* const parent_;
  const absl::string_view name_;
  const int index_;
  Problem& problem_;
  bool patch_ = false;
  uint64_t asked_ = 0;    // Members asked for, by their order; the first 64.
};

// Reads one text of a list or a member that is not named; the rules are Text()'s.
bool CheckText(const JsonTree::Node& node, const TextRule& rule, std::string& into,
               absl::string_view& reason, std::string& message);

}  // namespace weft::erp
