// Where prices come from, as a document says (kind AccessSequence) and as the
// finder reads it: a short list of steps, asked from special to general.
//
// Form: README.md, "Access sequence". A plan is immutable and may be used by any
// number of threads; to ask it allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "libs/rules/document/tree.h"
#include "services/pricing/domain/facts.h"

namespace weft::pricing {

// How several prices that one step finds become one.
enum class Combine : uint8_t {
  kFirst,       // The first one in the order of the step.
  kBestPrice,   // The lowest net of the line; of equal ones the first.
  kMergeTiers,  // All tiers as one ladder; of equal minimums the first.
};

struct AccessStep {
  enum class Source : uint8_t { kContract, kBook };
  enum class Owner : uint8_t { kShipTo, kProject, kAccount, kParents, kGroups };
  // Scopes of books, one bit each; a book has the narrowest that it names.
  enum Scope : uint8_t { kBranch = 1, kOrganisation = 2, kChannel = 4, kGroup = 8, kEveryone = 16 };
  static constexpr uint8_t kAnyScope = 31;

  std::string id;
  Source source = Source::kContract;
  Combine combine = Combine::kFirst;
  bool by_owner = true;      // Each owner for all targets; else each target for all owners.
  bool convert = false;      // Books in other currencies, at the rate of the moment.
  uint8_t scopes = kAnyScope;
  int8_t group = -1;         // Number of its best-price group; -1 = none.
  uint64_t excludes = 0;     // Steps that are not asked once this one has a price.
  absl::InlinedVector<Owner, 5> owners;
  absl::InlinedVector<Facts::Target, 3> targets;
  // Asked only in these; empty = everywhere.
  std::vector<std::string> channels;
  std::vector<std::string> organisations;
  std::vector<std::string> branches;

  bool conditional() const {
    return !channels.empty() || !organisations.empty() || !branches.empty();
  }
};

class AccessPlan {
 public:
  static constexpr size_t kStepsMax = 32;
  // Of a unit that no offer may be in.
  static constexpr uint8_t kNotUsed = 255;

  // nullptr when `faults` holds errors. Fault codes: README.md.
  static std::shared_ptr<const AccessPlan> Parse(const rules::Tree& document,
                                                 std::vector<rules::Fault>& faults);

  const std::vector<AccessStep>& steps() const { return steps_; }
  // Preference of the unit asked for, the base unit, any other; lower goes first.
  const std::array<uint8_t, 3>& unit_preference() const { return unit_preference_; }
  // Some step is asked for some buyers only.
  bool conditional() const { return conditional_; }
  // Some step converts; foreign books are asked for prices then.
  bool converts() const { return converts_; }

 private:
  friend class AccessPlanParser;
  std::vector<AccessStep> steps_;
  std::array<uint8_t, 3> unit_preference_{0, 1, 2};
  bool conditional_ = false;
  bool converts_ = false;
};

}  // namespace weft::pricing
