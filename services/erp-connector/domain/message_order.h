// Which message about an object is news: repeats do nothing, older never
// overwrites newer, whatever order messages arrive in.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace weft::erp {

// What a message says about its place among those of its object.
struct Marks {
  std::optional<int64_t> version;
  std::optional<int64_t> changed_at_us;

  bool operator==(const Marks&) const = default;
};

enum class Placement {
  kNewer,     // Apply it.
  kSame,      // Same place: a repeat; by changedAt alone, content decides.
  kOlder,     // Ignore it.
  kArrival,   // No common measure: the order of arrival counts.
};

// Where `incoming` stands against what was applied last.
//
// Versions decide when both have one; otherwise moments when both have one;
// otherwise arrival.
Placement Place(const Marks& applied, const Marks& incoming);

// True when two messages at the same place may still differ and the later arrival
// is believed: a clock's resolution may hold two changes, a version may not.
bool SamePlaceMayDiffer(const Marks& applied, const Marks& incoming);

// What is remembered once `incoming` was applied: it keeps the measure that the
// message lacks, so that a message without version does not make versions forget.
Marks After(const Marks& applied, const Marks& incoming);

}  // namespace weft::erp
