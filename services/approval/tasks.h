// Calls to other rooms that the engine carries out.
//
//   kind         call                                        undo
//   price        pricing CalculatePrices                     none: it books nothing
//   quote-price  pricing CalculatePrices                     none
//   reserve      inventory-projection Reserve                release
//   confirm      inventory-projection Confirm                release
//   release      inventory-projection Release (an undo)      –
//
// A key is "<order or quote>/<step>"; it travels as the request id, and the
// undo names it in `undo_of`.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/engine/program.h"
#include "libs/engine/turn.h"
#include "libs/rpc/client.h"
#include "services/approval/domain/price_check.h"
#include "weft/approval/v1/approval.pb.h"
#include "weft/approval/v1/state.pb.h"
#include "weft/inventory/v1/inventory.pb.h"

namespace weft::approval {

inline constexpr char kPriceTask[] = "price";
inline constexpr char kQuotePriceTask[] = "quote-price";
inline constexpr char kReserveTask[] = "reserve";
inline constexpr char kConfirmTask[] = "confirm";
inline constexpr char kReleaseTask[] = "release";

// What makes a price question: of an order or of a quote.
struct PriceQuestion {
  std::string account;
  std::string user;
  std::string channel;
  std::string currency_code;
  absl::Time as_of;
  std::string price_lock;  // "" = none.
  const google::protobuf::RepeatedPtrField<v1::OrderLine>* lines = nullptr;
};
engine::TaskSpec PriceTask(const char* kind, const std::string& id,
                           const PriceQuestion& question);
// Errors: INTERNAL when the answer does not fit the question.
absl::StatusOr<std::vector<PricedLine>> ReadPrices(const engine::TaskResult& result, int lines);

engine::TaskSpec ReserveTask(const std::string& id, const v1::Order& order, absl::Time expire);
engine::TaskSpec ConfirmTask(const std::string& id, const v1::Order& order);
// Works whether or not the name of the reservation is known.
engine::TaskSpec ReleaseTask(const std::string& id, const v1::OrderRow& row);

// "<id>/reserve" → "<id>".
std::string IdOfTask(const std::string& key);

// Carries out a task by calling `method` of a room with the payload. `client`
// outlives the executor; nullptr answers UNAVAILABLE, so that the task waits.
engine::TaskExecutor CallRoom(rpc::Client* client, std::string method);

}  // namespace weft::approval
