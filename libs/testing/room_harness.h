// Runs a room's program for its tests: one shard in memory, one thread, a clock
// that the test moves, tasks whose answers the test scripts. Everything a call
// sets off is durable and done when the call returns.
//
//   RoomHarness room(program);
//   auto order = room.Submit<v1::Order>("weft.approval.v1.OrderService/SubmitOrder",
//                                       Buyer("acme"), "r-1", request);
//   room.OnTask("hold-stock", [](const engine::TaskCall&) { return answer_bytes; });
//   room.Deliver("acme", engine::kTimeline, "erp-connector", "items/85123A", item);
//   room.Advance(absl::Hours(2));             // Timers fire.
//   CHECK(room.emitted("weft.sales.orders.v1").size() == 1);
//   auto row = room.Read("acme")->Find(kOrders, key);
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"
#include "libs/base/principal.h"
#include "libs/engine/core.h"
#include "libs/engine/mem_store.h"
#include "libs/engine/program.h"
#include "libs/engine/shards.h"
#include "libs/testing/fake_clock.h"

namespace weft::testing {

// A principal of `tenant` with `roles`.
Principal MakePrincipal(const std::string& tenant, std::set<std::string> roles,
                        const std::string& user = "", const std::string& account = "");

class RoomHarness {
 public:
  // `program` outlives the harness.
  explicit RoomHarness(const engine::Program& program);
  ~RoomHarness();
  RoomHarness(const RoomHarness&) = delete;
  RoomHarness& operator=(const RoomHarness&) = delete;

  // Runs a command and answers the bytes; tasks it starts and timers that are
  // due run before this returns.
  absl::StatusOr<engine::Answer> SubmitBytes(const std::string& method,
                                             const Principal& principal,
                                             const std::string& request_id,
                                             const std::string& payload);
  template <typename Response>
  absl::StatusOr<Response> Submit(const std::string& method, const Principal& principal,
                                  const std::string& request_id,
                                  const google::protobuf::MessageLite& request) {
    absl::StatusOr<engine::Answer> answer =
        SubmitBytes(method, principal, request_id, request.SerializeAsString());
    if (!answer.ok()) return answer.status();
    Response response;
    if (!response.ParseFromString(answer->payload)) {
      return absl::InternalError("the answer is of another type");
    }
    return response;
  }

  // Delivers an event as `source` would publish it, numbered and with the next
  // offset. Returns the offset. Parked events show in parked().
  int64_t DeliverBytes(const std::string& tenant, const std::string& topic,
                       const std::string& source, const std::string& subject,
                       const std::string& type, std::optional<std::string> payload,
                       int64_t generation = 0);
  template <typename Message>
  int64_t Deliver(const std::string& tenant, const std::string& topic,
                  const std::string& source, const std::string& subject,
                  const Message& message) {
    return DeliverBytes(tenant, topic, source, subject, message.GetTypeName(),
                        message.SerializeAsString());
  }
  int64_t DeliverTombstone(const std::string& tenant, const std::string& topic,
                           const std::string& source, const std::string& subject,
                           const std::string& type) {
    return DeliverBytes(tenant, topic, source, subject, type, std::nullopt);
  }
  // Delivers what `source` says in the tenant's partition of the timeline when it goes
  // on with another log: a new generation of positions.
  void DeliverOpening(const std::string& tenant, const std::string& source, int64_t generation);
  // Delivers a record of a raw topic.
  int64_t DeliverRaw(const std::string& topic, const std::string& key, const std::string& value,
                     std::vector<std::pair<std::string, std::string>> headers = {});

  // Time passes in steps to each timer that falls due on the way; timers fire,
  // tasks are repeated.
  void Advance(absl::Duration duration);
  absl::Time now() const;  // Shard time.
  FakeClock& clock() { return clock_; }

  // Answers of tasks of `kind` from now on; without one the program's own
  // executor runs. Return UNAVAILABLE to be asked again as time advances.
  using TaskScript = std::function<absl::StatusOr<std::string>(const engine::TaskCall&)>;
  void OnTask(const std::string& kind, TaskScript script);
  template <typename Message>
  void OnTaskAnswer(const std::string& kind, const Message& answer) {
    OnTask(kind, [bytes = answer.SerializeAsString()](const engine::TaskCall&) {
      return absl::StatusOr<std::string>(bytes);
    });
  }
  // All calls made so far, in order, repeats included.
  const std::vector<engine::TaskCall>& task_calls() const { return task_calls_; }
  size_t pending_tasks() const;

  // What was published, in order.
  struct Emitted {
    std::string topic;
    uint32_t partition = 0;
    int64_t number = 0;      // 0 for raw records.
    std::string type;        // "" for raw records.
    std::string tenant;
    std::string subject;
    std::string key;
    std::string payload;
    bool tombstone = false;
    std::vector<std::pair<std::string, std::string>> headers;

    template <typename Message>
    Message As() const {
      Message message;
      message.ParseFromString(payload);
      return message;
    }
  };
  const std::vector<Emitted>& emitted() const { return emitted_; }
  std::vector<Emitted> emitted(const std::string& topic) const;
  void ClearEmitted() { emitted_.clear(); }

  // A view as a read RPC gets it.
  std::unique_ptr<engine::View> Read(const std::string& tenant) const;
  std::vector<engine::ParkedRecord> parked() const;
  absl::Status ReplayParked(const engine::ParkedRecord& record);

  // Closes and opens the shard again on the same rows, as after a crash; what
  // tasks were under way are called again.
  void Reopen();
  // All rows as bytes, to compare two runs.
  std::string Dump() const;
  engine::Core& core() { return *core_; }
  // For BindCommand and BindRead in service tests; all calls run at once in the
  // calling thread.
  engine::Shards& shards();

 private:
  class DirectShards;

  engine::Times Times() const;
  void Run(std::vector<engine::Input> inputs);
  void Settle();
  bool RunEffects();

  const engine::Program& program_;
  FakeClock clock_;
  engine::MemStore store_;
  std::unique_ptr<engine::Core> core_;
  std::unique_ptr<DirectShards> shards_;
  std::map<std::string, TaskScript> scripts_;
  std::vector<engine::TaskCall> task_calls_;
  std::vector<Emitted> emitted_;
  std::map<std::pair<std::string, int32_t>, int64_t> next_offset_;
  std::map<std::string, int64_t> next_number_;
};

}  // namespace weft::testing
