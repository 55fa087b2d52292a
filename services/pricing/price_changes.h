// What has changed lately, per tenant, for those who watch prices: the keys of the
// facts that were replaced, in a ring. Who asks for what lies before it is told that
// it has missed something.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "libs/base/sync.h"
#include "libs/engine/program.h"
#include "services/pricing/domain/facts.h"
#include "services/pricing/memory/fact_memory.h"

namespace weft::pricing {

// Whose prices one change may move.
struct PriceChange {
  enum class Reach : uint8_t {
    kAll,          // Every price of the tenant.
    kItem,         // `sku`, for any account.
    kAccount,      // `account` and accounts below it.
    kAccountItem,  // `sku` for `account` and accounts below it.
  };
  Reach reach = Reach::kAll;
  std::string account;
  std::string sku;
};
// From the key of a row of `current`; what it does not know reaches all.
PriceChange ChangeOf(absl::string_view current_key);

// Thread safe. Registered with the engine *before* the read model of facts: what is
// in the ring may then not be visible yet, but what is visible is in the ring.
class PriceChanges : public engine::ReadModel {
 public:
  // Changes that are kept of one tenant.
  static constexpr size_t kKept = 4096;

  // `memory` outlives it.
  explicit PriceChanges(FactMemory& memory) : memory_(memory) {}

  void Load(const engine::ChangedRow&) override {}
  void Apply(const std::vector<engine::ChangedRow>& rows, const std::string& tenant,
             engine::Position position) override;

  // Called after each change, from the sequencer; must not block. Before the shards open
  // or when they stand still.
  void OnChange(std::function<void()> changed);

  // The keys changed after `after` and up to `until`; "" = everything. False when some
  // of them are not known any more.
  bool Read(const std::string& tenant, Stamp after, Stamp until,
            std::vector<std::string>& keys) const;

 private:
  struct Change {
    Stamp position = 0;
    std::string key;
  };
  struct Ring {
    Stamp floor = 0;           // Changes after it are all here.
    std::vector<Change> kept;  // Of kKept at most; then the oldest is overwritten.
    size_t next = 0;           // Where the next one goes once it is full.
  };
  void Push(Ring& ring, Stamp position, absl::string_view key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FactMemory& memory_;
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, Ring> rings_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> changed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weft::pricing
