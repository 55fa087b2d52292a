#include "services/pricing/price_changes.h"

#include <utility>

#include "services/pricing/state.h"

namespace weft::pricing {

PriceChange ChangeOf(absl::string_view current_key) {
  using Reach = PriceChange::Reach;
  engine::KeyReader reader(current_key);
  std::string kind, first;
  if (!reader.Next(kind) || !reader.Next(first)) return {};
  if (kind == "i" || kind == "p" || kind == "o") {
    return {.reach = Reach::kItem, .account = "", .sku = first};
  }
  if (kind == "a" || kind == "n") return {.reach = Reach::kAccount, .account = first, .sku = ""};
  if (kind == "c") {
    std::string owner, sort, target;
    if (!reader.Next(owner) || !reader.Next(sort) || !reader.Next(target)) return {};
    const bool of_item = sort == "s";
    if (first == "a") {
      return {.reach = of_item ? Reach::kAccountItem : Reach::kAccount,
              .account = owner,
              .sku = of_item ? target : ""};
    }
    if (of_item) return {.reach = Reach::kItem, .account = "", .sku = target};
  }
  return {};
}

void PriceChanges::Apply(const std::vector<engine::ChangedRow>& rows, const std::string& tenant,
                         engine::Position position) {
  const Stamp at = StampOf(position.generation, position.offset);
  std::function<void()> changed;
  {
    MutexLock lock(mutex_);
    const auto [entry, fresh] = rings_.try_emplace(tenant);
    // What had been applied before this process began to listen.
    if (fresh) entry->second.floor = FactMemory::Snapshot(memory_, tenant).position();
    bool all = false;
    for (const engine::ChangedRow& row : rows) {
      if (row.table == kCurrent.id) {
        Push(entry->second, at, row.key);
      } else if (row.table != kHistory.id && row.table != kPlaces.id &&
                 row.table != kNumbers.id && row.table != kInfo.id) {
        all = true;  // The end of a load, an activation of documents.
      }
    }
    if (all) Push(entry->second, at, "");
    changed = changed_;
  }
  if (changed) changed();
}

void PriceChanges::Push(Ring& ring, Stamp position, absl::string_view key) {
  if (ring.kept.size() < kKept) {
    ring.kept.push_back({position, std::string(key)});
    return;
  }
  Change& oldest = ring.kept[ring.next];
  ring.floor = oldest.position;
  oldest.position = position;
  oldest.key.assign(key.data(), key.size());
  ring.next = (ring.next + 1) % kKept;
}

void PriceChanges::OnChange(std::function<void()> changed) {
  MutexLock lock(mutex_);
  changed_ = std::move(changed);
}

bool PriceChanges::Read(const std::string& tenant, Stamp after, Stamp until,
                        std::vector<std::string>& keys) const {
  keys.clear();
  if (after >> 48 != until >> 48) return false;  // Another generation of the timeline.
  if (after >= until) return true;
  MutexLock lock(mutex_);
  const auto ring = rings_.find(tenant);
  if (ring == rings_.end() || after < ring->second.floor) return false;
  for (const Change& change : ring->second.kept) {
    if (change.position > after && change.position <= until) keys.push_back(change.key);
  }
  return true;
}

}  // namespace weft::pricing
