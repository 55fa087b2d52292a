// The event log on Apache Kafka, through librdkafka.
//
// Guarantees beyond event_log.h, and where Kafka gives less:
//  - The records of one append lie side by side as long as nobody else writes
//    to the partition. They are not all-or-none: when the writer dies in the
//    middle, a first part may be there. After UNAVAILABLE the caller repeats.
//  - There is no delivery time-out: while the cluster is away an append waits.
//  - After an error every append that is not confirmed fails, and so does each
//    one that is made before their callbacks have run; then a new producer
//    starts. So nothing is delivered behind a gap.
//  - The cluster's id is pinned when it is first seen. When another one answers
//    (a broker that was wiped), appends and readers say LOG_CHANGED from then
//    on; a new KafkaLog must be made by decision.
//  - A topic made anew under its old name is noticed, too, within seconds: a
//    record of each topic that was read is looked at again and again. Where only
//    appends went, by an end that went back. Appends to it and its readers say
//    LOG_CHANGED; other topics go on.
//  - A client with an error that it cannot get over is replaced by a new one: a
//    reader goes on where it was, a producer as above.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "libs/eventlog/event_log.h"

namespace weft::eventlog {

struct KafkaLogOptions {
  // "host:port,host:port"
  std::string bootstrap_servers;
  std::string client_id = "weft";
  // Readers commit what they handed out under this group every few seconds, so
  // that ordinary Kafka tools show the lag. Never read back. "" = not at all.
  std::string lag_group;

  // plaintext, ssl, sasl_plaintext or sasl_ssl.
  std::string security_protocol = "plaintext";
  std::string ssl_ca_file;           // PEM; "" = the system's.
  std::string ssl_certificate_file;  // PEM, with the key for mutual TLS.
  std::string ssl_key_file;
  std::string ssl_key_password;
  std::string sasl_mechanism;  // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
  std::string sasl_username;
  std::string sasl_password;

  // False where operators make the topics and we may not: then EnsureTopic
  // checks the partitions only.
  bool manage_topics = true;
  int replication_factor = -1;  // Of topics we make; -1 = the broker's default.
  int min_insync_replicas = 0;  // Of topics we make; 0 = the broker's default.
  // Topics whose retention and compaction an operator has chosen otherwise than
  // we would have: EnsureTopic takes them as they are.
  std::set<std::string> retention_is_operators;

  // No topic's max_record_bytes exceeds it.
  int64_t max_record_bytes = 16 << 20;
  // What is with librdkafka and not confirmed; more waits in front of it.
  size_t max_records_in_flight = 100'000;
  size_t max_bytes_in_flight = 64 << 20;

  // How long a call that asks the cluster something waits for the answer.
  absl::Duration request_timeout = absl::Seconds(15);
  // How often the cluster's id and the topics' records are looked at.
  absl::Duration identity_interval = absl::Seconds(2);
  // How long the destructor waits for appends to be confirmed.
  absl::Duration close_timeout = absl::Seconds(5);

  // librdkafka's own settings, by name, applied last.
  std::map<std::string, std::string> overrides;
  // Gets librdkafka's log lines (syslog level 0–7), from its threads.
  std::function<void(int level, const std::string& line)> say;
};

class KafkaLog final : public EventLog {
 public:
  // Does not wait for the cluster. INVALID_ARGUMENT / KAFKA_OPTIONS_INVALID.
  static absl::StatusOr<std::unique_ptr<KafkaLog>> Open(KafkaLogOptions options);
  // Answers what is not confirmed in time with UNAVAILABLE.
  ~KafkaLog() override;

  absl::StatusOr<std::string> Identity() override;
  absl::Status EnsureTopic(const std::string& topic, const TopicOptions& options) override;
  absl::StatusOr<int32_t> PartitionCount(const std::string& topic) override;
  void Append(const TopicPartition& where, std::vector<NewRecord> records,
              AppendCallback done) override;
  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(
      std::vector<StartPosition> positions) override;
  // The same under a lag group of its own, in place of the options'.
  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(std::vector<StartPosition> positions,
                                                     const std::string& lag_group);
  absl::StatusOr<Watermarks> GetWatermarks(const TopicPartition& where) override;
  LogStats Stats() override;

 private:
  class Impl;
  explicit KafkaLog(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace weft::eventlog
