// The use cases of the room, run by a shard's sequencer.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/engine/program.h"
#include "libs/engine/turn.h"
#include "services/erp-connector/config.h"
#include "weft/erp/v1/erp.pb.h"

namespace weft::erp::app {

// One piece of what a call brought (service.h cuts calls into pieces).
absl::StatusOr<v1::IngestResponse> Ingest(const Settings& settings,
                                          const v1::IngestRequest& request, engine::Turn& turn);
// One record of a connection's topic.
absl::Status TakeRecord(const Settings& settings, const ConnectionSettings& connection,
                        const engine::RawRecord& record, engine::Turn& turn);

absl::StatusOr<v1::ReplayParkedResponse> ReplayParked(const Settings& settings,
                                                      const v1::ReplayParkedRequest& request,
                                                      engine::Turn& turn);
absl::StatusOr<v1::ReplayParkedResponse> DiscardParked(const Settings& settings,
                                                       const v1::DiscardParkedRequest& request,
                                                       engine::Turn& turn);
absl::StatusOr<v1::Load> ResolveLoad(const Settings& settings,
                                     const v1::ResolveLoadRequest& request, engine::Turn& turn);
absl::StatusOr<v1::ReseedFactsResponse> ReseedFacts(const Settings& settings,
                                                    const v1::ReseedFactsRequest& request,
                                                    engine::Turn& turn);
absl::StatusOr<v1::Export> SendExport(const Settings& settings,
                                      const v1::SendExportRequest& request, engine::Turn& turn);

void OnSweep(const Settings& settings, const engine::TimerFired& timer, engine::Turn& turn);
void OnDrain(const Settings& settings, const engine::TimerFired& timer, engine::Turn& turn);

}  // namespace weft::erp::app
