#include "services/reorder/app.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "services/reorder/convert.h"
#include "services/reorder/state.h"
#include "weft/approval/v1/approval.pb.h"

namespace weft::reorder {
namespace {

constexpr char kSubmitPrefix[] = "reorder-";

void Touch(engine::Turn& turn, v1::Reorder& reorder) {
  *reorder.mutable_update_time() = ToTimestamp(turn.now());
  int64_t revision = 0;
  if (!absl::SimpleAtoi(reorder.etag(), &revision)) revision = 0;
  reorder.set_etag(absl::StrCat(revision + 1));
}

}  // namespace

std::string SubmitKey(const std::string& id) { return absl::StrCat(kSubmitPrefix, id); }

absl::StatusOr<v1::Reorder> RecordReorder(const v1::RecordReorderRequest& request,
                                          engine::Turn& turn) {
  const std::string id = DeriveId(turn.tenant(), kReorderMethod, request.request_id());
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ReorderRow> earlier, turn.Find(kReorders, id));
  if (earlier.has_value()) {
    if (earlier->request_hash() != request.row().request_hash()) {
      return InvalidArgument("REQUEST_ID_REUSED",
                             "this request id made another reorder; use a new one",
                             {{"reorder", absl::StrCat("reorders/", id)}});
    }
    return earlier->reorder();
  }
  v1::ReorderRow row = request.row();
  v1::Reorder& reorder = *row.mutable_reorder();
  reorder.set_name(absl::StrCat("reorders/", id));
  *reorder.mutable_create_time() = ToTimestamp(turn.now());
  Touch(turn, reorder);
  turn.Put(kReorders, id, row);
  if (!row.submit_request().empty()) {
    turn.StartTask({.kind = kSubmitTask, .key = SubmitKey(id), .payload = row.submit_request()});
  }
  return reorder;
}

void SetSubmitted(const absl::Status& status, const std::string& answer, v1::Reorder& reorder) {
  approval::v1::Order order;
  if (status.ok() && order.ParseFromString(answer)) {
    reorder.set_state(v1::REORDER_STATE_SUBMITTED);
    reorder.set_order(order.name());
  } else {
    reorder.set_state(v1::REORDER_STATE_REFUSED);
    auto* reason = reorder.mutable_submit_reason();
    reason->set_reason(ReasonOf(status));
    reason->set_message(std::string(status.message()));
    for (const auto& [key, value] : MetadataOf(status)) {
      (*reason->mutable_metadata())[key] = value;
    }
  }
}

void OnSubmitted(const engine::TaskResult& result, engine::Turn& turn) {
  absl::string_view id = result.key;
  if (!absl::ConsumePrefix(&id, kSubmitPrefix)) return;
  absl::StatusOr<std::optional<v1::ReorderRow>> found = turn.Find(kReorders, id);
  WEFT_CHECK_OK(found);
  if (!found->has_value()) return;
  v1::ReorderRow& row = **found;
  v1::Reorder& reorder = *row.mutable_reorder();
  SetSubmitted(result.status, result.answer, reorder);
  row.clear_submit_request();
  Touch(turn, reorder);
  turn.Put(kReorders, id, row);
}

}  // namespace weft::reorder
