// A room, as the engine sees it: which commands it takes, which topics it reads
// and writes, what its timers and tasks do. Made once at start, then constant.
//
//   engine::Program program("inventory-projection");
//   program.Command("weft.inventory.v1.InventoryService/Reserve", &app::Reserve);
//   program.Events(engine::kTimeline, &app::OnFact);
//   program.Emits("weft.inventory.stock.v1", {});
//   program.Timer("expire", &app::ExpireReservation);
//   program.Task("hold-stock", executor, &app::OnStockHeld);
//
// Handlers run on the shard's sequencer and must be pure but for their Turn:
// no clock, no I/O, no random, no shared mutable state.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/engine/event.h"
#include "libs/engine/turn.h"
#include "libs/eventlog/event_log.h"

namespace weft::engine {

// What the task runner does with a task: carries the call out and says how it
// went. `done` is called once, from any thread.
//   OK / a definite refusal      → becomes TaskResult
//   UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, UNKNOWN, ABORTED,
//   RESOURCE_EXHAUSTED → outcome unknown or "later": repeated with the
//   same key, with growing pauses, until it is known.
struct TaskCall {
  std::string tenant;
  std::string kind;
  std::string key;
  std::string payload;
  int64_t epoch = 0;
  int attempt = 1;
};
using TaskDone = std::function<void(absl::StatusOr<std::string> answer)>;
using TaskExecutor = std::function<void(const TaskCall&, TaskDone)>;

using CommandHandler =
    std::function<absl::StatusOr<std::string>(absl::string_view payload, Turn& turn)>;
// An error parks the event: kept with its bytes and reason, listed, replayable;
// later events go on.
using EventHandler = std::function<absl::Status(const Event& event, Turn& turn)>;
using RawHandler = std::function<absl::Status(const RawRecord& record, Turn& turn)>;
using TimerHandler = std::function<void(const TimerFired& timer, Turn& turn)>;
using TaskHandler = std::function<void(const TaskResult& result, Turn& turn)>;

// How rooms that emit on the timeline make it: bodies of documents are up to 2 MiB.
inline constexpr eventlog::TopicOptions kTimelineOptions{.max_record_bytes = int64_t{3} << 20};

struct RawTopic {
  std::string topic;
  std::string tenant;  // Records of a raw topic belong to one tenant.
  RawHandler handler;
};

// Rows that a durable turn changed, for read models in memory.
struct ChangedRow {
  std::string tenant;
  uint32_t partition = 0;
  uint8_t table = 0;
  std::string key;
  std::optional<std::string> value;  // With its version octet; nullopt = deleted.
};

// A read model in memory. Load() runs while the shard opens, once per stored
// row; Apply() runs on the sequencer after the batch is durable and before its
// callers are answered, once per turn.
class ReadModel {
 public:
  virtual ~ReadModel() = default;
  virtual void Load(const ChangedRow& row) = 0;
  virtual void Apply(const std::vector<ChangedRow>& rows, const std::string& tenant,
                     Position position) = 0;
};

struct Program {
  explicit Program(std::string room_name) : room(std::move(room_name)) {}

  std::string room;  // "inventory-projection"
  std::map<std::string, CommandHandler> commands;  // By full method name.
  std::map<std::string, std::vector<EventHandler>> events;  // By topic.
  std::vector<RawTopic> raw_topics;
  std::map<std::string, eventlog::TopicOptions> emits;  // By topic.
  std::map<std::string, TimerHandler> timers;
  struct TaskKind {
    TaskExecutor executor;
    TaskHandler handler;
  };
  std::map<std::string, TaskKind> tasks;
  std::vector<ReadModel*> read_models;  // Outlive the shards.
  std::set<std::string> compacted;      // Topics read that keep the last record of a key only.
  std::set<std::string> undos;          // Commands that undo: never refused for load.

  // Request and Response are protobuf messages; `method` is
  // "weft.inventory.v1.InventoryService/Reserve".
  template <typename Request, typename Response>
  void Command(const std::string& method,
               std::function<absl::StatusOr<Response>(const Request&, Turn&)> handler) {
    commands[method] = [handler = std::move(handler)](
                           absl::string_view payload,
                           Turn& turn) -> absl::StatusOr<std::string> {
      Request request;
      if (!request.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
        return InvalidArgument("REQUEST_UNREADABLE", "the request does not parse");
      }
      WEFT_ASSIGN_OR_RETURN(const Response response, handler(request, turn));
      return BytesOf(response);
    };
  }
  template <typename Request, typename Response>
  void Command(const std::string& method,
               absl::StatusOr<Response> (*handler)(const Request&, Turn&)) {
    Command<Request, Response>(
        method, std::function<absl::StatusOr<Response>(const Request&, Turn&)>(handler));
  }
  void Events(const std::string& topic, EventHandler handler) {
    events[topic].push_back(std::move(handler));
  }
  // Says of a topic that is read that it is compacted: numbers may be missing in
  // what was there before the shard was opened.
  void Compacted(const std::string& topic) { compacted.insert(topic); }
  // Says of a command that it undoes another: however long the queue is, it is
  // taken.
  void Undo(const std::string& method) { undos.insert(method); }
  void Raw(RawTopic topic) { raw_topics.push_back(std::move(topic)); }
  void Emits(const std::string& topic, eventlog::TopicOptions options) {
    emits[topic] = options;
  }
  void Timer(const std::string& kind, TimerHandler handler) {
    timers[kind] = std::move(handler);
  }
  // A projection does nothing but read topics: its rows can be had from them
  // again, so on Kafka it has no changelog and no owner.
  bool projection() const {
    return commands.empty() && emits.empty() && tasks.empty() && timers.empty();
  }
  void Task(const std::string& kind, TaskExecutor executor, TaskHandler handler) {
    tasks[kind] = {std::move(executor), std::move(handler)};
  }
};

}  // namespace weft::engine
