// How fast the ERP connector takes a feed: its room on the embedded log, without
// RPC. Prints messages per second for master data and for invoices.
//
//   bench_import_feed [--folder=DIR] [--prices=N] [--kafka=SERVERS]
//
// --prices=N sends N made-up prices of 1,000 books instead of the demo's feed.
// --kafka=SERVERS: on Kafka, with a changelog, instead of the embedded log.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/engine/open.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/eventlog/kafka_log.h"
#include "libs/testing/paths.h"
#include "services/erp-connector/ingest_call.h"
#include "services/erp-connector/program.h"
#include "tools/demo/catalogue.h"
#include "tools/demo/feed.h"
#include "tools/demo/online_retail.h"

namespace weft {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Where the time of batches goes.
struct Counter final : engine::Observer {
  void BatchDone(const engine::BatchReport& report) override {
    ++batches;
    decide += absl::ToDoubleSeconds(report.decide_time);
    write += absl::ToDoubleSeconds(report.write_time);
    bytes += report.bytes;
  }
  int64_t batches = 0;
  double decide = 0;
  double write = 0;
  int64_t bytes = 0;
};

absl::Status Ingest(engine::Shards& shards, const std::string& request_id,
                    const std::string& text) {
  rpc::CallContext context;
  context.principal.tenant = "demo";
  context.principal.roles = {"erp-admin"};
  context.method = absl::StrCat(erp::kErpService, "Ingest");
  context.deadline = absl::Now() + absl::Minutes(1);
  erp::v1::IngestRequest request;
  request.set_connection("main");
  request.set_request_id(request_id);
  request.set_text(text);
  std::mutex mutex;
  std::condition_variable answered;
  absl::Status status;
  bool done = false;
  erp::StartIngest(shards, context, request,
                   [&](absl::StatusOr<erp::v1::IngestResponse> answer, rpc::ReplyInfo) {
                     const std::lock_guard lock(mutex);
                     status = answer.status();
                     if (answer.ok() && answer->counts().parked() > 0) {
                       status = absl::InternalError(answer->problems(0).message());
                     }
                     done = true;
                     answered.notify_one();
                   });
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return done; });
  return status;
}

int Run(int argc, char** argv) {
  std::string folder = std::filesystem::temp_directory_path() / "weft-import-bench";
  int64_t prices = 0;
  std::string kafka;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--folder=", 9) == 0) folder = argv[i] + 9;
    if (std::strncmp(argv[i], "--prices=", 9) == 0) prices = std::atoll(argv[i] + 9);
    if (std::strncmp(argv[i], "--kafka=", 8) == 0) kafka = argv[i] + 8;
  }
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  erp::v1::ErpConfig config;
  config.add_connections()->set_name("main");
  config.mutable_connections(0)->set_tenant("demo");
  const auto settings = erp::CheckConfig(config);
  WEFT_CHECK_OK(settings);
  const engine::Program program = erp::MakeProgram(*settings);
  const SystemClock clock;
  std::unique_ptr<eventlog::EventLog> log;
  if (kafka.empty()) {
    auto opened = eventlog::EmbeddedLog::Open({.path = folder + "/log"}, clock);
    WEFT_CHECK_OK(opened);
    log = *std::move(opened);
  } else {
    auto opened = eventlog::KafkaLog::Open({.bootstrap_servers = kafka});
    WEFT_CHECK_OK(opened);
    log = *std::move(opened);
  }
  Counter counter;
  engine::Options options;
  options.folder = folder + "/erp";
  options.observer = &counter;
  if (!kafka.empty()) options.durability = engine::Durability::kLog;
  auto shards = engine::Open(options, program, *log, clock);
  WEFT_CHECK_OK(shards);

  const auto report = [&](const char* what, int64_t messages, double seconds) {
    std::printf(
        "%s: %lld messages in %.2f s, %.0f a second (decide %.2f s, write %.2f s, %.1f MB, "
        "%lld batches)\n",
        what, static_cast<long long>(messages), seconds, static_cast<double>(messages) / seconds,
        counter.decide, counter.write, static_cast<double>(counter.bytes) / 1e6,
        static_cast<long long>(counter.batches));
    counter = Counter();
  };
  if (prices > 0) {
    std::string text;
    int batch = 0;
    const int64_t items = (prices + 999) / 1000;
    for (int64_t i = 0; i < std::max<int64_t>(1000, items); ++i) {
      if (i < 1000) {
        absl::StrAppend(&text, R"({"type":"price-book","id":"b)", i, R"(","data":{"book":"B)", i,
                        R"(","currencyCode":"GBP"}})", "\n");
      }
      if (i < items) {
        absl::StrAppend(&text, R"({"type":"item","id":"i)", i, R"(","data":{"sku":"S)", i,
                        R"(","baseUnit":"EA"}})", "\n");
      }
    }
    WEFT_CHECK_OK(Ingest(**shards, "books-and-items", text));
    text.clear();
    counter = Counter();
    const auto start = Clock::now();
    for (int64_t i = 0; i < prices; ++i) {
      absl::StrAppend(
          &text, R"({"type":"price","id":"p)", i, R"(","version":1,"data":{"book":"B)", i % 1000,
          R"(","sku":"S)", i / 1000,
          R"(","tiers":[{"minimumQuantity":1,"price":2.95},{"minimumQuantity":32,"price":2.55}]}})",
          "\n");
      if (text.size() > 1 << 20 || i + 1 == prices) {
        WEFT_CHECK_OK(Ingest(**shards, absl::StrCat("b", ++batch), text));
        text.clear();
      }
    }
    report("prices", prices, SecondsSince(start));
    return 0;
  }
  auto lines = demo::ReadOnlineRetail(testing::DataDir() + "/online-retail/online-retail.csv.xz");
  WEFT_CHECK_OK(lines);
  const demo::Catalogue catalogue = demo::MakeCatalogue(*std::move(lines));
  for (const bool invoices : {false, true}) {
    const demo::Feed feed(catalogue,
                          {.load = invoices ? "with-invoices" : "facts", .invoices = invoices});
    const auto start = Clock::now();
    WEFT_CHECK_OK(demo::Send(feed, [&](const std::string& id, const std::string& text) {
      return Ingest(**shards, id, text);
    }));
    report(invoices ? "again, with a year of invoices" : "master data, prices and stock",
           feed.count(), SecondsSince(start));
  }
  return 0;
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) { return weft::Run(argc, argv); }
