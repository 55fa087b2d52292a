// Kafka behind the handle of log_under_test.h: librdkafka's mock cluster, which
// lives in this process, and a real broker at $WEFT_KAFKA. Where $WEFT_KAFKA_CA is
// set, the broker there speaks SASL_SSL (tools/kafka/broker run --secure).
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "libs/eventlog/kafka_log.h"
#include "libs/eventlog/log_under_test.h"

namespace weft::eventlog {

inline std::unique_ptr<KafkaLog> MustOpenKafka(KafkaLogOptions options) {
  auto opened = KafkaLog::Open(std::move(options));
  if (!opened.ok()) throw std::runtime_error(opened.status().ToString());
  return *std::move(opened);
}

// A client without any of our settings.
inline rd_kafka_t* MustMakeClient(const std::vector<std::pair<const char*, std::string>>& settings) {
  std::array<char, 512> text{};
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), text.data(), text.size()) !=
        RD_KAFKA_CONF_OK) {
      throw std::runtime_error(text.data());
    }
  }
  rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
  if (client == nullptr) throw std::runtime_error(text.data());
  return client;
}

// One broker of librdkafka's mock cluster. It knows no admin requests: topics
// are made by hand.
class MockCluster {
 public:
  MockCluster()
      : client_(MustMakeClient({{"test.mock.num.brokers", "1"}, {"log_level", "0"}})),
        cluster_(rd_kafka_handle_mock_cluster(client_)) {}
  ~MockCluster() { rd_kafka_destroy(client_); }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  std::string bootstrap() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  rd_kafka_mock_cluster_t* get() const { return cluster_; }
  KafkaLogOptions Options() const {
    KafkaLogOptions options;
    options.bootstrap_servers = bootstrap();
    options.manage_topics = false;
    // An empty fetch of the mock waits this long whatever comes.
    options.overrides = {{"fetch.wait.max.ms", "10"}};
    return options;
  }

 private:
  rd_kafka_t* const client_;
  rd_kafka_mock_cluster_t* const cluster_;
};

// Makes topics in the mock cluster before the log looks for them.
class LogOnMock final : public EventLog {
 public:
  LogOnMock(MockCluster& cluster, KafkaLogOptions options)
      : cluster_(cluster), log_(MustOpenKafka(std::move(options))) {}

  absl::StatusOr<std::string> Identity() override { return log_->Identity(); }
  absl::Status EnsureTopic(const std::string& topic, const TopicOptions& options) override {
    if (!topic.empty() && options.partitions > 0) {
      // Refused when it exists.
      (void)rd_kafka_mock_topic_create(cluster_.get(), topic.c_str(), options.partitions, 1);
    }
    return log_->EnsureTopic(topic, options);
  }
  absl::StatusOr<int32_t> PartitionCount(const std::string& topic) override {
    return log_->PartitionCount(topic);
  }
  void Append(const TopicPartition& where, std::vector<NewRecord> records,
              AppendCallback done) override {
    log_->Append(where, std::move(records), std::move(done));
  }
  absl::StatusOr<std::unique_ptr<Reader>> OpenReader(
      std::vector<StartPosition> positions) override {
    return log_->OpenReader(std::move(positions));
  }
  absl::StatusOr<Watermarks> GetWatermarks(const TopicPartition& where) override {
    return log_->GetWatermarks(where);
  }
  LogStats Stats() override { return log_->Stats(); }

 private:
  MockCluster& cluster_;
  const std::unique_ptr<KafkaLog> log_;
};

struct MockKafka {
  static constexpr bool kDurable = false;
  static constexpr bool kOwnClock = false;
  explicit MockKafka(const Clock&) { Restart(); }
  void Restart() {
    made.reset();
    made = std::make_unique<LogOnMock>(cluster, cluster.Options());
  }
  EventLog& log() { return *made; }
  MockCluster cluster;
  std::unique_ptr<LogOnMock> made;
};

// The broker is the same for all tests: the test's topics are removed first.
struct RealKafka {
  static constexpr bool kDurable = true;
  static constexpr bool kOwnClock = false;
  explicit RealKafka(const Clock&) {
    RemoveTopic("weft.test.things.v1");
    Restart();
  }
  static std::string Address() {
    const char* const address = std::getenv("WEFT_KAFKA");
    if (address == nullptr) throw std::runtime_error("WEFT_KAFKA names no broker");
    return address;
  }
  static std::string Setting(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
  }
  static bool IsSecure() { return !Setting("WEFT_KAFKA_CA").empty(); }
  // Of a client without any of ours.
  static std::vector<std::pair<const char*, std::string>> ClientSettings() {
    std::vector<std::pair<const char*, std::string>> settings = {{"bootstrap.servers", Address()},
                                                                 {"log_level", "0"}};
    if (!IsSecure()) return settings;
    settings.insert(settings.end(), {{"security.protocol", "sasl_ssl"},
                                     {"ssl.ca.location", Setting("WEFT_KAFKA_CA")},
                                     {"sasl.mechanism", "PLAIN"},
                                     {"sasl.username", Setting("WEFT_KAFKA_USER")},
                                     {"sasl.password", Setting("WEFT_KAFKA_PASSWORD")}});
    return settings;
  }
  static KafkaLogOptions Options() {
    KafkaLogOptions options;
    options.bootstrap_servers = Address();
    if (IsSecure()) {
      options.security_protocol = "sasl_ssl";
      options.ssl_ca_file = Setting("WEFT_KAFKA_CA");
      options.sasl_mechanism = "PLAIN";
      options.sasl_username = Setting("WEFT_KAFKA_USER");
      options.sasl_password = Setting("WEFT_KAFKA_PASSWORD");
    }
    options.request_timeout = absl::Seconds(60);
    options.close_timeout = absl::Seconds(60);
    return options;
  }
  static void RemoveTopic(const char* name) {
    rd_kafka_t* const client = MustMakeClient(ClientSettings());
    rd_kafka_queue_t* const queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(name);
    rd_kafka_AdminOptions_t* const options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    std::array<char, 512> text{};
    // Answered when all brokers know.
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, 30'000, text.data(), text.size());
    rd_kafka_DeleteTopics(client, &topic, 1, options, queue);
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue, 120'000);
    const bool answered =
        event != nullptr && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (event != nullptr) rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    // The controller answered; the broker shows the topic a little longer.
    for (int i = 0; i < 600 && MustOpenKafka(Options())->PartitionCount(name).ok(); ++i) {
      absl::SleepFor(absl::Milliseconds(50));
    }
    if (!answered) throw std::runtime_error("the broker does not remove topics");
  }
  void Restart() {
    made.reset();
    made = MustOpenKafka(Options());
  }
  EventLog& log() { return *made; }
  std::unique_ptr<KafkaLog> made;
};

}  // namespace weft::eventlog
