// Where a command reads and writes. Data goes to `out`, everything else to `err`.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "absl/time/time.h"

namespace weft::cli {

struct Terminal {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Time that only goes forward, for rates.
  std::function<absl::Duration()> steady;
  // Waits; a test's does not.
  std::function<void(absl::Duration)> sleep;
  // True once Ctrl-C was pressed.
  std::function<bool()> interrupted;
};

}  // namespace weft::cli
