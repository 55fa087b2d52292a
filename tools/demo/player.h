// Plays the ERP: answers the orders that the ERP connector sends out. Everything it
// says follows from the order's own text, so answering an order again says the same and does
// nothing; the player keeps no state and may start from the beginning of the topic.
//
//   demo::Player player(log, "erp.main.out", ingest);
//   player.Start(); … player.Stop();
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/eventlog/event_log.h"
#include "tools/demo/feed.h"

namespace weft::demo {

// What the ERP answers to one record of `erp.<connection>.out`, in order:
// acknowledgement, shipment with its movements, invoice; a refused cancel, because
// everything ships at once. Nothing for a message of another type.
// Errors: INVALID_ARGUMENT / ORDER_UNREADABLE.
absl::StatusOr<std::vector<std::string>> AnswerOrder(absl::string_view text);

// Reads the topic on a thread of its own and answers through `ingest`.
class Player {
 public:
  // `log` outlives the player.
  Player(eventlog::EventLog& log, std::string topic, IngestFunction ingest);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  absl::Status Start();
  // Waits for the answer under way.
  void Stop();
  // Orders and cancels answered since Start().
  int64_t answered() const { return answered_.load(); }

 private:
  void Run();

  eventlog::EventLog& log_;
  const std::string topic_;
  const IngestFunction ingest_;
  std::unique_ptr<eventlog::Reader> reader_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> answered_{0};
  std::thread thread_;
};

}  // namespace weft::demo
