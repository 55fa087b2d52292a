// What a room learns from its own traffic, kept by the owner of its documents: a
// bounded log of sampled decisions, and what came of candidates that were tried
// beside the active documents (a shadow).
//
// Keys: decisions = number; decision_counts, shadows = (empty): a tenant has one.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "libs/engine/program.h"
#include "libs/engine/table.h"
#include "libs/engine/turn.h"
#include "weft/documents/v1/state.pb.h"

namespace weft::documents {

inline constexpr engine::Table<v1::ShadowRow> kShadows{8, "shadows", 1, "SHADOW_NOT_FOUND"};
inline constexpr engine::Table<v1::DecisionRow> kDecisions{9, "decisions"};
inline constexpr engine::Table<v1::DecisionsRow> kDecisionCounts{10, "decision_counts"};

// Not for callers: a row that was made ready beside the shard (StartShadow), what came
// of it so far (KeepShadow), and sampled decisions (KeepDecisions).
inline constexpr char kStartShadow[] = "weft.documents.v1.DocumentService/StartShadow";
inline constexpr char kKeepShadow[] = "weft.documents.v1.DocumentService/KeepShadow";
inline constexpr char kKeepDecisions[] = "weft.documents.v1.DocumentService/KeepDecisions";
// Decisions of a tenant that stay, at most.
inline constexpr int64_t kDecisionsMax = 1'000'000;

// Adds the commands. Called by MountOwner().
void MountTrials(const std::string& room, engine::Program& program);

// Newest first. Errors: INVALID_ARGUMENT / PAGE_SIZE_INVALID, PAGE_TOKEN_INVALID.
absl::StatusOr<v1::ListDecisionsResponse> ListDecisions(const v1::ListDecisionsRequest& request,
                                                        const engine::RowReader& rows);
// Errors: NOT_FOUND / SHADOW_NOT_FOUND.
absl::StatusOr<v1::Shadow> FindShadow(const engine::RowReader& rows);

// Adds `more` to the figures of `report`; examples and percentiles are those of `more`
// where it has some.
void AddReport(const v1::SimulateResponse& more, v1::SimulateResponse& report);

}  // namespace weft::documents
