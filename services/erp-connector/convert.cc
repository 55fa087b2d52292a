#include "services/erp-connector/convert.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/erp-connector/exports.h"
#include "services/erp-connector/inlet.h"

namespace weft::erp {
namespace {

void SetTime(int64_t us, google::protobuf::Timestamp& into) {
  into.set_seconds(us / 1'000'000);
  into.set_nanos(static_cast<int32_t>(us % 1'000'000 * 1000));
}

}  // namespace

std::string OrderName(absl::string_view order) {
  return absl::StartsWith(order, "orders/") ? std::string(order) : absl::StrCat("orders/", order);
}

v1::ParkedMessage ToProto(const v1::ParkedRow& row, bool with_data) {
  v1::ParkedMessage message = row.message();
  SetTime(row.receive_us(), *message.mutable_receive_time());
  if (!with_data) message.clear_data();
  return message;
}

v1::Load ToProto(int64_t number, const v1::LoadRow& row) {
  v1::Load load;
  load.set_id(absl::StrCat(number));
  load.set_connection(row.connection());
  load.set_load(row.load());
  *load.mutable_entities() = row.entities();
  load.set_state(row.state());
  SetTime(row.begin_us(), *load.mutable_begin_time());
  if (row.end_us() != 0) SetTime(row.end_us(), *load.mutable_end_time());
  load.set_messages(row.messages());
  *load.mutable_counts() = row.counts();
  return load;
}

v1::Export ToProto(const v1::ExportRow& row, bool with_text) {
  v1::Export shown;
  shown.set_order(row.order().order());
  shown.set_connection(row.connection());
  shown.set_state(row.state());
  shown.set_erp_order(row.erp_order());
  SetTime(row.release_us(), *shown.mutable_release_time());
  if (row.send_us() != 0) SetTime(row.send_us(), *shown.mutable_send_time());
  if (row.answer_us() != 0) SetTime(row.answer_us(), *shown.mutable_answer_time());
  if (!row.reason().empty()) {
    shown.mutable_reason()->set_reason(row.reason());
    shown.mutable_reason()->set_message(row.reason_message());
  }
  shown.set_cancel_pending(row.cancel_pending());
  *shown.mutable_shipments() = row.shipments();
  *shown.mutable_invoices() = row.invoices();
  if (with_text) shown.set_text(OrderPlaceText(row));
  return shown;
}

v1::Connection ToProto(const ConnectionSettings& settings, const v1::ConnectionRow& row) {
  v1::Connection shown;
  shown.set_name(settings.name);
  shown.set_type(settings.type);
  shown.set_mode(settings.mode);
  shown.set_takes_orders(settings.takes_orders);
  shown.set_topic_in(settings.topic_in);
  shown.set_topic_out(settings.topic_out);
  if (row.last_message_us() != 0) {
    SetTime(row.last_message_us(), *shown.mutable_last_message_time());
  }
  *shown.mutable_messages() = row.counts();
  shown.set_parked_count(row.parked());
  shown.set_waiting_count(row.waiting());
  shown.set_unresolved_count(row.unresolved());
  // By the number of the kind, so that the order never changes.
  for (int i = 1; i <= kKindCount; ++i) {
    const auto kind = static_cast<Kind>(i);
    if (LiveOf(row, kind) == 0) continue;
    v1::EntityCount& count = *shown.add_entities();
    count.set_type(std::string(InfoOf(kind).type));
    count.set_live(LiveOf(row, kind));
  }
  shown.set_loaded(row.loaded());
  return shown;
}

}  // namespace weft::erp
