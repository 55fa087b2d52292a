#include "services/pricing/simulate/simulate.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/base/sync.h"
#include "services/pricing/convert.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/domain/simulation.h"
#include "services/pricing/rebates/rows.h"

namespace weft::pricing::simulate {
namespace {

// Lines read before they are priced.
constexpr int kPortionLines = 200'000;
// Invoices that one thread prices with the same facts: what was replaced meanwhile
// cannot be freed before.
constexpr size_t kInvoicesAtOnce = 64;
constexpr int kExamples = 3;
constexpr int kExamplesMax = 20;
constexpr size_t kGroupsMax = 100;
constexpr size_t kAccountsMax = 20;

struct StoredInvoice {
  std::string key;
  v1::RebateInvoiceRow row;
};

// What one line comes to with one set of rules. Views live as long as the facts.
struct Outcome {
  LineReason reason = LineReason::kNone;
  Decimal net;
  bool contract = false;
  absl::string_view maker;  // Contract, or book.
  uint64_t codes = 0;       // Of the waterfall's steps.
};

// "books/LIST, VOLUME_DISCOUNT"; of no price the reason.
void NameRule(const Outcome& outcome, const Waterfall& waterfall, std::string& out) {
  out.clear();
  if (outcome.reason != LineReason::kNone) {
    out = ReasonName(outcome.reason);
    return;
  }
  absl::StrAppend(&out, outcome.contract ? "contracts/" : "books/", outcome.maker);
  for (size_t i = 0; i < waterfall.codes().size(); ++i) {
    if ((outcome.codes >> i & 1) != 0) absl::StrAppend(&out, ", ", waterfall.codes()[i]);
  }
}

bool IsCredit(const v1::RebateInvoiceRow::Line& line) {
  return !line.quantity().empty() && line.quantity()[0] == '-';
}

struct Filter {
  int64_t from_us = INT64_MIN;
  int64_t to_us = INT64_MAX;
  int examples = kExamples;
};

// Of one thread.
class Pricer {
 public:
  Pricer(const Filter& filter, const documents::CompiledFor& before,
         const documents::CompiledFor& after)
      : filter_(filter), before_(before), after_(after), result_(filter.examples) {}

  // Errors: FAILED_PRECONDITION / RULES_STALE.
  absl::Status Price(const Facts& facts, const StoredInvoice& stored);
  const Simulation& result() const { return result_; }

 private:
  struct Sets {
    const PricingRules* before = nullptr;
    const PricingRules* after = nullptr;
  };
  absl::StatusOr<Sets> RulesFor(const Facts& facts, const Buyer& buyer);
  void Ask(const Facts& facts, const PricingRules& rules, const v1::RebateInvoiceRow& row,
           std::vector<Outcome>& outcomes);

  const Filter& filter_;
  const documents::CompiledFor& before_;
  const documents::CompiledFor& after_;
  Simulation result_;
  absl::flat_hash_map<std::pair<std::string, std::string>, Sets> sets_;
  // Scratch.
  Buyer buyer_;
  LineAnswer answer_;
  std::vector<int> asked_;  // Which lines of the row.
  std::vector<Outcome> outcomes_before_, outcomes_after_;
  std::string rule_before_, rule_after_;
};

absl::StatusOr<Pricer::Sets> Pricer::RulesFor(const Facts& facts, const Buyer& buyer) {
  rules::DocumentScope scope;
  if (buyer.account != nullptr) {
    scope.organisation = std::string(facts.Text(buyer.account->organisation));
    scope.branch = std::string(facts.Text(buyer.account->branch));
  }
  const auto [found, is_new] = sets_.try_emplace(std::pair(scope.organisation, scope.branch));
  Sets& sets = found->second;
  if (!is_new) return sets;
  for (const auto& [compiled_for, rules] :
       {std::pair(&before_, &sets.before), std::pair(&after_, &sets.after)}) {
    const rules::CompiledSet* compiled = (*compiled_for)(scope);
    if (compiled == nullptr) {
      sets_.erase(found);
      return FailedPrecondition("RULES_STALE",
                                absl::StrCat("documents of organisation '", scope.organisation,
                                             "', branch '", scope.branch, "' do not compile"),
                                {{"organisation", scope.organisation}, {"branch", scope.branch}});
    }
    *rules = compiled->As<PricingRules>();
    if (*rules == nullptr) *rules = PricingRules::Platform().get();
  }
  return sets;
}

void Pricer::Ask(const Facts& facts, const PricingRules& rules, const v1::RebateInvoiceRow& row,
                 std::vector<Outcome>& outcomes) {
  outcomes.resize(asked_.size());
  PriceFinder finder(facts, buyer_, rules);
  do {
    for (size_t i = 0; i < asked_.size(); ++i) {
      const v1::RebateInvoiceRow::Line& line = row.lines(asked_[i]);
      finder.Find({.sku = line.sku(), .quantity = line.quantity(), .unit = line.unit()},
                  Depth::kWinner, answer_);
      Outcome& out = outcomes[i];
      out.reason = answer_.reason;
      if (answer_.reason != LineReason::kNone) continue;
      const bool book = answer_.source == Source::kBook || answer_.source == Source::kList;
      out.net = answer_.net;
      out.contract = !book;
      out.maker = book ? facts.Text(answer_.owner) : answer_.offer.name;
      out.codes = answer_.codes;
    }
    // Once more where lines turn out to reach tiers together.
  } while (finder.StartOver());
}

absl::Status Pricer::Price(const Facts& facts, const StoredInvoice& stored) {
  engine::KeyReader reader(stored.key);
  std::string account, invoice;
  int64_t counts_us = 0;
  if (!reader.Next(account) || !reader.Next(counts_us) || !reader.Next(invoice)) {
    return DataLoss("ROW_UNREADABLE", "a key of rebate_invoices does not parse");
  }
  const v1::RebateInvoiceRow& row = stored.row;
  if (!row.credit_of().empty() || row.time_us() < filter_.from_us ||
      row.time_us() >= filter_.to_us) {
    return absl::OkStatus();
  }
  asked_.clear();
  for (int i = 0; i < row.lines_size(); ++i) {
    if (IsCredit(row.lines(i))) continue;
    if (row.lines(i).quantity().empty()) {
      result_.Skip(1);
    } else {
      asked_.push_back(i);
    }
  }
  if (asked_.empty()) return absl::OkStatus();
  if (!DescribeBuyer(facts,
                     {.account = account,
                      .channel = "",
                      .currency = row.currency_code(),
                      .as_of_us = row.time_us(),
                      .project = "",
                      .ship_to = ""},
                     buyer_)
           .ok()) {
    result_.Skip(static_cast<int64_t>(asked_.size()));
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(const Sets sets, RulesFor(facts, buyer_));
  Ask(facts, *sets.before, row, outcomes_before_);
  Ask(facts, *sets.after, row, outcomes_after_);
  for (size_t i = 0; i < asked_.size(); ++i) {
    const Outcome& before = outcomes_before_[i];
    const Outcome& after = outcomes_after_[i];
    if (before.reason == LineReason::kUnknownItem) {
      result_.Skip(1);
      continue;
    }
    const v1::RebateInvoiceRow::Line& line = row.lines(asked_[i]);
    SimulatedLine simulated{
        .invoice = invoice,
        .number = asked_[i] + 1,
        .account = account,
        .sku = line.sku(),
        .quantity = line.quantity(),
        .currency = buyer_.currency,
        .before = {.priced = before.reason == LineReason::kNone, .net = before.net, .rule = {}},
        .after = {.priced = after.reason == LineReason::kNone, .net = after.net, .rule = {}}};
    if (!simulated.Same()) {
      NameRule(before, sets.before->waterfall(), rule_before_);
      NameRule(after, sets.after->waterfall(), rule_after_);
      simulated.before.rule = rule_before_;
      simulated.after.rule = rule_after_;
    }
    result_.Add(simulated);
  }
  return absl::OkStatus();
}

absl::Status PricePortion(FactMemory& memory, const std::string& tenant,
                          const std::vector<StoredInvoice>& portion,
                          std::vector<std::unique_ptr<Pricer>>& pricers) {
  std::atomic<size_t> next{0};
  Mutex mutex;
  absl::Status first_failure;
  const auto work = [&](Pricer& pricer) {
    while (true) {
      const size_t begin = next.fetch_add(kInvoicesAtOnce);
      if (begin >= portion.size()) return;
      const FactMemory::Snapshot facts(memory, tenant);
      const size_t end = std::min(portion.size(), begin + kInvoicesAtOnce);
      for (size_t i = begin; i < end; ++i) {
        absl::Status status = pricer.Price(facts, portion[i]);
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

void SetChanges(const Simulation::Changes& changes,
                google::protobuf::RepeatedPtrField<common::v1::Money>& out) {
  for (const auto& [currency, amount] : changes) SetMoney(amount, currency, *out.Add());
}

void SetReport(const Simulation& result, documents::v1::SimulateResponse& out) {
  out.set_cases(result.cases());
  out.set_equal(result.equal());
  out.set_changed(result.changed());
  out.set_newly_failing(result.newly_failing());
  out.set_newly_passing(result.newly_passing());
  out.set_skipped(result.skipped());
  for (const auto& [currency, totals] : result.totals()) {
    SetMoney(totals.before, currency, *out.add_baseline_total());
    SetMoney(totals.after, currency, *out.add_candidate_total());
    Decimal change;
    if (SubtractInto(totals.after, totals.before, change) == DecimalError::kOk) {
      SetMoney(change, currency, *out.add_change());
    }
  }
  constexpr auto& kEdges = Simulation::kEdges;
  for (size_t i = 0; i <= kEdges.size(); ++i) {
    if (result.distribution()[i] == 0) continue;
    documents::v1::SimulatedBucket& bucket = *out.add_distribution();
    if (i > 0) bucket.set_from_percent(absl::StrCat(kEdges[i - 1]));
    if (i < kEdges.size()) bucket.set_to_percent(absl::StrCat(kEdges[i]));
    bucket.set_cases(result.distribution()[i]);
  }
  for (const auto& [rules, group] : result.GroupsByCases(kGroupsMax)) {
    documents::v1::SimulatedGroup& shown = *out.add_groups();
    shown.set_rule_before(rules.first);
    shown.set_rule_after(rules.second);
    shown.set_cases(group->cases);
    SetChanges(group->change, *shown.mutable_change());
    for (const Simulation::Example& example : group->examples) {
      documents::v1::SimulatedCase& one = *shown.add_examples();
      one.set_id(absl::StrCat(example.invoice, "/", example.number));
      one.set_account(example.account);
      one.set_sku(example.sku);
      one.set_quantity(example.quantity);
      one.set_before(example.before);
      one.set_after(example.after);
    }
  }
  for (const auto& [account, affected] : result.AccountsByChange(kAccountsMax)) {
    documents::v1::SimulatedAccount& shown = *out.add_accounts();
    shown.set_account(account);
    shown.set_cases(affected->cases);
    SetChanges(affected->change, *shown.mutable_change());
  }
}

absl::StatusOr<documents::v1::SimulateResponse> Simulate(
    FactMemory& memory, engine::Shards& shards, int threads,
    const documents::v1::SimulateRequest& request, const std::string& tenant,
    const documents::CompiledFor& before, const documents::CompiledFor& after) {
  Filter filter;
  if (request.has_from()) filter.from_us = MicrosOf(request.from());
  if (request.has_to()) filter.to_us = MicrosOf(request.to());
  if (request.examples() > 0) filter.examples = std::min(request.examples(), kExamplesMax);
  std::vector<std::unique_ptr<Pricer>> pricers;
  for (int i = 0; i < threads; ++i) {
    pricers.push_back(std::make_unique<Pricer>(filter, before, after));
  }
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<engine::View> rows, shards.Read(tenant));
  std::vector<StoredInvoice> portion;
  int lines = 0;
  absl::Status status;
  WEFT_RETURN_IF_ERROR(
      rows->Scan(rebates::kInvoices,
                 request.account().empty() ? std::string() : rebates::InvoicesOf(request.account()),
                 [&](absl::string_view key, v1::RebateInvoiceRow& row) {
                   lines += row.lines_size();
                   portion.push_back({std::string(key), std::move(row)});
                   if (lines < kPortionLines) return true;
                   status = PricePortion(memory, tenant, portion, pricers);
                   portion.clear();
                   lines = 0;
                   return status.ok();
                 }));
  WEFT_RETURN_IF_ERROR(status);
  WEFT_RETURN_IF_ERROR(PricePortion(memory, tenant, portion, pricers));
  Simulation result(filter.examples);
  for (const auto& pricer : pricers) result.Merge(pricer->result());
  documents::v1::SimulateResponse response;
  SetReport(result, response);
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
