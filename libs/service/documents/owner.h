// The owner of a room's documents: what its commands change. The whole of a
// decision that needs the sets compiled is judged beside the shard (service.h)
// and comes as a JudgedCommand; the shard does it only while it still stands on
// the activation that was judged.
//
// Emits on the timeline: the texts of versions, then the activation. What the
// platform publishes goes to every partition, a few a turn, in order.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/engine/program.h"
#include "libs/engine/turn.h"
#include "libs/rules/documents/activation.h"
#include "weft/documents/v1/state.pb.h"

namespace weft::documents {

inline constexpr char kService[] = "weft.documents.v1.DocumentService/";
// Not for callers: publishes what comes with the platform where it differs.
inline constexpr char kPublishShipped[] = "weft.documents.v1.DocumentService/PublishShipped";
// Not for callers: keeps the figures of a simulation for gates.
inline constexpr char kKeepSimulation[] = "weft.documents.v1.DocumentService/KeepSimulation";
// Texts of one publishing together.
inline constexpr size_t kPublishBytesMax = 2'500'000;

// Adds the commands and timers. `room`: as events name it.
void MountOwner(const std::string& room, engine::Program& program);

// What a publishing or a rollback leads to, without doing it.
// Errors as the commands'.
absl::StatusOr<std::vector<rules::Activation>> PlanPublish(const v1::PublishRequest& request,
                                                           const engine::RowReader& rows,
                                                           absl::Time now);
absl::StatusOr<std::vector<rules::Activation>> PlanRollback(const v1::RollbackRequest& request,
                                                            const engine::RowReader& rows,
                                                            absl::Time now);

}  // namespace weft::documents
