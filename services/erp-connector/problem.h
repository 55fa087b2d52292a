// Why a message cannot be applied: what a parked message shows.
#pragma once

#include <string>

namespace weft::erp {

// Reasons are listed in README.md with what to do about each.
struct Problem {
  std::string reason;   // "FIELD_TYPE"; "" = no problem.
  std::string message;  // A sentence for people.
  std::string path;     // "$.data.tiers[1].price"; "" = the message as a whole.

  bool any() const { return !reason.empty(); }
};

}  // namespace weft::erp
