#include "services/pricing/simulate/simulate.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/base/sync.h"
#include "libs/service/documents/convert.h"
#include "libs/service/documents/trials.h"
#include "services/pricing/convert.h"
#include "services/pricing/rebates/rows.h"
#include "services/pricing/simulate/pricer.h"

namespace weft::pricing::simulate {
namespace {

// Lines read before they are priced.
constexpr int kPortionLines = 200'000;
// Cases that one thread prices with the same facts: what was replaced meanwhile
// cannot be freed before.
constexpr size_t kCasesAtOnce = 64;
constexpr int kExamples = 3;
constexpr int kExamplesMax = 20;

struct Filter {
  std::string account;
  int64_t from_us = INT64_MIN;
  int64_t to_us = INT64_MAX;
  int64_t as_of_us = INT64_MIN;  // Instead of each case's own moment.

  int64_t MomentOf(int64_t own) const { return as_of_us == INT64_MIN ? own : as_of_us; }
};

bool IsCredit(const v1::RebateInvoiceRow::Line& line) {
  return !line.quantity().empty() && line.quantity()[0] == '-';
}

struct StoredInvoice {
  std::string key;
  v1::RebateInvoiceRow row;
};

absl::Status PriceStored(const Filter& filter, const Facts& facts, const StoredInvoice& stored,
                         Case& asked, Pricer& pricer) {
  engine::KeyReader reader(stored.key);
  std::string account, invoice;
  int64_t counts_us = 0;
  if (!reader.Next(account) || !reader.Next(counts_us) || !reader.Next(invoice)) {
    return DataLoss("ROW_UNREADABLE", "a key of rebate_invoices does not parse");
  }
  const v1::RebateInvoiceRow& row = stored.row;
  if (!row.credit_of().empty() || row.time_us() < filter.from_us ||
      row.time_us() >= filter.to_us) {
    return absl::OkStatus();
  }
  asked.id = invoice;
  asked.account = account;
  asked.currency = row.currency_code();
  asked.as_of_us = filter.MomentOf(row.time_us());
  asked.lines.clear();
  for (int i = 0; i < row.lines_size(); ++i) {
    const v1::RebateInvoiceRow::Line& line = row.lines(i);
    if (IsCredit(line)) continue;
    if (line.quantity().empty()) {
      pricer.result().Skip(1);
    } else {
      asked.lines.push_back(
          {i + 1, {.sku = line.sku(), .quantity = line.quantity(), .unit = line.unit()}});
    }
  }
  return pricer.Price(facts, asked);
}

struct LoggedCase {
  int64_t number = 0;
  int64_t time_us = 0;
  v1::CalculatePricesRequest request;
};

absl::Status PriceStored(const Filter& filter, const Facts& facts, const LoggedCase& stored,
                         Case& asked, Pricer& pricer) {
  const v1::CalculatePricesRequest& request = stored.request;
  const std::string id = absl::StrCat(stored.number);
  asked = Case{.id = id,
               .account = request.account(),
               .channel = request.channel(),
               .currency = request.currency_code(),
               .project = request.project(),
               .ship_to = request.ship_to(),
               .coupons = {request.coupons().begin(), request.coupons().end()},
               .as_of_us = filter.MomentOf(MicrosOf(request.as_of())),
               .lines = {}};
  for (int i = 0; i < request.lines_size(); ++i) {
    const v1::PriceRequestLine& line = request.lines(i);
    asked.lines.push_back({i + 1,
                           {.sku = line.sku(),
                            .quantity = line.quantity().value(),
                            .unit = line.quantity().unit()}});
  }
  return pricer.Price(facts, asked);
}

template <typename Stored>
absl::Status PricePortion(FactMemory& memory, const std::string& tenant, const Filter& filter,
                          const std::vector<Stored>& portion,
                          std::vector<std::unique_ptr<Pricer>>& pricers) {
  std::atomic<size_t> next{0};
  Mutex mutex;
  absl::Status first_failure;
  const auto work = [&](Pricer& pricer) {
    Case asked;
    while (true) {
      const size_t begin = next.fetch_add(kCasesAtOnce);
      if (begin >= portion.size()) return;
      const FactMemory::Snapshot facts(memory, tenant);
      const size_t end = std::min(portion.size(), begin + kCasesAtOnce);
      for (size_t i = begin; i < end; ++i) {
        absl::Status status = PriceStored(filter, facts, portion[i], asked, pricer);
        if (status.ok()) continue;
        next = portion.size();
        MutexLock lock(mutex);
        first_failure.Update(status);
        return;
      }
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < pricers.size(); ++i) {
    threads.emplace_back([&work, &pricer = *pricers[i]] { work(pricer); });
  }
  work(*pricers[0]);
  for (std::thread& thread : threads) thread.join();
  return first_failure;
}

using Pricers = std::vector<std::unique_ptr<Pricer>>;

absl::Status PriceInvoices(FactMemory& memory, const std::string& tenant, const Filter& filter,
                           const engine::View& rows, Pricers& pricers) {
  std::vector<StoredInvoice> portion;
  int lines = 0;
  absl::Status status;
  WEFT_RETURN_IF_ERROR(rows.Scan(
      rebates::kInvoices,
      filter.account.empty() ? std::string() : rebates::InvoicesOf(filter.account),
      [&](absl::string_view key, v1::RebateInvoiceRow& row) {
        lines += row.lines_size();
        portion.push_back({std::string(key), std::move(row)});
        if (lines < kPortionLines) return true;
        status = PricePortion(memory, tenant, filter, portion, pricers);
        portion.clear();
        lines = 0;
        return status.ok();
      }));
  WEFT_RETURN_IF_ERROR(status);
  return PricePortion(memory, tenant, filter, portion, pricers);
}

absl::Status PriceLogged(FactMemory& memory, const std::string& tenant, const Filter& filter,
                         const engine::View& rows, Pricers& pricers) {
  std::vector<LoggedCase> cases;
  bool readable = true;
  WEFT_RETURN_IF_ERROR(rows.Scan(
      documents::kDecisions, "",
      [&](absl::string_view, const documents::v1::DecisionRow& row) {
        const documents::v1::LoggedDecision& decision = row.decision();
        const int64_t time_us = MicrosOf(decision.time());
        if ((!filter.account.empty() && decision.account() != filter.account) ||
            time_us < filter.from_us || time_us >= filter.to_us) {
          return true;
        }
        LoggedCase& one = cases.emplace_back();
        one.number = decision.number();
        one.time_us = time_us;
        readable = one.request.ParseFromString(row.request());
        return readable;
      }));
  if (!readable) return DataLoss("ROW_UNREADABLE", "a request of the decision log does not parse");
  return PricePortion(memory, tenant, filter, cases, pricers);
}

absl::StatusOr<documents::v1::SimulateResponse> Simulate(
    FactMemory& memory, engine::Shards& shards, int threads,
    const documents::v1::SimulateRequest& request, const std::string& tenant,
    const documents::CompiledFor& before, const documents::CompiledFor& after) {
  Filter filter{.account = request.account()};
  if (request.has_from()) filter.from_us = MicrosOf(request.from());
  if (request.has_to()) filter.to_us = MicrosOf(request.to());
  if (request.has_as_of()) filter.as_of_us = MicrosOf(request.as_of());
  const int examples =
      request.examples() > 0 ? std::min(request.examples(), kExamplesMax) : kExamples;
  Pricers pricers;
  for (int i = 0; i < threads; ++i) {
    pricers.push_back(std::make_unique<Pricer>(examples, before, after));
  }
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<engine::View> rows, shards.Read(tenant));
  WEFT_RETURN_IF_ERROR(request.source() == documents::v1::SIMULATION_SOURCE_DECISIONS
                           ? PriceLogged(memory, tenant, filter, *rows, pricers)
                           : PriceInvoices(memory, tenant, filter, *rows, pricers));
  Simulation result(examples);
  std::vector<const Pricer::Costs*> costs_before, costs_after;
  for (const auto& pricer : pricers) {
    result.Merge(pricer->result());
    costs_before.push_back(&pricer->costs_before());
    costs_after.push_back(&pricer->costs_after());
  }
  documents::v1::SimulateResponse response;
  SetReport(result, response);
  SetCostReport(costs_before, costs_after, response);
  return response;
}

}  // namespace

documents::Simulator MakeSimulator(FactMemory& memory, engine::Shards& shards, int threads) {
  if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  threads = std::clamp(threads, 1, 64);
  return [&memory, &shards, threads](
             const documents::v1::SimulateRequest& request, const std::string& tenant,
             const documents::CompiledFor& before, const documents::CompiledFor& after) {
    return Simulate(memory, shards, threads, request, tenant, before, after);
  };
}

}  // namespace weft::pricing::simulate
