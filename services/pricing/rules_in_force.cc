#include "services/pricing/rules_in_force.h"

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "services/pricing/state.h"

namespace weft::pricing {
namespace {

constexpr size_t kTenants = 16;
constexpr size_t kScopes = 8;  // Of one tenant.

// Found for one scope and a span of moments.
struct Found {
  documents::Held held;
  rules::DocumentScope scope;

  bool Holds(absl::string_view organisation, absl::string_view branch, absl::string_view channel,
             absl::Time as_of) const {
    return held.from <= as_of && as_of < held.until &&
           (!held.by_organisation || scope.organisation == organisation) &&
           (!held.by_branch || scope.branch == branch) &&
           (!held.by_channel || scope.channel == channel);
  }
};

// What this thread knows of one tenant, as of one version of the documents.
struct Recent {
  std::string tenant;
  uint64_t version = 0;
  engine::Position newest;
  std::array<Found, kScopes> found;
  size_t used = 0;
  size_t next = 0;  // To be written over, once all are used.

  bool Is(absl::string_view name, uint64_t at) const { return version == at && tenant == name; }
  void Begin(absl::string_view name, const documents::Held& held) {
    tenant.assign(name.data(), name.size());
    version = held.version;
    newest = held.newest;
    used = next = 0;
  }
  Found& Add() {
    if (used < kScopes) return found[used++];
    next = (next + 1) % kScopes;
    return found[next];
  }
};

Recent& RecentOf(absl::string_view tenant) {
  static thread_local std::array<Recent, kTenants> all;
  return all[std::hash<std::string_view>()({tenant.data(), tenant.size()}) % kTenants];
}

engine::Position PositionOf(Stamp at) {
  return {static_cast<int64_t>(at >> 48), static_cast<int64_t>(at & ((Stamp{1} << 48) - 1))};
}

}  // namespace

RulesInForce::RulesInForce(const documents::DocumentReader* documents, absl::string_view tenant)
    : documents_(documents), tenant_(tenant), rules_(PricingRules::Platform().get()) {
  if (documents_ == nullptr) return;
  Recent& recent = RecentOf(tenant_);
  if (!recent.Is(tenant_, documents_->version())) {
    recent.Begin(tenant_, documents_->Newest(std::string(tenant_)));
  }
  if (recent.newest.offset >= 0) known_ = StampOf(recent.newest.generation, recent.newest.offset);
}

Stamp RulesInForce::KnownBy(int64_t us) const {
  if (documents_ == nullptr) return 0;
  const engine::Position newest =
      documents_->newest(std::string(tenant_), absl::FromUnixMicros(us));
  return newest.offset >= 0 ? StampOf(newest.generation, newest.offset) : 0;
}

absl::Status RulesInForce::Find(const Facts& facts, const Ask& ask, const Buyer& buyer,
                                Stamp at) {
  if (documents_ == nullptr) return absl::OkStatus();
  absl::string_view organisation, branch;
  if (buyer.account != nullptr) {
    organisation = facts.Text(buyer.account->organisation);
    branch = facts.Text(buyer.account->branch);
  }
  const absl::Time as_of = absl::FromUnixMicros(ask.as_of_us);
  const engine::Position position = PositionOf(at);
  Recent& recent = RecentOf(tenant_);
  active_ = nullptr;
  absl::Time until = absl::InfiniteFuture();
  // The facts were taken before this look at the version: whatever they have seen of
  // the log, the documents up to there count in it.
  if (recent.Is(tenant_, documents_->version()) && recent.newest <= position) {
    for (size_t i = 0; i < recent.used; ++i) {
      if (recent.found[i].Holds(organisation, branch, ask.channel, as_of)) {
        active_ = recent.found[i].held.active;
        until = recent.found[i].held.until;
        break;
      }
    }
  }
  if (active_ == nullptr) {
    rules::DocumentScope scope{std::string(organisation), std::string(branch), ask.channel};
    documents::Held held =
        documents_->FindHeld(std::string(tenant_), scope, as_of, position);
    // References are counted apart for each thread, so that threads do not meet there.
    const auto own = std::make_shared<const std::shared_ptr<const documents::Active>>(held.active);
    active_ = held.active = {own, own->get()};
    until = held.until;
    if (held.newest <= position) {
      if (!recent.Is(tenant_, held.version)) recent.Begin(tenant_, held);
      Found& found = recent.Add();
      found.held = std::move(held);
      found.scope = std::move(scope);
    }
  }
  if (until != absl::InfiniteFuture()) until_us_ = absl::ToUnixMicros(until);
  if (!active_->status.ok()) return active_->status;
  if (const auto* made = active_->compiled->As<PricingRules>(); made != nullptr) rules_ = made;
  return absl::OkStatus();
}

}  // namespace weft::pricing
