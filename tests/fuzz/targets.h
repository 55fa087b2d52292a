// What is fuzzed. Each target takes any bytes; it aborts when something that
// must hold does not.
#pragma once

#include "absl/strings/string_view.h"

namespace weft::fuzz {

void Parse(absl::string_view input);
void Check(absl::string_view input);
void Evaluate(absl::string_view input);
void ReadDocument(absl::string_view input);
void DecideByTable(absl::string_view input);

struct Target {
  const char* name;
  void (*run)(absl::string_view input);
};
inline constexpr Target kTargets[] = {{"parse", Parse},
                                      {"check", Check},
                                      {"evaluate", Evaluate},
                                      {"tree", ReadDocument},
                                      {"table", DecideByTable}};

// Says what does not hold, and aborts.
[[noreturn]] void Broken(absl::string_view what, absl::string_view detail);

}  // namespace weft::fuzz
