// The reading side of documents: follows the timeline and says what is active.
//
//   DocumentReader documents("pricing", kinds);
//   documents.Mount(program);           // Before other read models are added.
//   …
//   const engine::Position known = documents.newest(tenant);
//   FactMemory::Snapshot facts(memory, tenant);          // After `known`.
//   const engine::Position at = std::max(known, facts position);
//   auto active = documents.Find(tenant, scope, as_of, at);
//   if (!active->status.ok()) return active->status;    // RULES_STALE
//   active->compiled->As<Waterfall>() …
//
// Taken in this order, `at` names one state of facts and documents: facts up to
// `at` are in the snapshot, and documents up to `at` are what Find() looks at. A
// later question with the same `at` gets the same documents.
//
// A set is compiled once: tenants without documents of their own share what is
// compiled of the platform's. What does not compile is told by the status, for
// the tenants that have it only.
//
// Rows are kept in the program's state in the tables 181 and 182.
// Safe from any thread but for Mount().
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/sync.h"
#include "libs/engine/program.h"
#include "libs/engine/table.h"
#include "libs/rules/documents/activation.h"
#include "libs/rules/documents/compile.h"
#include "weft/documents/v1/state.pb.h"

namespace weft::documents {

// Keys: kind id organisation branch channel version; number of the activation.
inline constexpr engine::Table<v1::BodyRow> kBodies{181, "document_bodies"};
inline constexpr engine::Table<v1::ActivationRow> kPublished{182, "document_activations"};

// The documents that count for one question. Immutable.
struct Active {
  // {activation, platform_activation, effective_from, documents: kind, id, scope,
  // version, hash, tree}: the most specific of each kind and id.
  rules::DocumentSet set;
  // Its rules and what Kinds::make made of them. Shared by all who have the same
  // documents, so of its own `set` the numbers of activations mean nothing.
  std::shared_ptr<const rules::CompiledSet> compiled;
  // FAILED_PRECONDITION / RULES_STALE where it does not compile here.
  absl::Status status;
};

// What Find() came to with all that is known, and for how long it may be kept: as
// long as DocumentReader::version() is `version`, for moments from `from` until
// `until` (excluded), and for positions from `newest` on.
struct Held {
  std::shared_ptr<const Active> active;
  uint64_t version = 0;
  engine::Position newest;
  absl::Time from = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
  // Parts of the scope that some document names; the others make no difference.
  bool by_organisation = false;
  bool by_branch = false;
  bool by_channel = false;
};

class DocumentReader final : public engine::ReadModel {
 public:
  // `room`: whose documents, as events name it. `kinds`: what the room adds.
  // `shipped`: texts of the platform's documents as this build has them; they hold
  // as activation 0 until the platform has published.
  DocumentReader(std::string room, rules::Kinds kinds,
                 const std::vector<std::string>& shipped = {});
  ~DocumentReader() override;

  // Adds the events and itself, first of the read models: what a turn publishes is
  // here before any other model moves to the turn's position.
  void Mount(engine::Program& program);

  // Where the newest activation of the tenant or the platform stands.
  engine::Position newest(const std::string& tenant) const { return Newest(tenant).newest; }
  // The same of what had been recorded by `known`.
  engine::Position newest(const std::string& tenant, absl::Time known) const;
  // The same as newest() with the version it was asked at; nothing else is set.
  Held Newest(const std::string& tenant) const;
  // Another number after every change of what is known, for who keeps what was found.
  // No two readers of a process have the same. Waits for nothing.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // What counts at `as_of` of what stands up to `at`. Never nullptr; where nothing
  // is published the set is empty.
  std::shared_ptr<const Active> Find(const std::string& tenant, const rules::DocumentScope& scope,
                                     absl::Time as_of, engine::Position at) const {
    return FindHeld(tenant, scope, as_of, at).active;
  }
  // The same with how long it holds, of what stands up to `at`; to be kept only where
  // `newest` is at most `at`.
  Held FindHeld(const std::string& tenant, const rules::DocumentScope& scope, absl::Time as_of,
                engine::Position at) const;
  // The same with all that is known.
  std::shared_ptr<const Active> FindNewest(const std::string& tenant,
                                           const rules::DocumentScope& scope,
                                           absl::Time as_of) const;

  // For operators: what counts at `now` and cannot be used here, by tenant.
  std::vector<std::pair<std::string, absl::Status>> Stale(absl::Time now) const;

  void Load(const engine::ChangedRow& row) override;
  void Apply(const std::vector<engine::ChangedRow>& rows, const std::string& tenant,
             engine::Position position) override;

 private:
  struct Tenant;
  struct Published;
  struct Text;

  Tenant& TenantOf(uint32_t partition, const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Tenant* FindTenant(uint32_t partition, const std::string& name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<const Text> TextOf(const std::string& source)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeRow(const engine::ChangedRow& row);
  std::shared_ptr<const rules::CompiledSet> Compile(const rules::DocumentSet& set) const;

  static uint64_t NextVersion();

  const std::string room_;
  const rules::Kinds kinds_;
  std::shared_ptr<const Published> shipped_;
  mutable Mutex mutex_;
  std::atomic<uint64_t> version_{NextVersion()};  // Written with mutex_ held.
  // By partition and name: the platform stands in every partition.
  std::map<std::pair<uint32_t, std::string>, std::unique_ptr<Tenant>> tenants_
      ABSL_GUARDED_BY(mutex_);
  // By hash of the text, shared by all who have it.
  std::map<std::string, std::weak_ptr<const Text>> texts_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Tenant> nobody_;  // Keeps what is resolved of shipped documents alone.
  mutable Mutex compiling_;
  // By signature of the set.
  mutable std::map<std::string, std::weak_ptr<const rules::CompiledSet>> compiled_
      ABSL_GUARDED_BY(compiling_);
};

}  // namespace weft::documents
