// What the files of the core share: what a batch sets free, and small helpers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/base/error.h"
#include "libs/engine/core.h"
#include "libs/engine/layout.h"

namespace weft::engine {

inline uint64_t Fnv(absl::string_view text) {
  uint64_t h = 0xcbf29ce484222325;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}

// Outcome unknown, or "later": the call is repeated with its key.
inline bool IsUndecided(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

inline absl::Status Damaged(absl::string_view what) {
  return DataLoss("STORE_CORRUPT",
                  absl::StrCat("the shard's ", what,
                               " does not parse; restore the last checkpoint, or rebuild"));
}

// What a batch sets free once it is durable.
struct Core::Effects {
  std::vector<std::pair<AnswerCallback, absl::StatusOr<Answer>>> answers;
  std::vector<std::pair<std::function<void(absl::Status)>, absl::Status>> parked_answers;
  struct TurnRows {
    std::string tenant;
    Position position;
    std::vector<ChangedRow> rows;
  };
  std::vector<TurnRows> turns;       // For read models only.
  std::vector<std::string> tenants;  // Whose rows changed; neighbours differ.
  std::deque<layout::OutboxRow> outbox;
  uint64_t outbox_end = 0;           // 0: none.
  std::vector<std::string> tasks;
  std::vector<std::pair<std::string, int64_t>> numbers;  // Applied and emitted, by their keys.
};

}  // namespace weft::engine
