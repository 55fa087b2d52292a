// Makes load on a bench_server and prints one line of JSON per run.
//
//   bench_client echo    --target=HOST:PORT [--request_bytes --answer_bytes]
//   bench_client reserve --target=HOST:PORT [--hot]      5 lines, durable
//   bench_client prices  --target=HOST:PORT [--lines=5]  sizes as the server's
//   bench_client wait    --target=HOST:PORT --room=NAME  until the seed is applied
//   bench_client change  --target=HOST:PORT --feeder=HOST:PORT --calls=N
//                        a price from the feeder's answer to the first price answered with it
#include <CLI/CLI.hpp>
#include <cstdio>
#include <future>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/rpc/grpc_client.h"
#include "tests/bench/load.h"
#include "tests/bench/seed.h"
#include "weft/bench/v1/bench.pb.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/inventory/v1/inventory.pb.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::bench {
namespace {

constexpr char kTouch[] = "weft.bench.v1.BenchService/Touch";
constexpr char kEcho[] = "weft.bench.v1.BenchService/Echo";
constexpr char kReserve[] = "weft.inventory.v1.InventoryService/Reserve";
constexpr char kAvailability[] = "weft.inventory.v1.InventoryService/GetAvailability";
constexpr char kPrices[] = "weft.pricing.v1.PricingService/CalculatePrices";

// Spread without a pattern, the same in every run.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

absl::StatusOr<std::string> CallOnce(const std::string& target, const std::string& method,
                                     const google::protobuf::Message& request) {
  rpc::ClientPool pool({});
  const auto client = pool.Room({.room = "bench", .target = target});
  std::promise<absl::StatusOr<rpc::RawAnswer>> promise;
  client->CallRaw(
      method, request.SerializeAsString(), {.timeout = absl::Seconds(10), .tenant = kTenant},
      [&](absl::StatusOr<rpc::RawAnswer> answer) { promise.set_value(std::move(answer)); });
  const auto answer = promise.get_future().get();
  if (!answer.ok()) return answer.status();
  return answer->payload;
}

// Five items in five equal parts of the shelf, or the first always the same.
std::string ReserveBytes(const SeedSizes& sizes, const std::string& run, bool hot,
                         uint64_t number) {
  inventory::v1::ReserveRequest request;
  request.set_request_id(absl::StrCat(run, "-", number));
  const int64_t part = sizes.items / 5;
  const auto at = static_cast<int64_t>(Mix(number) % static_cast<uint64_t>(part));
  for (int64_t i = 0; i < 5; ++i) {
    auto* line = request.add_lines();
    line->set_sku(SkuOf(hot && i == 0 ? 0 : i * part + at));
    line->mutable_quantity()->set_value("1");
  }
  return request.SerializeAsString();
}

pricing::v1::CalculatePricesRequest PricesRequest(const SeedSizes& sizes, int lines,
                                                  uint64_t number) {
  pricing::v1::CalculatePricesRequest request;
  const uint64_t random = Mix(number);
  const auto account =
      static_cast<int64_t>(random % static_cast<uint64_t>(std::max<int64_t>(sizes.accounts, 1)));
  request.set_account(AccountOf(account));
  const int64_t per_book = std::max<int64_t>(PricesPerBook(sizes), 1);
  for (int i = 0; i < lines; ++i) {
    auto* line = request.add_lines();
    const auto n = static_cast<int64_t>((random >> 16) % 1'000'003) + i;
    line->set_sku(SkuOf(ItemInBook(sizes, BookOf(sizes, account), n % per_book)));
    line->mutable_quantity()->set_value(absl::StrCat(1 + (n % 150)));
  }
  return request;
}

// Waits until what was seeded last is there. Polls: the seed has no token.
int Wait(const std::string& target, const std::string& room, const SeedSizes& sizes) {
  const absl::Time began = absl::Now();
  while (absl::Now() - began < absl::Minutes(5)) {
    bool there = false;
    if (room == "inventory-projection") {
      inventory::v1::GetAvailabilityRequest request;
      request.add_lines()->set_sku(SkuOf(sizes.items - 1));
      const auto bytes = CallOnce(target, kAvailability, request);
      inventory::v1::GetAvailabilityResponse response;
      there = bytes.ok() && response.ParseFromString(*bytes) && response.lines_size() == 1 &&
              response.lines(0).available() == absl::StrCat(sizes.on_hand);
    } else {
      const auto last = static_cast<int64_t>(sizes.books - 1);
      pricing::v1::CalculatePricesRequest request;
      request.set_account(AccountOf(last));
      auto* line = request.add_lines();
      line->set_sku(SkuOf(ItemInBook(sizes, last, std::max<int64_t>(PricesPerBook(sizes) - 1, 0))));
      line->mutable_quantity()->set_value("1");
      const auto bytes = CallOnce(target, kPrices, request);
      pricing::v1::CalculatePricesResponse response;
      there = bytes.ok() && response.ParseFromString(*bytes) && response.lines_size() == 1 &&
              response.lines(0).has_unit_price();
    }
    if (there) {
      std::printf("{\"name\":\"wait\",\"seconds\":%.3f}\n",
                  absl::ToDoubleSeconds(absl::Now() - began));
      return 0;
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  std::fprintf(stderr, "the seed was not applied within five minutes\n");
  return 1;
}

std::string Ask(rpc::Client& client, const std::string& method,
                const google::protobuf::Message& request) {
  std::promise<absl::StatusOr<rpc::RawAnswer>> promise;
  client.CallRaw(
      method, request.SerializeAsString(), {.timeout = absl::Seconds(30), .tenant = kTenant},
      [&](absl::StatusOr<rpc::RawAnswer> answer) { promise.set_value(std::move(answer)); });
  const auto answer = promise.get_future().get();
  if (!answer.ok()) throw std::runtime_error(std::string(answer.status().message()));
  return answer->payload;
}

// A price is put on the timeline; how long until a price is answered with it. Asks
// again and again, one call at a time.
int Change(const std::string& target, const std::string& feeder, const SeedSizes& sizes,
           const std::string& run, int calls) {
  rpc::ClientPool pool({});
  const auto prices = pool.Room({.room = "bench", .target = target});
  const auto feed = pool.Room({.room = "bench", .target = feeder});
  const std::string sku = SkuOf(ItemInBook(sizes, 0, 0));
  pricing::v1::CalculatePricesRequest question;
  question.set_account(AccountOf(0));
  auto* line = question.add_lines();
  line->set_sku(sku);
  line->mutable_quantity()->set_value("1");
  const auto price_now = [&] {
    pricing::v1::CalculatePricesResponse response;
    response.ParseFromString(Ask(*prices, kPrices, question));
    return response.lines(0).unit_price().SerializeAsString();
  };
  LoadResult result;
  std::string before = price_now();
  const absl::Time began = absl::Now();
  for (int i = 0; i < calls; ++i) {
    facts::v1::PriceChanged price;
    price.set_book("B0");
    price.set_sku(sku);
    price.set_unit("EA");
    price.set_entry("1");
    auto* tier = price.add_tiers();
    tier->set_minimum_quantity("1");
    tier->set_price(absl::StrCat(100'000 + i));
    v1::TouchRequest touch;
    touch.set_request_id(absl::StrCat(run, "-", i));
    touch.set_payload(price.SerializeAsString());
    Ask(*feed, kTouch, touch);
    const absl::Time published = absl::Now();
    std::string now = price_now();
    while (now == before) now = price_now();
    result.latency.Add(absl::Now() - published);
    ++result.calls;
    before = now;
  }
  result.all_ok = result.calls;
  result.seconds = absl::ToDoubleSeconds(absl::Now() - began);
  std::printf("%s\n", ToJson("change", result).c_str());
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("Makes load on a bench_server.");
  std::string what;
  std::string name;
  std::string room = "inventory-projection";
  std::string run = absl::StrCat("run", absl::ToUnixMillis(absl::Now()));
  LoadOptions options;
  SeedSizes sizes;
  double seconds = 5;
  double warm_up = 1;
  int lines = 5;
  size_t request_bytes = 0;
  int answer_bytes = 0;
  bool hot = false;
  std::string feeder;
  int calls = 300;
  app.add_option("what", what, "echo, reserve, prices, wait, change")->required();
  app.add_option("--feeder", feeder, "For change: host:port");
  app.add_option("--calls", calls, "For change");
  app.add_option("--name", name, "Name of the run in the output");
  app.add_option("--target", options.target, "host:port")->required();
  app.add_option("--room", room, "For wait");
  app.add_option("--run", run, "Prefix of request ids");
  app.add_option("--callers", options.callers, "Calls under way (closed loop)");
  app.add_option("--connections", options.connections, "Connections");
  app.add_option("--rate", options.rate, "Calls a second (open loop)");
  app.add_option("--seconds", seconds, "Measured time");
  app.add_option("--warm_up", warm_up, "Time before");
  app.add_option("--lines", lines, "Lines of a price request");
  app.add_option("--request_bytes", request_bytes, "For echo");
  app.add_option("--answer_bytes", answer_bytes, "For echo");
  app.add_option("--items", sizes.items, "As the server's");
  app.add_option("--prices", sizes.prices, "As the server's");
  app.add_option("--books", sizes.books, "As the server's");
  app.add_option("--accounts", sizes.accounts, "As the server's");
  app.add_flag("--hot", hot, "One item in every reservation");
  CLI11_PARSE(app, argc, argv);
  options.duration = absl::Seconds(seconds);
  options.warm_up = absl::Seconds(warm_up);
  if (what == "wait") return Wait(options.target, room, sizes);
  if (what == "change") return Change(options.target, feeder, sizes, run, calls);

  NextRequest next;
  std::string extra;
  if (what == "echo") {
    v1::EchoRequest request;
    request.set_payload(std::string(request_bytes, 'x'));
    request.set_answer_bytes(answer_bytes);
    options.method = kEcho;
    next = [bytes = request.SerializeAsString()](uint64_t) { return bytes; };
  } else if (what == "reserve") {
    options.method = kReserve;
    next = [&](uint64_t number) { return ReserveBytes(sizes, run, hot, number); };
  } else if (what == "prices") {
    options.method = kPrices;
    const auto one = PricesRequest(sizes, lines, 1);
    const auto answer = CallOnce(options.target, kPrices, one);
    if (!answer.ok()) {
      std::fprintf(stderr, "%s\n", std::string(answer.status().message()).c_str());
      return 1;
    }
    pricing::v1::CalculatePricesResponse response;
    response.ParseFromString(*answer);
    int priced = 0;
    for (const auto& line : response.lines()) priced += line.has_unit_price() ? 1 : 0;
    extra = absl::StrCat(",\"request_bytes\":", one.ByteSizeLong(),
                         ",\"answer_bytes\":", answer->size(), ",\"priced\":", priced);
    next = [&](uint64_t number) { return PricesRequest(sizes, lines, number).SerializeAsString(); };
  } else {
    std::fprintf(stderr, "no such load: %s\n", what.c_str());
    return 2;
  }
  const LoadResult result = RunLoad(options, next);
  std::string json = ToJson(name.empty() ? what : name, result);
  json.insert(json.size() - 1, extra);
  std::printf("%s\n", json.c_str());
  return result.calls == 0 ? 1 : 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::Main(argc, argv); }
