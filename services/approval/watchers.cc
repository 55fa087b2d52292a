#include "services/approval/watchers.h"

#include <algorithm>

#include "services/approval/domain/order_state.h"
#include "services/approval/state.h"

namespace weft::approval {

void OrderWatchers::Apply(const std::vector<engine::ChangedRow>& rows,
                          const std::string& /*tenant*/, engine::Position /*position*/) {
  for (const engine::ChangedRow& row : rows) {
    if (row.table != kOrders.id || !row.value.has_value() || row.value->empty()) continue;
    std::vector<std::shared_ptr<Watcher>> watchers;
    {
      MutexLock lock(mutex_);
      if (watchers_.empty()) return;
      const auto it = watchers_.find({row.tenant, row.key});
      if (it == watchers_.end()) continue;
      watchers = it->second;
    }
    v1::OrderRow parsed;
    if (!parsed.ParseFromArray(row.value->data() + 1, static_cast<int>(row.value->size()) - 1)) {
      continue;
    }
    for (const std::shared_ptr<Watcher>& watcher : watchers) Show(watcher, parsed.order());
  }
}

std::shared_ptr<OrderWatchers::Watcher> OrderWatchers::Add(const std::string& tenant,
                                                           const std::string& order,
                                                           rpc::Stream<v1::Order> stream) {
  auto watcher = std::make_shared<Watcher>(stream);
  {
    MutexLock lock(mutex_);
    watchers_[{tenant, order}].push_back(watcher);
  }
  stream.OnDone([this, tenant, order, raw = watcher.get()] { Remove(tenant, order, raw); });
  return watcher;
}

void OrderWatchers::Show(const std::shared_ptr<Watcher>& watcher, const v1::Order& order) {
  MutexLock lock(watcher->mutex_);
  if (watcher->ended_ || order.revision() <= watcher->shown_) return;
  watcher->shown_ = order.revision();
  const bool final = IsFinal(static_cast<OrderState>(order.state()));
  if (!watcher->stream_.Write(order)) {
    watcher->ended_ = true;  // Ended by the stream itself.
  } else if (final) {
    watcher->ended_ = true;
    watcher->stream_.Finish(absl::OkStatus());
  }
}

void OrderWatchers::Remove(const std::string& tenant, const std::string& order,
                           const Watcher* watcher) {
  // The last owner is let go outside the lock.
  std::shared_ptr<Watcher> gone;
  MutexLock lock(mutex_);
  const auto it = watchers_.find({tenant, order});
  if (it == watchers_.end()) return;
  for (auto at = it->second.begin(); at != it->second.end(); ++at) {
    if (at->get() != watcher) continue;
    gone = *at;
    it->second.erase(at);
    break;
  }
  if (it->second.empty()) watchers_.erase(it);
}

}  // namespace weft::approval
