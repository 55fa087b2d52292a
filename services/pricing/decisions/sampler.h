// What the room learns from its own traffic, beside the answers: a share of the
// requests goes to the decision log, and a share is tried with the documents that a
// tenant has in shadow. Only the process that owns the documents samples.
//
// The answering path draws a number, and for what is drawn copies request and answer
// into a queue of bounded length; all else happens on a thread of the sampler, which
// rests nine times as long as it works. When the queue is full the request is left out and
// counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/engine/shards.h"
#include "libs/rules/documents/compile.h"
#include "libs/service/documents/reader.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"
#include "services/pricing/memory/fact_memory.h"
#include "weft/documents/v1/state.pb.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

class Sampler {
 public:
  struct Options {
    int per_mille = 10;      // Of requests, into the log; 0 = none.
    int64_t most = 10'000;   // Decisions of a tenant that stay.
    absl::Duration rerun_every = absl::Hours(24);
    bool own_thread = true;  // False: Flush() does the work, in tests.
  };
  // The whole explanation of a decision, the same octets each time.
  using Explain = std::function<absl::StatusOr<std::string>(const std::string& tenant,
                                                            const std::string& decision_id)>;

  // All outlive it; `metrics` and `log` may be null. `owner`: where the log is kept.
  Sampler(Options options, FactMemory& memory, engine::Shards& owner,
          const documents::DocumentReader& documents, rules::Kinds kinds, const Clock& clock,
          Explain explain, telemetry::MetricsScope* metrics, telemetry::Logger* log);
  ~Sampler();

  // On the answering path. Not negative: offer the request, with this number.
  int Draw() const;
  // `answer`: the bytes of its CalculatePricesResponse.
  void Offer(int draw, const std::string& tenant, const v1::CalculatePricesRequest& request,
             absl::string_view answer);

  // The tenant's shadow was started or ended.
  void ShadowChanged(const std::string& tenant);
  // Takes logged decisions again, the newest first.
  absl::StatusOr<documents::v1::RerunDecisionsResponse> Rerun(const std::string& tenant, int most);
  // Waits until all that was offered is stored.
  void Flush();

 private:
  struct Item;
  struct Trial;
  struct Series;

  void Work();
  // What waits first, then what is to be kept; how long it took.
  absl::Duration Round();
  void Process(const Item& item);
  void Log(const Item& item, const v1::CalculatePricesRequest& request,
           const v1::CalculatePricesResponse& answer);
  void Try(const std::string& tenant, const v1::CalculatePricesRequest& request);
  // Whether the tenant has a shadow, and of which share.
  void LookUp(const std::string& tenant);
  // What is tried for the tenant now, made anew where documents have changed;
  // nullptr = nothing.
  std::shared_ptr<Trial> TrialOf(const std::string& tenant);
  void KeepDecisions();
  void KeepReport(const std::string& tenant, Trial& trial);
  void Submit(const std::string& tenant, const char* method, const google::protobuf::Message& row);
  void RerunAll();
  void SetShare(const std::string& tenant, int per_mille) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  FactMemory& memory_;
  engine::Shards& owner_;
  const documents::DocumentReader& documents_;
  const rules::Kinds kinds_;
  const Clock& clock_;
  const Explain explain_;
  telemetry::Logger* const log_;
  std::unique_ptr<Series> series_;
  std::atomic<int> drawn_;  // Of a thousand: the log's share, or that of a shadow.

  Mutex mutex_;
  CondVar changed_;
  std::deque<Item> queue_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> look_anew_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> shares_ ABSL_GUARDED_BY(mutex_);  // Of a thousand.
  std::map<std::string, int64_t> dropped_ ABSL_GUARDED_BY(mutex_);
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  int submitted_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the thread.
  std::set<std::string> known_;  // Tenants whose shadow was looked up.
  std::map<std::string, std::shared_ptr<Trial>> trials_;
  std::map<std::string, documents::v1::KeepDecisions> pending_;
  int64_t requests_ = 0;
  absl::Time last_kept_ = absl::InfinitePast();
  absl::Time next_rerun_;
  std::thread worker_;
};

}  // namespace weft::pricing
