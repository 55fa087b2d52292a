// How far a long piece of work is: a bar on a terminal, otherwise a line every
// 10 seconds. On stderr. Not thread safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace weft {

class Progress {
 public:
  // "demo: 12,000 of 80,000 messages". `unit` is a plural.
  Progress(std::string what, std::string unit);
  // Ends the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(int64_t done, int64_t total);

 private:
  const std::string what_;
  const std::string unit_;
  const bool terminal_;
  const absl::Duration started_;
  absl::Duration shown_;
  bool any_ = false;
};

}  // namespace weft
