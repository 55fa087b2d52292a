// Commands a second and their latency with a changelog on a real Kafka, beside
// librdkafka alone: the same number of callers, each with one record of a turn's
// size out, which counts when it was read back. Both in turn, several times, so
// that the ratio does not depend on the hour.
//
//   tools/kafka/broker run build/release/bin/changelog_bench [--callers=64]
//                          [--seconds=5] [--rounds=3] [--folder=DIR]
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/changelog.h"
#include "libs/engine/changelog_io.h"
#include "libs/engine/open.h"
#include "libs/engine/program_for_test.h"
#include "libs/eventlog/kafka_log.h"

namespace weft::engine {
namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::string servers;
  std::string folder = std::filesystem::temp_directory_path() / "weft-changelog-bench";
  int callers = 64;
  double seconds = 5;
  int rounds = 3;
};

struct Result {
  double rate = 0;
  double p50 = 0;
  double p99 = 0;
  double turn_bytes = 0;  // Of the changelog.
  double turns_a_batch = 0;
  double decide_ms = 0;  // Of a batch.
  double write_ms = 0;
  double cpu_us = 0;  // Of this process, a command.
};

// Of the whole process so far: what a busy machine does not change.
double CpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result Summary(std::vector<double>& latencies, double took, double cpu) {
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&](double q) {
    return latencies[static_cast<size_t>(q * static_cast<double>(latencies.size() - 1))] * 1000;
  };
  Result result;
  result.rate = static_cast<double>(latencies.size()) / took;
  result.p50 = at(0.5);
  result.p99 = at(0.99);
  result.cpu_us = cpu * 1e6 / static_cast<double>(latencies.size());
  return result;
}

// A reservation of five lines: what it reads, writes, publishes and sets.
Program MakeProgram(const std::string& room) {
  Program program(room);
  program.Emits(absl::StrCat(room, ".reserved.v1"), {});
  static constexpr Table<std::string, bank::TextCodec> kStock{1, "stock"};
  static constexpr Table<std::string, bank::TextCodec> kReservations{2, "reservations"};
  program.Timer("expire", [](const TimerFired&, Turn&) {});
  program.commands["Bench/Reserve"] = [room](absl::string_view payload,
                                             Turn& turn) -> absl::StatusOr<std::string> {
    const int64_t seed = bank::Number(payload);
    for (int line = 0; line < 5; ++line) {
      const std::string sku = absl::StrCat("sku-", (seed * 7919 + line * 104729) % 100'000);
      WEFT_ASSIGN_OR_RETURN(const auto row, turn.Find(kStock, sku));
      const int64_t reserved = row.has_value() ? bank::Number(row->substr(0, row->find(' '))) : 0;
      turn.Put(kStock, sku, absl::StrCat(reserved + 1, " ", std::string(60, 'x')));
    }
    const std::string id = turn.NewId();
    turn.Put(kReservations, id, absl::StrCat(payload, std::string(200, 'y')));
    turn.SetTimer("expire", id, turn.now() + absl::Hours(24));
    turn.EmitBytes(absl::StrCat(room, ".reserved.v1"), "bench.Reserved", id, std::string(150, 'z'));
    return std::string(120, 'a');
  };
  return program;
}

Result RunEngine(const Settings& settings, absl::Duration sync_every) {
  const std::string room = absl::StrCat("bench-", RandomName());
  const Program program = MakeProgram(room);
  SystemClock clock;
  auto log = eventlog::KafkaLog::Open({.bootstrap_servers = settings.servers});
  WEFT_CHECK_OK(log);
  std::filesystem::remove_all(settings.folder);
  Options options;
  options.folder = settings.folder;
  options.durability = Durability::kLog;
  options.changelog.sync_every = sync_every;
  struct Counter final : Observer {
    void BatchDone(const BatchReport& report) override {
      ++batches;
      bytes += report.bytes;
      decide += report.decide_time;
      write += report.write_time;
    }
    absl::Duration decide;
    absl::Duration write;
    int64_t batches = 0;
    int64_t bytes = 0;
  } counter;
  options.observer = &counter;
  auto shards = Open(options, program, **log, clock);
  WEFT_CHECK_OK(shards);

  std::atomic<int64_t> next{0};
  std::atomic<bool> stop{false};
  std::atomic<int> running{settings.callers};
  std::mutex mutex;
  std::vector<double> latencies;
  std::function<void()> call = [&] {
    if (stop) {
      --running;
      return;
    }
    Command command;
    command.method = "Bench/Reserve";
    command.payload = absl::StrCat(next++);
    command.request_id = absl::StrCat("request-", command.payload);
    command.principal.tenant = "bench";
    (*shards)->Submit(std::move(command), [&, start = Clock::now()](absl::StatusOr<Answer> answer) {
      WEFT_CHECK_OK(answer);
      {
        const std::lock_guard lock(mutex);
        latencies.push_back(Since(start));
      }
      call();
    });
  };
  const double cpu = CpuSeconds();
  const auto start = Clock::now();
  for (int i = 0; i < settings.callers; ++i) call();
  std::this_thread::sleep_for(std::chrono::duration<double>(settings.seconds));
  stop = true;
  while (running > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double took = Since(start);
  const double used = CpuSeconds() - cpu;
  (*shards)->Stop();
  Result result = Summary(latencies, took, used);
  result.turn_bytes = static_cast<double>(counter.bytes) / static_cast<double>(latencies.size());
  result.turns_a_batch =
      static_cast<double>(latencies.size()) / static_cast<double>(counter.batches);
  const double batches = static_cast<double>(counter.batches);
  result.decide_ms = absl::ToDoubleMilliseconds(counter.decide) / batches;
  result.write_ms = absl::ToDoubleMilliseconds(counter.write) / batches;
  shards->reset();
  std::filesystem::remove_all(settings.folder);
  return result;
}

rd_kafka_t* NewClient(rd_kafka_type_t type,
                      const std::vector<std::pair<const char*, std::string>>& settings) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[256];
  for (const auto& [name, value] : settings) {
    WEFT_CHECK(rd_kafka_conf_set(conf, name, value.c_str(), error, sizeof error) ==
               RD_KAFKA_CONF_OK);
  }
  rd_kafka_t* client = rd_kafka_new(type, conf, error, sizeof error);
  WEFT_CHECK(client != nullptr);
  return client;
}

// librdkafka with the settings of eventlog/kafka_producer and kafka_reader.
Result RunLibrdkafka(const Settings& settings, size_t record_bytes) {
  const std::string topic = absl::StrCat("bench.alone.", RandomName());
  {
    auto log = eventlog::KafkaLog::Open({.bootstrap_servers = settings.servers});
    WEFT_CHECK_OK(log);
    WEFT_CHECK_OK((*log)->EnsureTopic(topic, ChangelogTopicOptions()));
  }
  rd_kafka_t* producer = NewClient(RD_KAFKA_PRODUCER, {{"bootstrap.servers", settings.servers},
                                                       {"enable.idempotence", "true"},
                                                       {"acks", "all"},
                                                       {"linger.ms", "1"},
                                                       {"batch.num.messages", "10000"},
                                                       {"compression.type", "lz4"},
                                                       {"message.max.bytes", "16777216"},
                                                       {"socket.nagle.disable", "true"}});
  rd_kafka_t* consumer = NewClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", settings.servers},
                                                       {"group.id", topic},
                                                       {"enable.auto.commit", "false"},
                                                       {"fetch.wait.max.ms", "50"},
                                                       {"socket.nagle.disable", "true"}});
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(consumer, list);
  rd_kafka_topic_partition_list_destroy(list);

  // Bytes that compress as rows do: half of them repeat.
  std::string value(record_bytes, 'x');
  for (size_t i = 0; i < value.size(); i += 2) value[i] = static_cast<char>(i * 2654435761U >> 13);
  std::vector<Clock::time_point> started(static_cast<size_t>(settings.callers));
  const auto send = [&](uint32_t caller) {
    std::memcpy(value.data(), &caller, sizeof caller);
    started[caller] = Clock::now();
    WEFT_CHECK(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_VALUE(value.data(), value.size()),
                                 RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
  };
  std::vector<double> latencies;
  double cpu = CpuSeconds();
  for (int i = 0; i < settings.callers; ++i) send(static_cast<uint32_t>(i));
  Clock::time_point start{};
  while (start == Clock::time_point{} || Since(start) < settings.seconds) {
    rd_kafka_poll(producer, 0);
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 100);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (start == Clock::time_point{}) start = Clock::now();
      uint32_t caller = 0;
      std::memcpy(&caller, message->payload, sizeof caller);
      latencies.push_back(Since(started[caller]));
      send(caller);
    }
    rd_kafka_message_destroy(message);
  }
  const double took = Since(start);
  cpu = CpuSeconds() - cpu;
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  rd_kafka_flush(producer, 2000);
  rd_kafka_destroy(producer);
  return Summary(latencies, took, cpu);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Run(int argc, char** argv) {
  Settings settings;
  const char* servers = std::getenv("WEFT_KAFKA");
  if (servers == nullptr) {
    std::fprintf(stderr, "WEFT_KAFKA names no broker; run it by tools/kafka/broker run\n");
    return 77;
  }
  settings.servers = servers;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--folder=", 9) == 0) settings.folder = argv[i] + 9;
    if (std::strncmp(argv[i], "--seconds=", 10) == 0) settings.seconds = std::atof(argv[i] + 10);
    if (std::strncmp(argv[i], "--callers=", 10) == 0) settings.callers = std::atoi(argv[i] + 10);
    if (std::strncmp(argv[i], "--rounds=", 9) == 0) settings.rounds = std::atoi(argv[i] + 9);
  }
  std::vector<double> ratios;
  std::vector<double> relaxed_ratios;
  std::vector<double> latency_ratios;
  const auto print = [](const char* what, const Result& result) {
    std::printf("%-28s %8.0f /s   p50 %6.2f ms   p99 %6.2f ms   %4.0f µs CPU each", what,
                result.rate, result.p50, result.p99, result.cpu_us);
    if (result.turn_bytes > 0) {
      std::printf("   %.0f bytes/turn, a batch: %.1f turns, %.2f ms to decide, %.2f ms to write",
                  result.turn_bytes, result.turns_a_batch, result.decide_ms, result.write_ms);
    }
    std::printf("\n");
    std::fflush(stdout);
  };
  for (int round = 0; round < settings.rounds; ++round) {
    const Result engine = RunEngine(settings, absl::ZeroDuration());
    print("commands, disk synced", engine);
    const Result relaxed = RunEngine(settings, absl::Seconds(1));
    print("commands, synced each second", relaxed);
    const Result alone = RunLibrdkafka(settings, static_cast<size_t>(engine.turn_bytes));
    print("librdkafka alone", alone);
    ratios.push_back(engine.rate / alone.rate);
    relaxed_ratios.push_back(relaxed.rate / alone.rate);
    latency_ratios.push_back(engine.p50 / alone.p50);
  }
  std::printf(
      "commands / librdkafka alone: %.2f, synced each second %.2f; p50 %.2f (medians of "
      "%d, %d callers)\n",
      Median(ratios), Median(relaxed_ratios), Median(latency_ratios), settings.rounds,
      settings.callers);
  return 0;
}

}  // namespace
}  // namespace weft::engine

int main(int argc, char** argv) { return weft::engine::Run(argc, argv); }
