// The use cases of the room: what each command, record and task answer does to
// the rows of a tenant. Run by the shard's sequencer, one input at a time.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/engine/event.h"
#include "libs/engine/turn.h"
#include "weft/reorder/v1/reorder.pb.h"
#include "weft/reorder/v1/state.pb.h"

namespace weft::reorder {

inline constexpr char kReorderMethod[] = "weft.reorder.v1.ReorderService/ReorderOrder";
inline constexpr char kSalesOrdersTopic[] = "weft.sales.orders.v1";
inline constexpr char kErpOrdersTopic[] = "weft.erp.orders.v1";
inline constexpr char kSubmitTask[] = "submit-order";
inline constexpr char kSubmitMethod[] = "weft.approval.v1.OrderService/SubmitOrder";
// Purchases remembered per account and item; older ones stand in the totals only.
inline constexpr int kEntriesMax = 32;

// Keeps what was found out for a reorder and starts its submission, if there is
// one. The first answer to a request id stays.
// Errors: INVALID_ARGUMENT / REQUEST_ID_REUSED.
absl::StatusOr<v1::Reorder> RecordReorder(const v1::RecordReorderRequest& request,
                                          engine::Turn& turn);

// What became of a submission.
void OnSubmitted(const engine::TaskResult& result, engine::Turn& turn);

// Puts what approval said of a submission into `reorder`: the order's name, or why
// it was refused. `status` is OK or a definite refusal.
void SetSubmitted(const absl::Status& status, const std::string& answer, v1::Reorder& reorder);

// "reorder-<id>": the key of the submission, here and at approval.
std::string SubmitKey(const std::string& id);

// Records: items; orders that were released; what the ERP invoiced, refused or
// cancelled. Types the room does not know are passed over.
absl::Status OnFact(const engine::Event& event, engine::Turn& turn);
absl::Status OnSalesOrder(const engine::Event& event, engine::Turn& turn);
absl::Status OnErpOrder(const engine::Event& event, engine::Turn& turn);

}  // namespace weft::reorder
