#include "services/pricing/price_watchers.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/state.h"

namespace weft::pricing {

struct PriceWatchers::Watcher {
  Watcher(std::string of, rpc::Stream<v1::WatchPricesResponse> to)
      : tenant(std::move(of)), stream(std::move(to)) {}

  const std::string tenant;
  std::set<std::string> accounts;  // Empty = all.
  std::set<std::string> skus;      // Empty = all.
  rpc::Stream<v1::WatchPricesResponse> stream;
  // Of the one thread that tells.
  bool from_now = true;  // The next message says `all`.
  bool begun = false;
  Stamp told = 0;
  absl::Duration told_at;
};

namespace {

// "g1.1234".
bool ReadPosition(const std::string& text, Stamp& position) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(absl::string_view(text), absl::MaxSplits('.', 1));
  uint64_t generation = 0, offset = 0;
  if (parts.first.size() < 2 || parts.first[0] != 'g' ||
      !absl::SimpleAtoi(parts.first.substr(1), &generation) ||
      !absl::SimpleAtoi(parts.second, &offset) || generation >> 16 != 0 || offset >> 48 != 0) {
    return false;
  }
  position = generation << 48 | offset;
  return true;
}

// The watched accounts by themselves and by each account above them.
using Under = absl::flat_hash_map<std::string, std::vector<const std::string*>>;
Under ByAncestor(const Facts& facts, const std::set<std::string>& accounts) {
  Under under;
  for (const std::string& account : accounts) {
    under[account].push_back(&account);
    Symbol at = facts.Find(SymbolKind::kAccount, account);
    for (int i = 0; i < kMaxParents && at != Symbol::kNone; ++i) {
      const Account* found = facts.FindAccount(at);
      if (found == nullptr || found->parent == Symbol::kNone) break;
      at = found->parent;
      under[std::string(facts.Text(at))].push_back(&account);
    }
  }
  return under;
}

}  // namespace

PriceWatchers::PriceWatchers(FactMemory& memory, PriceChanges& changes, const Clock& clock,
                             WatchOptions options)
    : memory_(memory),
      changes_(changes),
      clock_(clock),
      options_(options),
      thread_([this] { Run(); }) {
  changes_.OnChange([this] {
    if (due_.exchange(true)) return;
    MutexLock lock(mutex_);  // So that it is not told between a look and a wait.
    wake_.NotifyOne();
  });
}

PriceWatchers::~PriceWatchers() {
  changes_.OnChange(nullptr);
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  stop_.NotifyAll();
  thread_.join();
}

absl::Status PriceWatchers::Begin(const Principal& principal,
                                  const v1::WatchPricesRequest& request,
                                  Watcher& watcher) const {
  if (request.accounts_size() > kMaxWatchedAccounts || request.skus_size() > kMaxWatchedItems) {
    return InvalidArgument("TOO_MANY_NAMES",
                           absl::StrCat("a watch takes at most ", kMaxWatchedAccounts,
                                        " accounts and ", kMaxWatchedItems,
                                        " items; leave the list out to watch all"),
                           {{"field", request.accounts_size() > kMaxWatchedAccounts ? "accounts"
                                                                                    : "skus"}});
  }
  for (const std::string& account : request.accounts()) {
    WEFT_ASSIGN_OR_RETURN(std::string acting, ActingAccount(principal, account));
    watcher.accounts.insert(std::move(acting));
  }
  if (watcher.accounts.empty()) {
    if (!principal.account.empty()) {
      watcher.accounts.insert(principal.account);
    } else if (principal.accounts.count("*") == 0) {
      watcher.accounts = principal.accounts;
      if (watcher.accounts.empty()) {
        return NotFound("ACCOUNT_NOT_FOUND", "the token allows no account to watch");
      }
    }
  }
  watcher.skus = {request.skus().begin(), request.skus().end()};
  if (!request.resume_token().empty()) {
    if (!ReadPosition(request.resume_token(), watcher.told)) {
      return InvalidArgument("RESUME_TOKEN_INVALID",
                             "resume_token is none of ours; leave it out to begin anew",
                             {{"field", "resumeToken"}});
    }
    watcher.from_now = false;
  }
  return absl::OkStatus();
}

void PriceWatchers::Add(const Principal& principal, const v1::WatchPricesRequest& request,
                        rpc::Stream<v1::WatchPricesResponse> stream) {
  auto watcher = std::make_shared<Watcher>(principal.tenant, std::move(stream));
  absl::Status status = Begin(principal, request, *watcher);
  if (status.ok()) {
    MutexLock lock(mutex_);
    if (watchers_.size() >= static_cast<size_t>(options_.max_watchers)) {
      status = ResourceExhausted(
          "TOO_MANY_WATCHERS",
          "this replica serves no more watches at once; close one or watch more in one");
    } else {
      watchers_.push_back(watcher);
    }
  }
  if (!status.ok()) return watcher->stream.Finish(std::move(status));
  MutexLock lock(mutex_);
  due_ = true;
  wake_.NotifyOne();
}

void PriceWatchers::Run() {
  for (;;) {
    std::vector<std::shared_ptr<Watcher>> round;
    {
      MutexLock lock(mutex_);
      // Now and then also without a change: for heartbeats, and for streams that are done.
      const absl::Duration idle = std::min(options_.heartbeat, absl::Seconds(1));
      while (!due_ && !stopping_ && (wake_.WaitFor(mutex_, idle) || watchers_.empty())) {
      }
      if (stopping_) return;
      due_ = false;
      watchers_.erase(std::remove_if(watchers_.begin(), watchers_.end(),
                                     [](const auto& w) { return w->stream.done(); }),
                      watchers_.end());
      round = watchers_;
    }
    for (const std::shared_ptr<Watcher>& watcher : round) Tell(*watcher);
    round.clear();
    // What changes meanwhile is told together in the next round.
    MutexLock lock(mutex_);
    if (!stopping_) stop_.WaitFor(mutex_, options_.pause);
  }
}

void PriceWatchers::Tell(Watcher& watcher) {
  v1::WatchPricesResponse message;
  // Before the facts: then facts that came before the documents are among them.
  const Stamp documents = options_.documents_at ? options_.documents_at(watcher.tenant) : 0;
  {
    // What is visible here is in the ring already.
    const FactMemory::Snapshot facts(memory_, watcher.tenant);
    const Stamp now = std::max(facts.position(), documents);
    std::vector<std::string> keys;
    if (watcher.from_now || documents > watcher.told ||
        !changes_.Read(watcher.tenant, watcher.told, now, keys)) {
      message.set_all(true);
      watcher.told = now;
    } else {
      Collect(facts, watcher, keys, message);
      // A token of a replica that is ahead stays ahead.
      watcher.told = std::max(watcher.told, now);
    }
  }
  const absl::Duration steady = clock_.Steady();
  if (!message.all() && message.skus().empty() && message.accounts().empty() &&
      message.account_items().empty()) {
    if (watcher.begun && steady - watcher.told_at < options_.heartbeat) return;
    message.set_heartbeat(true);
  }
  watcher.from_now = false;
  watcher.begun = true;
  watcher.told_at = steady;
  const std::string position = PositionText(watcher.told);
  message.set_resume_token(position);
  message.set_epoch(position);
  watcher.stream.Write(message);
}

void PriceWatchers::Collect(const FactMemory::Snapshot& facts, const Watcher& watcher,
                            const std::vector<std::string>& keys,
                            v1::WatchPricesResponse& message) const {
  using Reach = PriceChange::Reach;
  const Under under = keys.empty() ? Under() : ByAncestor(facts, watcher.accounts);
  std::set<std::string> skus, accounts;
  std::set<std::pair<std::string, std::string>> account_items;
  for (const std::string& key : keys) {
    const PriceChange change = ChangeOf(key);
    const bool of_item = change.reach == Reach::kItem || change.reach == Reach::kAccountItem;
    if (change.reach == Reach::kAll ||
        skus.size() + accounts.size() + account_items.size() >= kMaxToldNames) {
      message.set_all(true);
      return;
    }
    if (of_item && !watcher.skus.empty() && watcher.skus.count(change.sku) == 0) continue;
    if (change.reach == Reach::kItem) {
      skus.insert(change.sku);
      continue;
    }
    // Told under the names that are watched: a parent's is not everyone's to know.
    std::vector<const std::string*> touched;
    if (watcher.accounts.empty()) {
      touched.push_back(&change.account);
    } else if (const auto found = under.find(change.account); found != under.end()) {
      touched = found->second;
    }
    for (const std::string* account : touched) {
      if (of_item) {
        account_items.emplace(*account, change.sku);
      } else {
        accounts.insert(*account);
      }
    }
  }
  *message.mutable_skus() = {skus.begin(), skus.end()};
  *message.mutable_accounts() = {accounts.begin(), accounts.end()};
  for (const auto& [account, sku] : account_items) {
    if (accounts.count(account) > 0) continue;
    v1::ChangedAccountItem& added = *message.add_account_items();
    added.set_account(account);
    added.set_sku(sku);
  }
}

}  // namespace weft::pricing
