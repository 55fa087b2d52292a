// Appends to Kafka: order kept through errors, nothing confirmed too early.
//
//   Append ──► waiting ──► librdkafka (sent) ──► delivery reports ──► finished ──► callbacks
//
// One thread polls librdkafka and calls back. An append goes straight to
// librdkafka when nothing waits in front of it.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_shared.h"

namespace weft::eventlog::internal {

// Thread safe. What the constructor takes outlives it.
class KafkaProducer final : public KafkaEvents {
 public:
  explicit KafkaProducer(const KafkaShared& shared);
  ~KafkaProducer() override;
  absl::Status Start();

  void Append(const TopicPartition& where, std::vector<NewRecord> records, AppendCallback done)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs inside of the thread's poll: kept until the poll is over, so that many
  // reports take the lock once.
  void OnDelivery(rd_kafka_t* from, const rd_kafka_message_t& message) override;
  void OnError(rd_kafka_t* from, rd_kafka_resp_err_t code, const std::string& text) override
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The present client, for tests that break it.
  rd_kafka_t* handle_for_test() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return handle_.get();
  }

 private:
  struct Call {
    uint64_t number = 0;
    absl::Duration begun;  // By the steady clock.
    TopicPartition where;
    std::vector<NewRecord> records;  // Until librdkafka has them.
    AppendCallback done;
    size_t count = 0;
    size_t bytes = 0;
    size_t open = 0;  // Records without a report.
    int64_t first_offset = std::numeric_limits<int64_t>::max();
    absl::Status error;
    bool counted = false;  // In failed_.
  };
  using CallPtr = std::unique_ptr<Call>;
  struct Report {
    rd_kafka_t* from = nullptr;
    Call* call = nullptr;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    int64_t offset = 0;
    size_t bytes = 0;
  };

  absl::StatusOr<KafkaHandle> NewHandle();
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // Hands what waits to librdkafka, as far as the limits and known topics go.
  void Submit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(CallPtr call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  rd_kafka_resp_err_t SendRecord(Call& call, const NewRecord& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoomFor(const Call& call) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Asks the cluster for the topic of the first one that waits.
  void LookUpFront() ABSL_LOCKS_EXCLUDED(mutex_);
  void AnswerEmpty() ABSL_LOCKS_EXCLUDED(mutex_);
  // What the last poll reported. Before anything that gives up calls: reports point at them.
  void TakeReports() ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeReport(const Report& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CallBack() ABSL_LOCKS_EXCLUDED(mutex_);
  // Counts them, and remembers where records are now.
  void Account(const std::deque<CallPtr>& finished) ABSL_LOCKS_EXCLUDED(mutex_);
  // An offset that was given before is given by a topic that is another one.
  void CheckGrowth(Call& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fail(CallPtr call, const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the caller cannot know yet that an append in front of it failed.
  bool IsBehindFailure(const TopicPartition& where) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Stops sending; Renew() fails what is not confirmed.
  void Break(absl::Status why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Renew() ABSL_LOCKS_EXCLUDED(mutex_);
  void BreakChangedTopics() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailAll(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const KafkaShared& shared_;
  const KafkaLogOptions& options_;
  KafkaTopics& topics_;
  const KafkaContext context_;
  const SystemClock clock_;

  Mutex mutex_;
  CondVar woken_;                               // While there is no handle to poll.
  KafkaHandle handle_ ABSL_GUARDED_BY(mutex_);  // Replaced by the thread only.
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<CallPtr> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, CallPtr> sent_ ABSL_GUARDED_BY(mutex_);
  std::deque<CallPtr> finished_ ABSL_GUARDED_BY(mutex_);
  size_t records_in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);
  // Failed appends whose callbacks have not returned.
  std::map<TopicPartition, size_t> failed_ ABSL_GUARDED_BY(mutex_);
  const Call* calling_ ABSL_GUARDED_BY(mutex_) = nullptr;  // A failed one.
  std::map<TopicPartition, int64_t> last_confirmed_ ABSL_GUARDED_BY(mutex_);
  absl::Duration next_remember_;  // The thread's.
  std::vector<Report> reports_;   // The thread's.
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weft::eventlog::internal
