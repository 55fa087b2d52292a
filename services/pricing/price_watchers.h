// Streams of WatchPrices: who watches what, and the one thread that tells them.
//
// Nothing is queued for a reader: each has a position in the ring of changes, and a
// round tells it what lies between that and now in one message, or that everything
// may have moved. Between two rounds the thread pauses, so that an import arrives as
// a few messages. A stream whose reader is too slow even so is ended by libs/rpc; it
// goes on with its resume token.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/principal.h"
#include "libs/base/sync.h"
#include "libs/rpc/server.h"
#include "services/pricing/memory/fact_memory.h"
#include "services/pricing/price_changes.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

inline constexpr int kMaxWatchedAccounts = 1000;
inline constexpr int kMaxWatchedItems = 5000;
// More names than this in one message are told as `all`.
inline constexpr size_t kMaxToldNames = 2000;

struct WatchOptions {
  int max_watchers = 1000;
  absl::Duration pause = absl::Milliseconds(50);
  absl::Duration heartbeat = absl::Seconds(15);
  // Position of a tenant's newest documents, the platform's included: they may move any
  // price. Null = the binary's own hold. Any thread.
  std::function<Stamp(const std::string& tenant)> documents_at;
};

// Thread safe.
class PriceWatchers {
 public:
  // All outlive it.
  PriceWatchers(FactMemory& memory, PriceChanges& changes, const Clock& clock,
                WatchOptions options);
  ~PriceWatchers();

  // Starts a watch.
  // Errors (end the stream): INVALID_ARGUMENT / TOO_MANY_NAMES, RESUME_TOKEN_INVALID;
  // NOT_FOUND / ACCOUNT_NOT_FOUND; RESOURCE_EXHAUSTED / TOO_MANY_WATCHERS.
  void Add(const Principal& principal, const v1::WatchPricesRequest& request,
           rpc::Stream<v1::WatchPricesResponse> stream);

 private:
  struct Watcher;
  absl::Status Begin(const Principal& principal, const v1::WatchPricesRequest& request,
                     Watcher& watcher) const;
  void Run();
  void Tell(Watcher& watcher);
  void Collect(const FactMemory::Snapshot& facts, const Watcher& watcher,
               const std::vector<std::string>& keys, v1::WatchPricesResponse& message) const;

  FactMemory& memory_;
  PriceChanges& changes_;
  const Clock& clock_;
  const WatchOptions options_;
  std::atomic<bool> due_{false};  // Something changed since the last round began.
  Mutex mutex_;
  CondVar wake_;  // Something is due.
  CondVar stop_;  // It is about to stop.
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // Last: runs on the members above.
};

}  // namespace weft::pricing
