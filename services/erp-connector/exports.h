// Orders on their way to the ERP and what it says about them.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "libs/engine/event.h"
#include "libs/engine/program.h"
#include "libs/engine/turn.h"
#include "services/erp-connector/config.h"
#include "services/erp-connector/domain/kind.h"
#include "services/erp-connector/problem.h"
#include "weft/erp/v1/state.pb.h"

namespace weft::erp {

// An event of weft.sales.orders.v1: an order was released, or a cancel is asked.
// An order id is exported once, whatever is repeated.
absl::Status OnSalesOrder(const Settings& settings, const engine::Event& event,
                          engine::Turn& turn);

// Sends what is held. Errors: NOT_FOUND / EXPORT_NOT_FOUND, FAILED_PRECONDITION /
// EXPORT_NOT_HELD, FAILED_PRECONDITION / NO_ORDER_CONNECTION.
absl::StatusOr<v1::ExportRow> SendHeld(const Settings& settings, const std::string& order,
                                       engine::Turn& turn);

// No acknowledgement came in time.
void OnAcknowledgeDue(const engine::TimerFired& timer, engine::Turn& turn);

// An answer of the ERP about an order of ours: checks it against the export,
// completes it (item and base quantity of shipped lines) and moves the export.
// Other kinds pass untouched. When `problem` is set nothing was changed.
absl::Status TakeAnswer(const ConnectionSettings& connection, Kind kind,
                        google::protobuf::Message& event, engine::Turn& turn, Problem& problem);

// The canonical message for an order, or for a cancel of it.
std::string OrderPlaceText(const v1::ExportRow& row);
std::string OrderCancelText(const v1::ExportRow& row,
                            const weft::sales::v1::OrderCancelRequested& cancel);

inline constexpr char kAcknowledgeTimer[] = "acknowledge-due";

}  // namespace weft::erp
