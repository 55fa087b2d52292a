// What the owner of a room's documents stores, and how it is read. Keys, behind
// the engine's partition, tenant and table:
//
//   drafts      = document                kind id organisation branch channel
//   versions    = document number
//   activations = number
//   head        = (empty)
//   counts      = document
//   spreads     = number of the activation
//   simulations = hash of what was simulated
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/engine/table.h"
#include "libs/engine/turn.h"
#include "libs/rules/documents/activation.h"
#include "libs/rules/documents/compile.h"
#include "libs/rules/documents/life.h"
#include "libs/service/documents/convert.h"
#include "weft/documents/v1/state.pb.h"

namespace weft::documents {

inline constexpr engine::Table<v1::DraftRow> kDrafts{1, "drafts", 1, "DOCUMENT_NOT_FOUND"};
inline constexpr engine::Table<v1::VersionRow> kVersions{2, "versions", 1, "DOCUMENT_NOT_FOUND"};
inline constexpr engine::Table<v1::Activation> kActivations{3, "activations", 1,
                                                            "ACTIVATION_NOT_FOUND"};
inline constexpr engine::Table<v1::HeadRow> kHead{4, "head"};
inline constexpr engine::Table<v1::CountRow> kCounts{5, "counts"};
inline constexpr engine::Table<v1::SpreadRow> kSpreads{6, "spreads"};
inline constexpr engine::Table<v1::SimulationRow> kSimulations{7, "simulations"};

std::string DraftKey(const rules::DocumentKey& key);
std::string VersionKey(const rules::DocumentKey& key, int64_t version);

absl::StatusOr<rules::Activations> ReadActivations(const engine::RowReader& rows);
absl::StatusOr<int64_t> LastActivation(const engine::RowReader& rows);

absl::StatusOr<std::optional<v1::DraftRow>> FindDraft(const engine::RowReader& rows,
                                                      const rules::DocumentKey& key);
// `version` 0 = the newest.
absl::StatusOr<std::optional<v1::VersionRow>> FindVersion(const engine::RowReader& rows,
                                                          const rules::DocumentKey& key,
                                                          int64_t version);

// The key that a reference means: where it names no kind or no scope, the one
// document of that id, the one that holds for all before others.
// Errors: NOT_FOUND / DOCUMENT_NOT_FOUND; INVALID_ARGUMENT / KIND_REQUIRED where
// it may mean several.
absl::StatusOr<rules::DocumentKey> ResolveKey(const engine::RowReader& rows,
                                              const v1::DocumentRef& ref);
// References of a request: `documents`, or the one that `id` and `kind` name.
template <typename Request>
std::vector<v1::DocumentRef> RefsOf(const Request& request) {
  std::vector<v1::DocumentRef> refs(request.documents().begin(), request.documents().end());
  if (!request.id().empty()) {
    v1::DocumentRef ref;
    ref.set_id(request.id());
    ref.set_kind(request.kind());
    refs.push_back(std::move(ref));
  }
  return refs;
}

// Where versions stand, from what is stored of them and the activations.
class Standing {
 public:
  Standing(const rules::Activations& all, absl::Time now);
  rules::VersionState Of(const v1::VersionRow& row) const;
  const rules::Activation* current() const { return current_; }

 private:
  const rules::Activation* current_ = nullptr;
  std::set<std::pair<rules::DocumentKey, int64_t>> due_;
};

// The documents of an activation with their trees; missing texts are left out.
absl::StatusOr<std::vector<rules::SetDocument>> ReadSet(const engine::RowReader& rows,
                                                        const rules::ActiveSet& documents,
                                                        bool platform);

// What the tenant's own policy asks of publishing; nothing where it has none.
absl::StatusOr<rules::PublishingPolicy> ReadPolicy(const engine::RowReader& rows,
                                                   const rules::Activation* current);
// Under what name figures of a simulation are kept: what changes against `base`.
std::string SimulationKey(const rules::ActiveSet& changed, int64_t base);

// A token goes on behind `key` in the list that `query` asked for, and in no other.
std::string PageToken(absl::string_view query, absl::string_view key);
// The key; "" of no token. Errors: INVALID_ARGUMENT / PAGE_TOKEN_INVALID.
absl::StatusOr<std::string> ReadPageToken(absl::string_view query, const std::string& token);
absl::Status PageTokenInvalid();

absl::Status DocumentNotFound(const std::string& what);
// FAILED_PRECONDITION / HISTORY_GONE: the version's text was dropped.
absl::Status TextGone(const v1::Document& version);

}  // namespace weft::documents
