// Prices every invoice line of registered accounts again, as of its date, and says
// how many come out as invoiced.
//
// The demo's feed goes through the ERP connector and the event log into pricing's
// memory, like any ERP's; then CalculatePrices is asked invoice by invoice. Last the
// same year is simulated under two discount tables, for large lines and for all.
//
//   bench_replay_invoices [--folder=DIR] [--show=N]
//
// --show=N prints the first N lines that come out differently.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/engine/open.h"
#include "libs/eventlog/embedded_log.h"
#include "libs/testing/paths.h"
#include "services/erp-connector/room.h"
#include "services/pricing/room.h"
#include "tools/demo/catalogue.h"
#include "tools/demo/feed.h"
#include "tools/demo/online_retail.h"
#include "weft/documents/v1/documents.pb.h"
#include "weft/erp/v1/erp.pb.h"
#include "weft/pricing/v1/pricing.pb.h"
#include "weft/pricing/v1/rebates.pb.h"

namespace weft {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Calls a room's methods as its server would.
class Methods final : public rpc::MethodRegistry {
 public:
  void RegisterUnary(const std::string& method, rpc::RawUnaryHandler handler) override {
    unary_[method] = std::move(handler);
  }
  void RegisterStream(const std::string& /*method*/, rpc::RawStreamHandler /*handler*/) override {}

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method, const Request& request,
                                std::string* token = nullptr) {
    rpc::CallContext context;
    context.principal.tenant = "demo";
    context.principal.roles = {"operator", "storefront"};
    context.principal.accounts = {"*"};
    context.principal.channels = {"*"};
    context.principal.organisations = {"*"};
    context.method = method;
    context.deadline = absl::Now() + absl::Minutes(2);
    std::mutex mutex;
    std::condition_variable answered;
    bool done = false;
    absl::StatusOr<Response> result = absl::UnknownError("");
    unary_.at(method)(context, request.SerializeAsString(),
                      [&](absl::StatusOr<std::string> bytes, rpc::ReplyInfo info) {
                        const std::lock_guard lock(mutex);
                        if (bytes.ok()) {
                          Response response;
                          WEFT_CHECK(response.ParseFromString(*bytes));
                          result = std::move(response);
                          if (token != nullptr && !info.token.empty()) *token = info.token;
                        } else {
                          result = bytes.status();
                        }
                        done = true;
                        answered.notify_one();
                      });
    std::unique_lock lock(mutex);
    answered.wait(lock, [&] { return done; });
    return result;
  }

 private:
  std::map<std::string, rpc::RawUnaryHandler> unary_;
};

struct Tally {
  int64_t asked = 0;
  int64_t right = 0;
  int64_t other_price = 0;
  std::map<std::string, int64_t> reasons;
  double seconds = 0;
};

void Ask(Methods& methods, const std::string& token, const demo::Catalogue& catalogue,
         int64_t show, Tally& tally) {
  for (const demo::Invoice& invoice : catalogue.invoices) {
    pricing::v1::CalculatePricesRequest request;
    request.set_account(invoice.account);
    request.set_currency_code(demo::kCurrency);
    request.set_after(token);
    request.mutable_as_of()->set_seconds(absl::ToUnixSeconds(invoice.time));
    std::vector<const demo::InvoiceLine*> lines;
    for (const demo::InvoiceLine* line : invoice.lines) {
      if (line->quantity <= 0) continue;  // Credits repeat what was paid.
      lines.push_back(line);
      auto& asked = *request.add_lines();
      asked.set_sku(line->sku);
      asked.mutable_quantity()->set_value(absl::StrCat(line->quantity));
    }
    if (lines.empty()) continue;
    const auto start = SteadyClock::now();
    const auto response = methods.Call<pricing::v1::CalculatePricesResponse>(
        "weft.pricing.v1.PricingService/CalculatePrices", request);
    tally.seconds += std::chrono::duration<double>(SteadyClock::now() - start).count();
    WEFT_CHECK_OK(response);
    WEFT_CHECK(response->lines_size() == static_cast<int>(lines.size()));
    for (size_t i = 0; i < lines.size(); ++i) {
      const auto& answer = response->lines(static_cast<int>(i));
      ++tally.asked;
      const int64_t pence = demo::NetPence(lines[i]->quantity, lines[i]->price_milli);
      const std::string net = absl::StrFormat("%d.%02d", pence / 100, pence % 100);
      if (answer.has_reason()) {
        ++tally.reasons[answer.reason().reason()];
      } else if (answer.net().amount() == net) {
        ++tally.right;
      } else {
        ++tally.other_price;
        if (tally.other_price <= show) {
          std::printf("  %s %s x %lld: invoiced %s, now %s\n", invoice.account.c_str(),
                      lines[i]->sku.c_str(), static_cast<long long>(lines[i]->quantity),
                      net.c_str(), answer.net().amount().c_str());
        }
      }
    }
  }
}

// A discount on lists from `quantity` on.
std::string DiscountTable(absl::string_view quantity) {
  return absl::StrCat(R"(kind: DecisionTable
id: pricing.volume-discounts
title: Volume discounts
schema: pricing-line@1
hit_policy: FIRST
inputs:
  - {id: quantity, label: Quantity, expr: line.scale_quantity, type: decimal}
outputs:
  - {id: percent, label: Percent, type: decimal, default: "0"}
  - {id: label, label: Text, type: string, default: '""'}
rules:
  - {id: all, when: {quantity: ">= )",
                      quantity, R"("}, then: {percent: "3", label: '"Volume discount"'}}
)");
}

void Simulate(Methods& methods, const std::string& token, int64_t lines) {
  // A read that has seen the whole feed, so that every invoice is there.
  pricing::v1::ListRebatesRequest list;
  list.set_after(token);
  WEFT_CHECK_OK(methods.Call<pricing::v1::ListRebatesResponse>(
      "weft.pricing.v1.RebateService/ListRebates", list));
  for (const char* quantity : {"100", "1"}) {
    documents::v1::SimulateRequest request;
    request.add_sources(DiscountTable(quantity));
    const auto start = SteadyClock::now();
    const auto report = methods.Call<documents::v1::SimulateResponse>(
        "weft.documents.v1.DocumentService/Simulate", request);
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
    WEFT_CHECK_OK(report);
    WEFT_CHECK(report->cases() + report->skipped() == lines);
    std::printf("3 %% off lists from quantity %-3s simulated: %lld lines in %.2f s, %.0f a second; "
                "%lld changed, %s %s; %s most affected: %s\n",
                quantity, static_cast<long long>(report->cases()), seconds,
                static_cast<double>(report->cases()) / seconds,
                static_cast<long long>(report->changed()), report->change(0).amount().c_str(),
                report->change(0).currency_code().c_str(), report->accounts(0).account().c_str(),
                report->accounts(0).change(0).amount().c_str());
  }
}

int Run(int argc, char** argv) {
  std::string folder = std::filesystem::temp_directory_path() / "weft-replay-bench";
  int64_t show = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--folder=", 9) == 0) folder = argv[i] + 9;
    if (std::strncmp(argv[i], "--show=", 7) == 0) show = std::atoll(argv[i] + 7);
  }
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  auto lines = demo::ReadOnlineRetail(testing::DataDir() + "/online-retail/online-retail.csv.xz");
  WEFT_CHECK_OK(lines);
  const demo::Catalogue catalogue = demo::MakeCatalogue(*std::move(lines));

  const SystemClock clock;
  auto log = eventlog::EmbeddedLog::Open({.path = folder + "/log"}, clock);
  WEFT_CHECK_OK(log);
  service::Surroundings around;
  around.clock = &clock;
  around.mac_key = std::string(32, 'k');
  erp::v1::ErpConfig erp_config;
  erp_config.add_connections()->set_name("main");
  erp_config.mutable_connections(0)->set_tenant("demo");
  const auto erp_room = erp::MakeRoom(erp_config, around);
  const auto pricing_room = pricing::MakeRoom(pricing::v1::PricingConfig(), around);
  engine::Options erp_options;
  erp_options.folder = folder + "/erp-connector";
  auto erp_shards = engine::Open(erp_options, *erp_room->program(), **log, clock);
  WEFT_CHECK_OK(erp_shards);
  engine::Options pricing_options;
  pricing_options.folder = folder + "/pricing-replica";
  auto pricing_shards = engine::Open(pricing_options, *pricing_room->projection(), **log, clock);
  WEFT_CHECK_OK(pricing_shards);
  engine::Options owner_options;
  owner_options.folder = folder + "/pricing";
  auto owner_shards = engine::Open(owner_options, *pricing_room->program(), **log, clock);
  WEFT_CHECK_OK(owner_shards);
  Methods erp_methods;
  erp_room->Bind(erp_methods, erp_shards->get());
  Methods pricing_methods;
  pricing_room->BindProjection(pricing_methods, **pricing_shards);
  pricing_room->Bind(pricing_methods, owner_shards->get());

  const demo::Feed feed(catalogue, {});
  std::string token;
  const auto start = SteadyClock::now();
  WEFT_CHECK_OK(demo::Send(feed, [&](const std::string& id, const std::string& text) {
    erp::v1::IngestRequest request;
    request.set_connection("main");
    request.set_request_id(id);
    request.set_text(text);
    return erp_methods
        .Call<erp::v1::IngestResponse>("weft.erp.v1.ErpService/Ingest", request, &token)
        .status();
  }));
  Tally tally;
  Ask(pricing_methods, token, catalogue, show, tally);
  const double took = std::chrono::duration<double>(SteadyClock::now() - start).count();

  int64_t registered = 0;
  for (const demo::InvoiceLine& line : catalogue.lines) {
    registered += !line.account.empty() && line.quantity > 0;
  }
  const auto percent = [](int64_t part, int64_t whole) {
    return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  std::printf("invoice lines of registered accounts        %lld\n",
              static_cast<long long>(registered));
  std::printf("  of them goods, priced again as of then     %lld\n",
              static_cast<long long>(tally.asked));
  std::printf("come out as invoiced                         %lld: %.2f %% of all, %.2f %% of goods\n",
              static_cast<long long>(tally.right), percent(tally.right, registered),
              percent(tally.right, tally.asked));
  std::printf("come out with another price                  %lld\n",
              static_cast<long long>(tally.other_price));
  for (const auto& [reason, count] : tally.reasons) {
    std::printf("  %-42s %lld\n", reason.c_str(), static_cast<long long>(count));
  }
  std::printf("CalculatePrices in process, one invoice a call: %.0f lines a second; all: %.1f s\n",
              static_cast<double>(tally.asked) / tally.seconds, took);
  Simulate(pricing_methods, token, tally.asked);
  return 0;
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) { return weft::Run(argc, argv); }
