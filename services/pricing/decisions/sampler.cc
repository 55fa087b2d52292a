#include "services/pricing/decisions/sampler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/money/decimal.h"
#include "libs/service/documents/convert.h"
#include "libs/service/documents/judge.h"
#include "libs/service/documents/sets.h"
#include "libs/service/documents/trials.h"
#include "services/pricing/asking.h"
#include "services/pricing/convert.h"
#include "services/pricing/simulate/pricer.h"

namespace weft::pricing {

namespace docs = documents::v1;

namespace {

// A request that was drawn and waits; more are left out.
constexpr size_t kQueueMax = 256;
// Larger requests are left out: a case is looked at by people.
constexpr int kLinesMax = 100;
constexpr size_t kTenantsMax = 10'000;
constexpr int kDecisionsAtOnce = 64;
constexpr absl::Duration kLookEvery = absl::Seconds(5);
constexpr absl::Duration kRestMax = absl::Milliseconds(500);
constexpr int kRestFactor = 9;
constexpr int kRerunLines = 1000;
constexpr int kDifferencesTold = 100;
// Without a log one request of a thousand is looked at all the same: it tells of a
// shadow that was started before this process.
constexpr int kDrawnLeast = 1;

int PerMille(const std::string& percent) {
  Decimal share, out;
  if (Decimal::ParseInto(percent, share) != DecimalError::kOk ||
      MultiplyInto(share, Decimal(10), out) != DecimalError::kOk) {
    return 0;
  }
  for (int n = 1; n < 1000; ++n) {
    if (out <= Decimal(n)) return n;
  }
  return 1000;
}

simulate::Case CaseOf(absl::string_view id, const v1::CalculatePricesRequest& request) {
  simulate::Case asked{.id = id,
                       .account = request.account(),
                       .channel = request.channel(),
                       .currency = request.currency_code(),
                       .project = request.project(),
                       .ship_to = request.ship_to(),
                       .coupons = {request.coupons().begin(), request.coupons().end()},
                       .as_of_us = MicrosOf(request.as_of()),
                       .lines = {}};
  for (int i = 0; i < request.lines_size(); ++i) {
    asked.lines.push_back({i + 1, QuestionOf(request.lines(i))});
  }
  return asked;
}

std::string HashOf(absl::string_view bytes) { return Hex(Sha256(bytes)); }

}  // namespace

struct Sampler::Item {
  int draw = 0;
  std::string tenant;
  std::string request;
  std::string answer;
};

struct Sampler::Trial {
  int64_t number = 0;
  int64_t activation = -1;  // What it was compiled against.
  int64_t platform_activation = -1;
  std::unique_ptr<documents::Sets> before, after;
  std::unique_ptr<simulate::Pricer> pricer;
  docs::SimulateResponse earlier;  // Before this pricer.
  bool unkept = false;

  docs::SimulateResponse Report() const {
    docs::SimulateResponse report = earlier;
    if (pricer == nullptr) return report;
    docs::SimulateResponse more;
    simulate::SetReport(pricer->result(), more);
    simulate::SetCostReport({&pricer->costs_before()}, {&pricer->costs_after()}, more);
    documents::AddReport(more, report);
    return report;
  }
};

struct Sampler::Series {
  explicit Series(telemetry::MetricsScope* metrics) {
    if (metrics == nullptr) return;
    logged = &metrics->GetCounter("weft_pricing_decisions_logged_total",
                                  "Requests that went to the decision log.");
    tried = &metrics->GetCounter("weft_pricing_shadow_lines_total",
                                 "Lines that were decided with documents in shadow, too.");
    seconds = &metrics->GetCounter("weft_pricing_sampler_seconds_total",
                                   "Time spent on the decision log and on shadows.");
    dropped = &metrics->GetCounter("weft_pricing_samples_dropped_total",
                                   "Requests that were drawn and left out because of load.");
    different = &metrics->GetCounter(
        "weft_pricing_reruns_different_total",
        "Logged decisions that came out differently when they were taken again.");
    same = &metrics->GetCounter("weft_pricing_reruns_same_total",
                                "Logged decisions that came out the same when taken again.");
  }
  static void Add(telemetry::Counter* counter, double by = 1) {
    if (counter != nullptr) counter->Add(by);
  }
  telemetry::Counter* logged = nullptr;
  telemetry::Counter* tried = nullptr;
  telemetry::Counter* seconds = nullptr;
  telemetry::Counter* dropped = nullptr;
  telemetry::Counter* different = nullptr;
  telemetry::Counter* same = nullptr;
};

Sampler::Sampler(Options options, FactMemory& memory, engine::Shards& owner,
                 const documents::DocumentReader& documents, rules::Kinds kinds,
                 const Clock& clock, Explain explain, telemetry::MetricsScope* metrics,
                 telemetry::Logger* log)
    : options_(options),
      memory_(memory),
      owner_(owner),
      documents_(documents),
      kinds_(std::move(kinds)),
      clock_(clock),
      explain_(std::move(explain)),
      log_(log),
      series_(std::make_unique<Series>(metrics)),
      drawn_(std::max(options.per_mille, kDrawnLeast)),
      next_rerun_(clock.Wall() + options.rerun_every) {
  if (options_.own_thread) worker_ = std::thread([this] { Work(); });
}

Sampler::~Sampler() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (worker_.joinable()) worker_.join();
}

int Sampler::Draw() const {
  // One sequence a thread: nothing is shared on the answering path.
  static thread_local uint64_t state =
      0x9E3779B97F4A7C15ull ^ reinterpret_cast<uintptr_t>(&state);
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  const int draw = static_cast<int>((state >> 32) % 1000);
  return draw < drawn_.load(std::memory_order_relaxed) ? draw : -1;
}

void Sampler::Offer(int draw, const std::string& tenant, const v1::CalculatePricesRequest& request,
                    absl::string_view answer) {
  // What is asked of the past, or by a lock, is not what the rules say now.
  if (request.lines_size() > kLinesMax || request.has_known_at() || !request.price_lock().empty()) {
    return;
  }
  {
    MutexLock lock(mutex_);
    if (queue_.size() >= kQueueMax) {
      Series::Add(series_->dropped);
      if (dropped_.size() < kTenantsMax) ++dropped_[tenant];
      return;
    }
  }
  Item item{draw, tenant, request.SerializeAsString(), std::string(answer)};
  MutexLock lock(mutex_);
  queue_.push_back(std::move(item));
  changed_.NotifyAll();
}

void Sampler::SetShare(const std::string& tenant, int per_mille) {
  if (per_mille == 0) {
    shares_.erase(tenant);
  } else {
    shares_[tenant] = per_mille;
  }
  int most = std::max(options_.per_mille, kDrawnLeast);
  for (const auto& [unused, share] : shares_) most = std::max(most, share);
  drawn_.store(most, std::memory_order_relaxed);
}

void Sampler::ShadowChanged(const std::string& tenant) {
  MutexLock lock(mutex_);
  look_anew_.insert(tenant);
  changed_.NotifyAll();
}

void Sampler::LookUp(const std::string& tenant) {
  trials_.erase(tenant);
  const absl::StatusOr<std::unique_ptr<engine::View>> rows = owner_.Read(tenant);
  int share = 0;
  if (rows.ok()) {
    const absl::StatusOr<docs::Shadow> shadow = documents::FindShadow(**rows);
    if (shadow.ok() && shadow->running()) share = PerMille(shadow->share_percent());
  }
  MutexLock lock(mutex_);
  SetShare(tenant, share);
}

void Sampler::Flush() {
  MutexLock lock(mutex_);
  while ((!queue_.empty() || !look_anew_.empty() || working_ || submitted_ > 0) && !stopping_) {
    if (options_.own_thread) {
      changed_.Wait(mutex_);
    } else {
      mutex_.Unlock();
      Round();
      mutex_.Lock();
    }
  }
}

void Sampler::Work() {
  while (true) {
    {
      MutexLock lock(mutex_);
      if (queue_.empty() && look_anew_.empty() && !stopping_) {
        changed_.WaitFor(mutex_, kLookEvery);
      }
      if (stopping_) return;
    }
    const absl::Duration took = Round();
    MutexLock lock(mutex_);
    // At most a tenth of a core, whatever is asked.
    const absl::Time until = absl::Now() + std::min(kRestFactor * took, kRestMax);
    while (!stopping_ && absl::Now() < until) changed_.WaitFor(mutex_, until - absl::Now());
  }
}

absl::Duration Sampler::Round() {
  Item item;
  bool has_item = false;
  bool idle = false;
  std::set<std::string> look_anew;
  {
    MutexLock lock(mutex_);
    working_ = true;
    look_anew.swap(look_anew_);
    if (!queue_.empty()) {
      item = std::move(queue_.front());
      queue_.pop_front();
      has_item = true;
    }
    idle = queue_.empty();
  }
  const absl::Time began = absl::Now();
  for (const std::string& tenant : look_anew) LookUp(tenant);
  if (has_item) Process(item);
  if (idle || began - last_kept_ >= kLookEvery) {
    last_kept_ = began;
    KeepDecisions();
    for (auto& [tenant, trial] : trials_) {
      if (trial != nullptr) KeepReport(tenant, *trial);
    }
  }
  if (clock_.Wall() >= next_rerun_) {
    next_rerun_ = clock_.Wall() + options_.rerun_every;
    RerunAll();
  }
  const absl::Duration took = absl::Now() - began;
  Series::Add(series_->seconds, absl::ToDoubleSeconds(took));
  MutexLock lock(mutex_);
  working_ = false;
  changed_.NotifyAll();
  return took;
}

void Sampler::Process(const Item& item) {
  v1::CalculatePricesRequest request;
  v1::CalculatePricesResponse answer;
  if (!request.ParseFromString(item.request) || !answer.ParseFromString(item.answer) ||
      answer.lines_size() != request.lines_size() || answer.lines_size() == 0) {
    return;
  }
  // As it was understood: whoever asks again gets the same.
  request.set_account(answer.account());
  request.set_channel(answer.channel());
  request.set_currency_code(answer.currency_code());
  *request.mutable_as_of() = answer.freshness().as_of();
  request.clear_user();
  request.clear_after();
  request.clear_include();
  if (known_.size() < kTenantsMax && known_.insert(item.tenant).second) LookUp(item.tenant);
  if (item.draw < options_.per_mille) Log(item, request, answer);
  int share = 0;
  {
    MutexLock lock(mutex_);
    const auto found = shares_.find(item.tenant);
    if (found != shares_.end()) share = found->second;
  }
  if (item.draw < share) Try(item.tenant, request);
}

void Sampler::Log(const Item& item, const v1::CalculatePricesRequest& request,
                  const v1::CalculatePricesResponse& answer) {
  docs::DecisionRow row;
  docs::LoggedDecision& decision = *row.mutable_decision();
  row.set_request(engine::BytesOf(request));
  *decision.mutable_time() = documents::TimestampOf(clock_.Wall());
  decision.set_account(request.account());
  decision.set_channel(request.channel());
  *decision.mutable_as_of() = request.as_of();
  decision.set_facts_hash(HashOf(row.request()));
  const FactMemory::Snapshot facts(memory_, item.tenant);
  const simulate::Case asked = CaseOf("", request);
  Buyer buyer;
  if (!DescribeBuyer(facts,
                     {.account = asked.account, .channel = asked.channel,
                      .currency = asked.currency, .as_of_us = asked.as_of_us,
                      .project = asked.project, .ship_to = asked.ship_to},
                     buyer)
           .ok()) {
    return;
  }
  buyer.coupons = asked.coupons;
  rules::DocumentScope scope;
  if (buyer.account != nullptr) {
    scope.organisation = std::string(facts.Text(buyer.account->organisation));
    scope.branch = std::string(facts.Text(buyer.account->branch));
  }
  scope.channel = request.channel();
  const std::shared_ptr<const documents::Active> active =
      documents_.FindNewest(item.tenant, scope, absl::FromUnixMicros(asked.as_of_us));
  if (!active->status.ok()) return;
  decision.set_activation(active->set.activation);
  decision.set_platform_activation(active->set.platform_activation);
  decision.set_documents_hash(HashOf(active->set.Signature()));
  const auto* made = active->compiled->As<PricingRules>();
  const PricingRules& rules = made != nullptr ? *made : *PricingRules::Platform();
  LineAnswer scratch;
  std::vector<simulate::Outcome> outcomes;
  simulate::AskLines(facts, buyer, rules, asked.lines, scratch, outcomes);
  for (int i = 0; i < answer.lines_size(); ++i) {
    const v1::PriceLine& line = answer.lines(i);
    const simulate::Outcome& outcome = outcomes[static_cast<size_t>(i)];
    docs::LoggedLine& logged = *decision.add_lines();
    logged.set_decision_id(line.decision_id());
    logged.set_sku(line.sku());
    logged.set_quantity(absl::StrCat(line.quantity().value(),
                                     line.quantity().unit().empty() ? "" : " ",
                                     line.quantity().unit()));
    if (line.has_net()) *logged.mutable_net() = line.net();
    logged.set_error(line.reason().reason());
    simulate::NameRule(outcome, rules.waterfall(), *logged.mutable_rule());
    logged.set_cost(outcome.cost);
    if (line.decision_id().empty()) continue;
    const absl::StatusOr<std::string> explanation = explain_(item.tenant, line.decision_id());
    if (explanation.ok()) logged.set_explanation_hash(HashOf(*explanation));
  }
  Series::Add(series_->logged);
  docs::KeepDecisions& pending = pending_[item.tenant];
  *pending.add_decisions() = std::move(row);
  if (pending.decisions_size() >= kDecisionsAtOnce) KeepDecisions();
}

std::shared_ptr<Sampler::Trial> Sampler::TrialOf(const std::string& tenant) {
  const absl::StatusOr<std::unique_ptr<engine::View>> own = owner_.Read(tenant);
  const absl::StatusOr<std::unique_ptr<engine::View>> platform =
      owner_.Read(engine::kPlatformTenant);
  if (!own.ok() || !platform.ok()) return nullptr;
  const auto row = (*own)->Find(documents::kShadows, "");
  std::shared_ptr<Trial>& trial = trials_[tenant];
  if (!row.ok() || !row->has_value() || !(*row)->shadow().running()) {
    trial = nullptr;
    MutexLock lock(mutex_);
    SetShare(tenant, 0);
    return nullptr;
  }
  const docs::ShadowRow& shadow = **row;
  if (trial == nullptr || trial->number != shadow.shadow().number()) {
    trial = std::make_shared<Trial>();
    trial->number = shadow.shadow().number();
    trial->earlier = shadow.shadow().report();
  }
  const absl::Time now = std::max((*own)->now(), clock_.Wall());
  const std::shared_ptr<const documents::Active> active = documents_.FindNewest(tenant, {}, now);
  if (trial->pricer != nullptr && trial->activation == active->set.activation &&
      trial->platform_activation == active->set.platform_activation) {
    return trial;
  }
  trial->earlier = trial->Report();
  trial->activation = active->set.activation;
  trial->platform_activation = active->set.platform_activation;
  const std::vector<documents::Candidate> candidates = documents::ReadTexts(shadow.sources());
  auto before = documents::SetWith({}, **own, platform->get(), now);
  auto after = documents::SetWith(candidates, **own, platform->get(), now);
  if (!before.ok() || !after.ok()) {
    trial->pricer = nullptr;
    return nullptr;
  }
  trial->pricer = nullptr;  // It looks at the sets.
  trial->before = std::make_unique<documents::Sets>(*std::move(before), kinds_);
  trial->after = std::make_unique<documents::Sets>(*std::move(after), kinds_);
  trial->pricer = std::make_unique<simulate::Pricer>(
      3, [sets = trial->before.get()](const rules::DocumentScope& scope) { return sets->For(scope); },
      [sets = trial->after.get()](const rules::DocumentScope& scope) { return sets->For(scope); });
  return trial;
}

void Sampler::Try(const std::string& tenant, const v1::CalculatePricesRequest& request) {
  const std::shared_ptr<Trial> trial = TrialOf(tenant);
  if (trial == nullptr) return;
  const std::string id = absl::StrCat(trial->number, "-", ++requests_);
  const FactMemory::Snapshot facts(memory_, tenant);
  if (!trial->pricer->Price(facts, CaseOf(id, request)).ok()) {
    trial->pricer->result().Skip(request.lines_size());
  }
  trial->unkept = true;
  Series::Add(series_->tried, request.lines_size());
}

void Sampler::Submit(const std::string& tenant, const char* method,
                     const google::protobuf::Message& row) {
  engine::Command command{
      .method = method,
      .request_id = absl::StrCat("sample-", absl::ToUnixNanos(clock_.Wall()), "-", ++requests_),
      .payload = engine::BytesOf(row),
      .timeout = absl::Seconds(30)};
  command.principal.tenant = tenant;
  command.principal.subject = "pricing";
  command.principal.roles = {"operator"};
  {
    MutexLock lock(mutex_);
    ++submitted_;
  }
  owner_.Submit(std::move(command), [this](const absl::StatusOr<engine::Answer>& answer) {
    // What is lost is a sample.
    if (!answer.ok()) Series::Add(series_->dropped);
    MutexLock lock(mutex_);
    --submitted_;
    changed_.NotifyAll();
  });
}

void Sampler::KeepDecisions() {
  for (auto& [tenant, pending] : pending_) {
    pending.set_most(options_.most);
    Submit(tenant, documents::kKeepDecisions, pending);
  }
  pending_.clear();
}

void Sampler::KeepReport(const std::string& tenant, Trial& trial) {
  if (!trial.unkept) return;
  trial.unkept = false;
  docs::Shadow report;
  report.set_number(trial.number);
  *report.mutable_report() = trial.Report();
  {
    MutexLock lock(mutex_);
    report.set_dropped(dropped_[tenant]);
  }
  Submit(tenant, documents::kKeepShadow, report);
}

absl::StatusOr<docs::RerunDecisionsResponse> Sampler::Rerun(const std::string& tenant, int most) {
  docs::RerunDecisionsResponse response;
  docs::ListDecisionsRequest list;
  list.set_page_size(1000);
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<engine::View> rows, owner_.Read(tenant));
  do {
    WEFT_ASSIGN_OR_RETURN(const docs::ListDecisionsResponse page,
                          documents::ListDecisions(list, *rows));
    for (const docs::LoggedDecision& decision : page.decisions()) {
      for (const docs::LoggedLine& line : decision.lines()) {
        if (line.decision_id().empty()) continue;
        if (response.cases() >= most) return response;
        response.set_cases(response.cases() + 1);
        const absl::StatusOr<std::string> again =
            line.explanation_hash().empty() ? absl::NotFoundError("")
                                            : explain_(tenant, line.decision_id());
        if (!again.ok()) {
          response.set_gone(response.gone() + 1);
        } else if (HashOf(*again) == line.explanation_hash()) {
          response.set_same(response.same() + 1);
          Series::Add(series_->same);
        } else {
          response.set_different(response.different() + 1);
          Series::Add(series_->different);
          if (response.differences_size() < kDifferencesTold) *response.add_differences() = line;
        }
      }
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  return response;
}

void Sampler::RerunAll() {
  for (const std::string& tenant : known_) {
    const absl::StatusOr<docs::RerunDecisionsResponse> rerun = Rerun(tenant, kRerunLines);
    if (log_ == nullptr || !rerun.ok() || rerun->different() == 0) continue;
    log_->LogAs("pricing", telemetry::Level::kError,
                "logged decisions come out differently when they are taken again",
                {{"tenant", tenant},
                 {"cases", rerun->cases()},
                 {"different", rerun->different()},
                 {"example", rerun->differences(0).decision_id()}});
  }
}

}  // namespace weft::pricing
