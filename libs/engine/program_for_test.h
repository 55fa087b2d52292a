// A small room for the engine's own tests: accounts with a balance, moved by
// commands, events, timers and tasks. Payloads are plain text, so that the
// tests need no protos.
//
//   Bank/Add        "account amount"   adds, emits "added"; refuses to go below 0
//   Bank/Peek       "account"          changes nothing, answers the balance
//   Bank/Later      "account amount seconds"   adds when the time has come
//   Bank/Ask        "account amount"   adds what a task answers (kind "quote")
//   Bank/Tell       "text"             emits "added" into every partition
//   Bank/Undo       "request id of an Add, account, amount"   takes back, or leaves a mark
//   topic deposits.v1   "account amount" adds; "poison" is refused
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/engine/program.h"
#include "libs/engine/table.h"

namespace weft::engine::bank {

struct TextCodec {
  static void Encode(const std::string& row, std::string& out) { out.append(row); }
  static absl::StatusOr<std::string> Decode(absl::string_view bytes, int /*version*/) {
    return std::string(bytes);
  }
};

inline constexpr Table<std::string, TextCodec> kBalances{1, "balances", 1, "ACCOUNT_NOT_FOUND"};
inline constexpr Table<std::string, TextCodec> kAdds{2, "adds"};

inline int64_t Number(absl::string_view text) {
  int64_t v = 0;
  return absl::SimpleAtoi(text, &v) ? v : 0;
}

inline absl::StatusOr<int64_t> Balance(const RowReader& rows, absl::string_view account) {
  WEFT_ASSIGN_OR_RETURN(const auto row, rows.Find(kBalances, account));
  return row.has_value() ? Number(*row) : 0;
}

inline absl::StatusOr<int64_t> AddTo(Turn& turn, const std::string& account, int64_t amount) {
  WEFT_ASSIGN_OR_RETURN(const int64_t before, Balance(turn, account));
  if (before + amount < 0) {
    return FailedPrecondition("BALANCE_TOO_LOW", "not enough is there");
  }
  turn.Put(kBalances, account, absl::StrCat(before + amount));
  return before + amount;
}

inline std::vector<std::string> Words(absl::string_view text) {
  return absl::StrSplit(text, ' ');
}

inline Program MakeProgram(TaskExecutor executor = nullptr) {
  Program program("bank");
  program.Emits("added.v1", {});
  program.Emits("small.v1", {.max_record_bytes = 4096});
  program.commands["Bank/Add"] = [](absl::string_view payload,
                                    Turn& turn) -> absl::StatusOr<std::string> {
    const auto words = Words(payload);
    // Written first, so that a refusal has something to leave behind.
    turn.Put(kAdds, turn.request_id(), words[0]);
    WEFT_ASSIGN_OR_RETURN(const int64_t now, AddTo(turn, words[0], Number(words[1])));
    turn.EmitBytes("added.v1", "bank.Added", words[0], absl::StrCat(words[1]));
    return absl::StrCat(now);
  };
  program.commands["Bank/Peek"] = [](absl::string_view payload,
                                     Turn& turn) -> absl::StatusOr<std::string> {
    WEFT_ASSIGN_OR_RETURN(const int64_t now, Balance(turn, payload));
    return absl::StrCat(now);
  };
  program.commands["Bank/Large"] = [](absl::string_view payload,
                                      Turn& turn) -> absl::StatusOr<std::string> {
    turn.Put(kBalances, "large", std::string("1"));
    turn.EmitBytes("small.v1", "bank.Large", "x",
                   std::string(static_cast<size_t>(Number(payload)), 'x'));
    return "";
  };
  program.commands["Bank/Later"] = [](absl::string_view payload,
                                      Turn& turn) -> absl::StatusOr<std::string> {
    const auto words = Words(payload);
    turn.SetTimer("later", words[0], turn.now() + absl::Seconds(Number(words[2])), words[1]);
    return "";
  };
  program.commands["Bank/Never"] = [](absl::string_view payload,
                                      Turn& turn) -> absl::StatusOr<std::string> {
    turn.CancelTimer("later", std::string(payload));
    return "";
  };
  program.commands["Bank/Tell"] = [](absl::string_view payload,
                                     Turn& turn) -> absl::StatusOr<std::string> {
    turn.EmitBytes("added.v1", "bank.Told", "all", std::string(payload));
    for (uint32_t p = 0; p < 64; ++p) {
      if (p == turn.partition()) continue;
      turn.EmitBytesTo(p, "added.v1", "bank.Told", "all", std::string(payload));
    }
    return "";
  };
  program.Timer("later", [](const TimerFired& timer, Turn& turn) {
    (void)AddTo(turn, timer.key, Number(timer.payload));
  });
  program.commands["Bank/Ask"] = [](absl::string_view payload,
                                    Turn& turn) -> absl::StatusOr<std::string> {
    turn.StartTask({"quote", turn.request_id(), std::string(payload)});
    turn.Put(kAdds, turn.request_id(), std::string("asked"));
    return "";
  };
  program.Task("quote", std::move(executor), [](const TaskResult& result, Turn& turn) {
    const auto words = Words(result.payload);
    if (result.status.ok()) {
      (void)AddTo(turn, words[0], Number(result.answer));
    } else {
      turn.Put(kAdds, result.key, std::string("refused"));
    }
  });
  program.commands["Bank/Undo"] = [](absl::string_view payload,
                                     Turn& turn) -> absl::StatusOr<std::string> {
    const auto words = Words(payload);
    WEFT_ASSIGN_OR_RETURN(const auto add, turn.Find(kAdds, words[0]));
    if (!add.has_value()) {
      turn.LeaveUndoMark("Bank/Add", words[0]);
      return "marked";
    }
    turn.Delete(kAdds, words[0]);
    WEFT_RETURN_IF_ERROR(AddTo(turn, words[1], -Number(words[2])).status());
    return "undone";
  };
  program.Undo("Bank/Undo");
  program.Events("deposits.v1", [](const Event& event, Turn& turn) -> absl::Status {
    const auto words = Words(event.payload);
    turn.Put(kAdds, event.subject, std::string("deposit"));
    if (words[0] == "poison") return InvalidArgument("DEPOSIT_INVALID", "poison");
    return AddTo(turn, words[0], Number(words[1])).status();
  });
  program.Events(kTimeline, [](const Event& event, Turn& turn) -> absl::Status {
    turn.Put(kAdds, event.subject, turn.position().ToText());
    return absl::OkStatus();
  });
  return program;
}

}  // namespace weft::engine::bank
