// How fast the Kafka log appends, reads and carries one record there and back,
// each beside librdkafka alone with the same settings, in turns.
//
//   tools/kafka/broker run kafka_log_bench [RECORDS [ROUNDS]]
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status_macros.h"
#include "libs/base/sync.h"
#include "libs/eventlog/kafka_client.h"
#include "libs/eventlog/kafka_log.h"

namespace weft::eventlog {
namespace {

constexpr int kPartitions = 64;
constexpr size_t kValueBytes = 200;
constexpr int64_t kInFlightMax = 50'000;
constexpr int kTrips = 300;
constexpr absl::Duration kPatience = absl::Seconds(60);

KafkaLogOptions Options() {
  const char* const address = std::getenv("WEFT_KAFKA");
  if (address == nullptr) throw std::runtime_error("WEFT_KAFKA names no broker");
  KafkaLogOptions options;
  options.bootstrap_servers = address;
  return options;
}

// The settings of kafka_producer.cc and kafka_reader.cc.
const internal::KafkaSettings kProducer = {{"enable.idempotence", "true"},
                                           {"acks", "all"},
                                           {"linger.ms", "1"},
                                           {"batch.num.messages", "10000"},
                                           {"batch.size", "1000000"},
                                           {"compression.type", "lz4"},
                                           {"delivery.timeout.ms", "0"},
                                           {"queue.buffering.max.messages", "10000000"},
                                           {"queue.buffering.max.kbytes", "2147483647"},
                                           {"socket.nagle.disable", "true"}};
const internal::KafkaSettings kConsumer = {{"group.id", "weft"},
                                           {"enable.auto.commit", "false"},
                                           {"auto.offset.reset", "error"},
                                           {"fetch.wait.max.ms", "50"},
                                           {"queued.max.messages.kbytes", "16384"},
                                           {"check.crcs", "true"}};

class Confirmed final : public internal::KafkaEvents {
 public:
  void OnDelivery(rd_kafka_t*, const rd_kafka_message_t& message) override {
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error("not delivered");
    ++count;
  }
  int64_t count = 0;
};

struct Plain {
  explicit Plain(rd_kafka_type_t type) : context{options, &confirmed} {
    auto made = internal::NewKafkaClient(
        type, context, type == RD_KAFKA_PRODUCER ? kProducer : kConsumer);
    WEFT_CHECK_OK(made);
    handle = *std::move(made);
  }
  void Produce(const std::string& topic, int32_t partition, const std::string& value) {
    rd_kafka_headers_t* const headers = rd_kafka_headers_new(2);
    rd_kafka_header_add(headers, "ce_id", -1, "1", -1);
    rd_kafka_header_add(headers, "ce_type", -1, "weft.bench.v1.Thing", -1);
    const auto code = rd_kafka_producev(
        handle.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("tenant", 6),
        RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(code));
  }
  void Assign(const std::string& topic, int partitions) {
    const internal::KafkaPartitions list(rd_kafka_topic_partition_list_new(partitions));
    for (int32_t p = 0; p < partitions; ++p) {
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), p)->offset = 0;
    }
    rd_kafka_poll_set_consumer(handle.get());
    rd_kafka_assign(handle.get(), list.get());
  }
  const KafkaLogOptions options = Options();
  Confirmed confirmed;
  const internal::KafkaContext context;
  internal::KafkaHandle handle;
};

std::vector<NewRecord> One(const std::string& value) {
  return {{"tenant", {{"ce_id", "1"}, {"ce_type", "weft.bench.v1.Thing"}}, value}};
}

double AppendPlain(const std::string& topic, int64_t records) {
  Plain plain(RD_KAFKA_PRODUCER);
  const std::string value(kValueBytes, 'x');
  const absl::Time begun = absl::Now();
  for (int64_t i = 0; i < records; ++i) {
    plain.Produce(topic, static_cast<int32_t>(i % kPartitions), value);
    if (i % 64 == 0) rd_kafka_poll(plain.handle.get(), 0);
    while (i - plain.confirmed.count >= kInFlightMax) rd_kafka_poll(plain.handle.get(), 10);
  }
  while (plain.confirmed.count < records) rd_kafka_poll(plain.handle.get(), 10);
  return static_cast<double>(records) / absl::ToDoubleSeconds(absl::Now() - begun);
}

double AppendOurs(KafkaLog& log, const std::string& topic, int64_t records) {
  const std::string value(kValueBytes, 'x');
  Mutex mutex;
  CondVar moved;
  std::atomic<int64_t> confirmed{0};
  const absl::Time begun = absl::Now();
  const auto await = [&](int64_t at_least) {
    MutexLock lock(mutex);
    while (confirmed.load() < at_least) moved.WaitFor(mutex, absl::Milliseconds(10));
  };
  for (int64_t i = 0; i < records; ++i) {
    log.Append({topic, static_cast<int32_t>(i % kPartitions)}, One(value),
               [&](const absl::StatusOr<int64_t>& first) {
                 WEFT_CHECK_OK(first);
                 if (++confirmed % 1024 == 0) moved.NotifyAll();
               });
    if (i - confirmed.load() >= kInFlightMax) await(i - kInFlightMax / 2);
  }
  await(records);
  return static_cast<double>(records) / absl::ToDoubleSeconds(absl::Now() - begun);
}

double ReadPlain(const std::string& topic, int64_t records) {
  Plain plain(RD_KAFKA_CONSUMER);
  const absl::Time begun = absl::Now();
  plain.Assign(topic, kPartitions);
  for (int64_t read = 0; read < records;) {
    const internal::KafkaMessage message(rd_kafka_consumer_poll(plain.handle.get(), 100));
    if (message != nullptr && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) ++read;
  }
  return static_cast<double>(records) / absl::ToDoubleSeconds(absl::Now() - begun);
}

double ReadOurs(KafkaLog& log, const std::string& topic, int64_t records) {
  std::vector<StartPosition> starts;
  for (int32_t p = 0; p < kPartitions; ++p) starts.push_back({{topic, p}, 0, {}});
  const absl::Time begun = absl::Now();
  auto reader = log.OpenReader(starts);
  WEFT_CHECK_OK(reader);
  for (int64_t read = 0; read < records;) {
    const auto batches = (*reader)->Poll(kPatience, 1000);
    WEFT_CHECK_OK(batches);
    for (const Batch& batch : *batches) read += static_cast<int64_t>(batch.records.size());
  }
  return static_cast<double>(records) / absl::ToDoubleSeconds(absl::Now() - begun);
}

std::pair<double, double> Percentiles(std::vector<double>& milliseconds) {
  std::sort(milliseconds.begin(), milliseconds.end());
  return {milliseconds[milliseconds.size() / 2], milliseconds[milliseconds.size() * 99 / 100]};
}

// Each: append a record, read it back, p50 and p99 in milliseconds.
std::pair<double, double> TripPlain(const std::string& topic) {
  Plain producer(RD_KAFKA_PRODUCER);
  Plain consumer(RD_KAFKA_CONSUMER);
  consumer.Assign(topic, 1);
  std::vector<double> times;
  std::atomic<bool> stop{false};
  std::thread poller([&] {
    while (!stop) rd_kafka_poll(producer.handle.get(), 10);
  });
  for (int i = 0; i < kTrips; ++i) {
    const absl::Time begun = absl::Now();
    producer.Produce(topic, 0, "v");
    while (true) {
      const internal::KafkaMessage message(rd_kafka_consumer_poll(consumer.handle.get(), 1000));
      if (message != nullptr && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    }
    times.push_back(absl::ToDoubleMilliseconds(absl::Now() - begun));
  }
  stop = true;
  poller.join();
  return Percentiles(times);
}

std::pair<double, double> TripOurs(KafkaLog& log, const std::string& topic) {
  auto reader = log.OpenReader({{{topic, 0}, 0, {}}});
  WEFT_CHECK_OK(reader);
  std::vector<double> times;
  for (int i = 0; i < kTrips; ++i) {
    const absl::Time begun = absl::Now();
    log.Append({topic, 0}, One("v"), [](const absl::StatusOr<int64_t>&) {});
    while (true) {
      const auto batches = (*reader)->Poll(absl::Seconds(1), 10);
      WEFT_CHECK_OK(batches);
      if (!batches->empty()) break;
    }
    times.push_back(absl::ToDoubleMilliseconds(absl::Now() - begun));
  }
  return Percentiles(times);
}

std::string NewTopic(KafkaLog& log, const char* name) {
  static int count = 0;
  const std::string topic = absl::StrCat("weft.bench.", name, ".v", ++count);
  WEFT_CHECK_OK(log.EnsureTopic(topic, {.partitions = kPartitions}));
  return topic;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Report(const char* what, const char* unit, const std::vector<double>& ours,
            const std::vector<double>& plain) {
  std::printf("%-34s %10.3g %s, librdkafka alone %10.3g, ratio %.2f\n", what, Median(ours), unit,
              Median(plain), Median(ours) / Median(plain));
}

int Run(int64_t records, int rounds) {
  auto opened = KafkaLog::Open(Options());
  WEFT_CHECK_OK(opened);
  KafkaLog& log = **opened;
  std::map<std::string, std::vector<double>> seen;
  for (int round = 0; round < rounds; ++round) {
    const std::string by_plain = NewTopic(log, "plain");
    const std::string by_ours = NewTopic(log, "ours");
    seen["append plain"].push_back(AppendPlain(by_plain, records));
    seen["append ours"].push_back(AppendOurs(log, by_ours, records));
    seen["read plain"].push_back(ReadPlain(by_ours, records));
    seen["read ours"].push_back(ReadOurs(log, by_plain, records));
    const auto plain = TripPlain(NewTopic(log, "trip"));
    const auto ours = TripOurs(log, NewTopic(log, "trip"));
    seen["p50 plain"].push_back(plain.first);
    seen["p99 plain"].push_back(plain.second);
    seen["p50 ours"].push_back(ours.first);
    seen["p99 ours"].push_back(ours.second);
  }
  std::printf("%lld records of %zu bytes, 64 partitions, acks=all, %d rounds\n",
              static_cast<long long>(records), kValueBytes, rounds);
  Report("append", "records/s", seen["append ours"], seen["append plain"]);
  Report("read", "records/s", seen["read ours"], seen["read plain"]);
  Report("there and back, one at a time, p50", "ms", seen["p50 ours"], seen["p50 plain"]);
  Report("there and back, one at a time, p99", "ms", seen["p99 ours"], seen["p99 plain"]);
  return 0;
}

}  // namespace
}  // namespace weft::eventlog

int main(int argc, char** argv) {
  return weft::eventlog::Run(argc > 1 ? std::atoll(argv[1]) : 500'000,
                             argc > 2 ? std::atoi(argv[2]) : 3);
}
