// A changed price's way from the log into an answer, and reads while facts come in:
// one process, the embedded log, no network.
//
//   change_bench FOLDER [price facts [changes]]
//
// FOLDER is emptied. Three figures:
//  - facts applied from the log, a second, while nobody asks;
//  - one change at a time: until a plain reader of the log has the record, and until a
//    question that waits for it (`after`) is answered with the new price;
//  - all prices of the list once more, as fast as the log takes them, while one caller
//    asks at a fixed rate: its latency, before and meanwhile, from the planned time.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/open.h"
#include "libs/eventlog/embedded_log.h"
#include "services/pricing/room.h"
#include "services/pricing/rule_documents.h"
#include "services/pricing/service.h"
#include "services/pricing/testing/pricing_bench.h"
#include "tests/bench/latency.h"
#include "tests/bench/seed.h"
#include "weft/facts/v1/facts.pb.h"

namespace weft::bench {
namespace {

using pricing::DirectMethods;
using pricing::FactMemory;

constexpr char kSource[] = "bench";
constexpr char kMethod[] = "weft.pricing.v1.PricingService/CalculatePrices";
constexpr int kReadsPerSecond = 500;

// Prices of the list, changed again and again.
class Changes {
 public:
  explicit Changes(eventlog::EventLog& log) : log_(log) {}

  // Number of the next change, whose price is PriceOf() it.
  int64_t next() const { return number_ + 1; }
  static std::string PriceOf(int64_t number) {
    return absl::StrCat(1 + number / 100, ".", 10 + number % 90);
  }
  eventlog::NewRecord Make(int64_t item) {
    ++number_;
    facts::v1::PriceChanged price;
    price.set_book("LIST");
    price.set_sku(SkuOf(item));
    price.set_unit("EA");
    price.set_entry("1");
    auto& tier = *price.add_tiers();
    tier.set_minimum_quantity("1");
    tier.set_price(PriceOf(number_));
    const std::string subject = absl::StrCat("prices/LIST/", SkuOf(item));
    return {.key = absl::StrCat(kTenant, std::string(1, '\0'), subject),
            .headers = engine::MakeEventHeaders({.room = kSource,
                                                 .number = number_,
                                                 .type = "weft.facts.v1.PriceChanged",
                                                 .time_text = time_text_,
                                                 .subject = subject,
                                                 .tenant = kTenant}),
            .value = price.SerializeAsString()};
  }
  std::string Token() const {
    return engine::Token{.room = kSource,
                         .partition = PartitionOf(kTenant),
                         .topic = engine::kTimeline,
                         .number = number_}
        .ToText();
  }
  std::future<absl::StatusOr<int64_t>> Append(std::vector<eventlog::NewRecord> records) {
    auto done = std::make_shared<std::promise<absl::StatusOr<int64_t>>>();
    auto answer = done->get_future();
    log_.Append(where_, std::move(records),
                [done](absl::StatusOr<int64_t> offset) { done->set_value(std::move(offset)); });
    return answer;
  }
  const eventlog::TopicPartition& where() const { return where_; }

 private:
  eventlog::EventLog& log_;
  const eventlog::TopicPartition where_{engine::kTimeline,
                                        static_cast<int32_t>(PartitionOf(kTenant))};
  const std::string time_text_ = engine::FormatEventTime(absl::Now());
  int64_t number_ = 0;
};

// The last account's buyers see books first; guests see the list only.
std::string Question(int64_t item, const std::string& after) {
  pricing::v1::CalculatePricesRequest request;
  request.set_currency_code("GBP");
  request.set_after(after);
  auto* line = request.add_lines();
  line->set_sku(SkuOf(item));
  line->mutable_quantity()->set_value("1");
  return request.SerializeAsString();
}

class Asker {
 public:
  explicit Asker(const rpc::RawUnaryHandler& handler) : handler_(handler) {
    context_.principal = pricing::PricingBench::Staff(kTenant);
    context_.deadline = absl::InfiniteFuture();
  }
  // Unit price of the item, once everything up to `after` is applied.
  std::string Ask(int64_t item, const std::string& after = "") const {
    auto answered = std::make_shared<std::promise<absl::StatusOr<std::string>>>();
    auto future = answered->get_future();
    handler_(context_, Question(item, after),
             [answered](absl::StatusOr<std::string> answer, rpc::ReplyInfo) {
               answered->set_value(std::move(answer));
             });
    const absl::StatusOr<std::string> bytes = future.get();
    WEFT_CHECK_OK(bytes);
    pricing::v1::CalculatePricesResponse response;
    WEFT_CHECK(response.ParseFromString(*bytes) && response.lines_size() == 1);
    return response.lines(0).unit_price().amount();
  }

 private:
  const rpc::RawUnaryHandler& handler_;
  rpc::CallContext context_;
};

// When a plain reader of the log got the latest record.
class Follower {
 public:
  Follower(eventlog::EventLog& log, const eventlog::TopicPartition& where) {
    const auto marks = log.GetWatermarks(where);
    WEFT_CHECK_OK(marks);
    auto reader = log.OpenReader({{.where = where, .next_offset = marks->end}});
    WEFT_CHECK_OK(reader);
    reader_ = *std::move(reader);
    thread_ = std::thread([this] {
      while (!stop_) {
        const auto batches = reader_->Poll(absl::Milliseconds(100), 1000);
        WEFT_CHECK_OK(batches);
        if (batches->empty()) continue;
        const absl::Time now = absl::Now();
        for (const eventlog::Batch& batch : *batches) {
          seen_ns_.store(absl::ToUnixNanos(now));
          seen_.store(batch.records.back().offset);
        }
        seen_.notify_all();
      }
    });
  }
  ~Follower() {
    stop_ = true;
    reader_->Wake();
    thread_.join();
  }
  absl::Time WaitFor(int64_t offset) {
    for (int64_t seen = seen_; seen < offset; seen = seen_) seen_.wait(seen);
    return absl::FromUnixNanos(seen_ns_);
  }

 private:
  std::unique_ptr<eventlog::Reader> reader_;
  std::atomic<bool> stop_{false};
  std::atomic<int64_t> seen_{-1};
  std::atomic<int64_t> seen_ns_{0};
  std::thread thread_;
};

std::string Show(const Latency& latency) {
  const auto ms = [&](double share) {
    return absl::ToDoubleMilliseconds(latency.Percentile(share));
  };
  char text[80];
  std::snprintf(text, sizeof(text), "p50 %.2f ms  p99 %.2f ms", ms(0.5), ms(0.99));
  return text;
}

void MeasureChanges(eventlog::EventLog& log, Changes& changes, const Asker& asker, int count,
                    int64_t items) {
  Latency round_trip, answer, more;
  Follower follower(log, changes.where());
  for (int i = 0; i < count; ++i) {
    const int64_t item = i * 37 % items;
    const std::string price = Changes::PriceOf(changes.next());
    std::vector<eventlog::NewRecord> records;
    records.push_back(changes.Make(item));
    const absl::Time start = absl::Now();
    auto appended = changes.Append(std::move(records));
    WEFT_CHECK(asker.Ask(item, changes.Token()) == price);
    const absl::Time answered = absl::Now();
    const auto offset = appended.get();
    WEFT_CHECK_OK(offset);
    const absl::Time seen = follower.WaitFor(*offset);
    if (i < count / 10) continue;  // Warms up.
    round_trip.Add(seen - start);
    answer.Add(answered - start);
    more.Add(std::max(answered - seen, absl::ZeroDuration()));
  }
  std::printf("a change, one at a time:  log there and back %s;  in an answer %s;  more than "
              "the log: %s\n",
              Show(round_trip).c_str(), Show(answer).c_str(), Show(more).c_str());
}

// One caller at a fixed rate until `stop`; latencies from the planned time.
Latency Read(const Asker& asker, int64_t items, const std::atomic<bool>& stop) {
  Latency latency;
  absl::Time planned = absl::Now();
  for (int64_t i = 0; !stop; ++i) {
    planned += absl::Seconds(1) / kReadsPerSecond;
    absl::SleepFor(planned - absl::Now());
    asker.Ask(i * 7919 % items);
    latency.Add(absl::Now() - planned);
  }
  return latency;
}

void MeasureImport(Changes& changes, const Asker& asker, int64_t facts, int64_t items) {
  const auto read_while = [&](const auto& work) {
    std::atomic<bool> stop{false};
    auto reading = std::async(std::launch::async, [&] { return Read(asker, items, stop); });
    work();
    stop = true;
    return reading.get();
  };
  const Latency calm = read_while([] { absl::SleepFor(absl::Seconds(3)); });
  double seconds = 0;
  const Latency meanwhile = read_while([&] {
    const absl::Time start = absl::Now();
    std::deque<std::future<absl::StatusOr<int64_t>>> under_way;
    for (int64_t n = 0; n < facts;) {
      std::vector<eventlog::NewRecord> records;
      for (int i = 0; i < 1000 && n < facts; ++i, ++n) records.push_back(changes.Make(n % items));
      under_way.push_back(changes.Append(std::move(records)));
      if (under_way.size() < 8) continue;
      WEFT_CHECK_OK(under_way.front().get());
      under_way.pop_front();
    }
    for (auto& appended : under_way) WEFT_CHECK_OK(appended.get());
    asker.Ask(0, changes.Token());
    seconds = absl::ToDoubleSeconds(absl::Now() - start);
  });
  std::printf("import while reads go on:  %.0f facts/s appended and applied;  %d reads/s: %s "
              "before, %s meanwhile\n",
              static_cast<double>(facts) / seconds, kReadsPerSecond, Show(calm).c_str(),
              Show(meanwhile).c_str());
}

int Main(const std::string& folder, int64_t prices, int count) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder + "/log");
  const SystemClock clock;
  auto log = eventlog::EmbeddedLog::Open({.path = folder + "/log"}, clock);
  WEFT_CHECK_OK(log);
  const SeedSizes sizes{.on_hand = 0, .prices = prices};
  WEFT_CHECK_OK(Seed(**log, sizes));

  FactMemory memory;
  pricing::PriceChanges moved(memory);
  documents::DocumentReader documents("pricing", pricing::PricingKinds(),
                                      pricing::ShippedDocuments());
  engine::Program program = pricing::MakeReplica(memory, moved, &documents);
  engine::Options options;
  options.folder = folder + "/room";
  const absl::Time opened = absl::Now();
  auto shards = engine::Open(options, program, **log, clock);
  WEFT_CHECK_OK(shards);
  DirectMethods methods;
  pricing::Service service({}, memory, moved, **shards, clock, std::string(32, 'k'), &documents);
  service.Bind(methods);
  const Asker asker(methods.handler(kMethod));
  Changes changes(**log);
  WEFT_CHECK_OK(changes.Append([&] {
    std::vector<eventlog::NewRecord> last;
    last.push_back(changes.Make(0));
    return last;
  }()).get());
  asker.Ask(0, changes.Token());
  const double seconds = absl::ToDoubleSeconds(absl::Now() - opened);
  const auto facts = static_cast<double>(prices + sizes.items + sizes.accounts + sizes.books);
  std::printf("applied from the log:  %.0f facts in %.1f s, %.0f/s\n", facts, seconds,
              facts / seconds);
  const int64_t listed = std::min(sizes.items, std::max<int64_t>(prices / 10, 1));
  MeasureChanges(**log, changes, asker, count, listed);
  MeasureImport(changes, asker, prices, listed);
  (*shards)->Stop();
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: change_bench FOLDER [price facts [changes]]\n");
    return 2;
  }
  return weft::bench::Main(argv[1], argc > 2 ? std::atoll(argv[2]) : 1'000'000,
                           argc > 3 ? std::atoi(argv[3]) : 2'000);
}
