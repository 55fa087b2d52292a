// What the rows of Kafka are compared with: librdkafka alone, with the settings of
// eventlog/kafka_producer and kafka_reader. Prints one line of JSON.
//
//   bench_kafka_alone turns   --bytes=N [--callers=64 | --rate=N] [--seconds=5]
//       each caller has one record out, which counts when it was read back
//   bench_kafka_alone read    --topic=T --partition=P [--store=DIR]
//       reads the partition to its end; --store: and writes it to RocksDB there
//   bench_kafka_alone trip    [--calls=300]     one record at a time, out and back
//   bench_kafka_alone embedded-trip --store=DIR the same on the embedded log
#include <librdkafka/rdkafka.h>
#include <rocksdb/db.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/eventlog/kafka_log.h"

namespace weft::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kStoreBatch = 500;
constexpr int kPollMilliseconds = 100;

struct Settings {
  std::string servers;
  std::string topic;
  std::string store;
  int partition = 0;
  int callers = 64;
  int calls = 300;
  double rate = 0;
  double seconds = 5;
  size_t bytes = 1500;
};

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void Print(std::vector<double>& latencies, double took) {
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&](double share) {
    if (latencies.empty()) return 0.0;
    return latencies[static_cast<size_t>(share * static_cast<double>(latencies.size() - 1))] * 1e3;
  };
  std::printf("{\"rate\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"calls\":%zu,\"errors\":0}\n",
              static_cast<double>(latencies.size()) / took, at(0.5), at(0.99), latencies.size());
}

using Pairs = std::vector<std::pair<const char*, std::string>>;

struct Free {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Handle = std::unique_ptr<rd_kafka_t, Free>;
using Message = std::unique_ptr<rd_kafka_message_t, Free>;

Handle NewClient(rd_kafka_type_t type, const Pairs& settings) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char error[256];
  for (const auto& [name, value] : settings) {
    WEFT_CHECK(rd_kafka_conf_set(conf, name, value.c_str(), error, sizeof error) ==
               RD_KAFKA_CONF_OK);
  }
  Handle client(rd_kafka_new(type, conf, error, sizeof error));
  WEFT_CHECK(client != nullptr);
  return client;
}

Handle NewProducer(const Settings& settings) {
  return NewClient(RD_KAFKA_PRODUCER, {{"bootstrap.servers", settings.servers},
                                       {"enable.idempotence", "true"},
                                       {"acks", "all"},
                                       {"linger.ms", "1"},
                                       {"batch.num.messages", "10000"},
                                       {"batch.size", "1000000"},
                                       {"compression.type", "lz4"},
                                       {"delivery.timeout.ms", "0"},
                                       {"message.max.bytes", "16777216"},
                                       {"socket.nagle.disable", "true"}});
}

Handle NewConsumer(const Settings& settings, int64_t offset) {
  Handle consumer = NewClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", settings.servers},
                                                  {"group.id", "bench-alone"},
                                                  {"enable.auto.commit", "false"},
                                                  {"fetch.wait.max.ms", "50"},
                                                  {"queued.max.messages.kbytes", "16384"},
                                                  {"check.crcs", "true"}});
  rd_kafka_poll_set_consumer(consumer.get());
  rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, settings.topic.c_str(), settings.partition)->offset =
      offset;
  rd_kafka_assign(consumer.get(), list);
  rd_kafka_topic_partition_list_destroy(list);
  return consumer;
}

// Octets that compress as rows do: half of them repeat.
std::string Value(size_t bytes) {
  std::string value(std::max<size_t>(bytes, sizeof(uint32_t)), 'x');
  for (size_t i = 0; i < value.size(); i += 2) value[i] = static_cast<char>(i * 2654435761U >> 13);
  return value;
}

void Produce(rd_kafka_t* producer, const Settings& settings, const std::string& value) {
  const auto code = rd_kafka_producev(
      producer, RD_KAFKA_V_TOPIC(settings.topic.c_str()), RD_KAFKA_V_PARTITION(settings.partition),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
  WEFT_CHECK(code == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void MakeTopic(Settings& settings) {
  settings.topic = absl::StrCat("bench.alone.", absl::ToUnixNanos(absl::Now()));
  auto log = eventlog::KafkaLog::Open({.bootstrap_servers = settings.servers});
  WEFT_CHECK_OK(log);
  WEFT_CHECK_OK((*log)->EnsureTopic(settings.topic, {.partitions = 64}));
}

// Open loop (rate > 0) counts from the planned time; closed loop from the send.
int Turns(Settings settings) {
  MakeTopic(settings);
  const Handle producer = NewProducer(settings);
  const Handle consumer = NewConsumer(settings, 0);
  std::string value = Value(settings.bytes);
  std::vector<Clock::time_point> started;
  std::vector<double> latencies;
  const auto send = [&](Clock::time_point planned) {
    const auto number = static_cast<uint32_t>(started.size());
    started.push_back(planned);
    std::memcpy(value.data(), &number, sizeof number);
    Produce(producer.get(), settings, value);
  };
  const auto await = [&](int milliseconds) {
    rd_kafka_poll(producer.get(), 0);
    const Message message(rd_kafka_consumer_poll(consumer.get(), milliseconds));
    if (message == nullptr || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
    uint32_t number = 0;
    std::memcpy(&number, message->payload, sizeof number);
    latencies.push_back(Since(started[number]));
    return true;
  };
  // The first one waits for connections.
  send(Clock::now());
  while (latencies.empty()) await(kPollMilliseconds);
  latencies.clear();
  const auto start = Clock::now();
  if (settings.rate <= 0) {
    for (int i = 0; i < settings.callers; ++i) send(Clock::now());
    while (Since(start) < settings.seconds) {
      if (await(kPollMilliseconds)) send(Clock::now());
    }
  } else {
    for (int64_t i = 0; Since(start) < settings.seconds;) {
      const auto planned =
          start + std::chrono::duration_cast<Clock::duration>(
                      std::chrono::duration<double>(static_cast<double>(i) / settings.rate));
      if (Clock::now() >= planned) {
        send(planned);
        ++i;
      } else {
        await(1);
      }
    }
  }
  Print(latencies, Since(start));
  return 0;
}

int Read(const Settings& settings) {
  const Handle consumer = NewConsumer(settings, 0);
  int64_t low = 0;
  int64_t end = 0;
  WEFT_CHECK(rd_kafka_query_watermark_offsets(consumer.get(), settings.topic.c_str(),
                                              settings.partition, &low, &end,
                                              10'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
  std::unique_ptr<rocksdb::DB> store;
  if (!settings.store.empty()) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kLZ4Compression;
    rocksdb::DB* raw = nullptr;
    WEFT_CHECK(rocksdb::DB::Open(options, settings.store, &raw).ok());
    store.reset(raw);
  }
  const auto start = Clock::now();
  rocksdb::WriteBatch batch;
  const auto write = [&] {
    rocksdb::WriteOptions options;
    options.sync = true;
    WEFT_CHECK(store->Write(options, &batch).ok());
    batch.Clear();
  };
  int64_t records = 0;
  for (int64_t next = low; next < end;) {
    const Message message(rd_kafka_consumer_poll(consumer.get(), kPollMilliseconds));
    if (message == nullptr || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    next = message->offset + 1;
    ++records;
    if (store == nullptr) continue;
    batch.Put({static_cast<const char*>(message->key), message->key_len},
              {static_cast<const char*>(message->payload), message->len});
    if (batch.Count() >= kStoreBatch) write();
  }
  if (store != nullptr) write();
  const double took = Since(start);
  std::printf("{\"rate\":%.1f,\"records\":%lld,\"seconds\":%.3f}\n",
              static_cast<double>(records) / took, static_cast<long long>(records), took);
  return 0;
}

int Trip(Settings settings) {
  MakeTopic(settings);
  const Handle producer = NewProducer(settings);
  const Handle consumer = NewConsumer(settings, 0);
  const std::string value = Value(settings.bytes);
  std::vector<double> latencies;
  auto start = Clock::now();
  for (int i = -1; i < settings.calls; ++i) {  // The first one waits for connections.
    if (i == 0) start = Clock::now();
    const auto sent = Clock::now();
    Produce(producer.get(), settings, value);
    Message message;
    while (message == nullptr || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_poll(producer.get(), 0);
      message.reset(rd_kafka_consumer_poll(consumer.get(), kPollMilliseconds));
    }
    if (i >= 0) latencies.push_back(Since(sent));
  }
  Print(latencies, Since(start));
  return 0;
}

int EmbeddedTrip(const Settings& settings) {
  const SystemClock clock;
  auto log = eventlog::EmbeddedLog::Open({.path = settings.store}, clock);
  WEFT_CHECK_OK(log);
  WEFT_CHECK_OK((*log)->EnsureTopic("trip", {}));
  auto reader = (*log)->OpenReader({{{"trip", 0}, 0, {}}});
  WEFT_CHECK_OK(reader);
  const std::string value = Value(settings.bytes);
  std::vector<double> latencies;
  const auto start = Clock::now();
  for (int i = 0; i < settings.calls; ++i) {
    const auto sent = Clock::now();
    (*log)->Append({"trip", 0}, {{"key", {}, value}},
                   [](const absl::StatusOr<int64_t>& offset) { WEFT_CHECK_OK(offset); });
    while (true) {
      const auto batches = (*reader)->Poll(absl::Seconds(1), 10);
      WEFT_CHECK_OK(batches);
      if (!batches->empty()) break;
    }
    latencies.push_back(Since(sent));
  }
  Print(latencies, Since(start));
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("librdkafka alone.");
  Settings settings;
  std::string what;
  app.add_option("what", what, "turns, read, trip, embedded-trip")->required();
  app.add_option("--kafka", settings.servers, "Brokers");
  app.add_option("--topic", settings.topic, "For read");
  app.add_option("--partition", settings.partition, "For read");
  app.add_option("--store", settings.store, "Folder of a RocksDB");
  app.add_option("--bytes", settings.bytes, "Of a record");
  app.add_option("--callers", settings.callers, "Records under way (closed loop)");
  app.add_option("--calls", settings.calls, "For trips");
  app.add_option("--rate", settings.rate, "Records a second (open loop)");
  app.add_option("--seconds", settings.seconds, "Measured time");
  CLI11_PARSE(app, argc, argv);
  if (what == "turns") return Turns(settings);
  if (what == "read") return Read(settings);
  if (what == "trip") return Trip(settings);
  if (what == "embedded-trip") return EmbeddedTrip(settings);
  std::fprintf(stderr, "no such measurement: %s\n", what.c_str());
  return 2;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::Main(argc, argv); }
