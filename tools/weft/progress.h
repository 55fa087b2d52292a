// How far long work is: a bar with rate and time left on a terminal, else one
// line every 10 seconds.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "tools/weft/terminal.h"

namespace weft::cli {

class Progress {
 public:
  enum class Style { kBar, kPlain, kNone };
  // `setting`: auto, plain or none. `total` 0 = not known. `unit`: "messages".
  Progress(Terminal& terminal, const std::string& setting, std::string what, std::string unit,
           int64_t total);
  ~Progress();

  // `share`: of 0 to 1, where the total of `done` is not known.
  void Update(int64_t done, double share);
  // The last state, and a line end behind a bar.
  void Finish();

 private:
  std::string Line(bool bar) const;

  Terminal& terminal_;
  const Style style_;
  const std::string what_;
  const std::string unit_;
  const int64_t total_;
  const absl::Duration began_;
  absl::Duration shown_;
  int64_t done_ = 0;
  double share_ = 0;
  bool finished_ = false;
  bool open_ = false;  // A bar stands on the current line.
};

}  // namespace weft::cli
