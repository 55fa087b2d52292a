#include "services/erp-connector/exports.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "services/erp-connector/domain/export_state.h"
#include "services/erp-connector/json_writer.h"
#include "services/erp-connector/state.h"
#include "services/erp-connector/topics.h"

namespace weft::erp {
namespace {

namespace sales = weft::sales::v1;

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E*SZ",
      absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
      absl::UTCTimeZone());
}

void Write(JsonWriter& json, absl::string_view name, const weft::common::v1::Money& money) {
  json.BeginObject(name)
      .Text("amount", money.amount())
      .Text("currencyCode", money.currency_code())
      .EndObject();
}

void WriteLine(JsonWriter& json, const sales::OrderLine& line) {
  json.BeginObject()
      .Raw("line", absl::StrCat(line.line()))
      .Text("sku", line.sku())
      .TextIf("customerSku", line.customer_sku())
      .Text("quantity", line.quantity().value())
      .TextIf("unit", line.quantity().unit())
      .TextIf("baseQuantity", line.base_quantity())
      .Text("unitPrice", line.unit_price().amount())
      .Text("net", line.net().amount())
      .TextIf("note", line.note());
  if (!line.sources().empty()) {
    json.BeginArray("sources");
    for (const sales::LineSource& source : line.sources()) {
      json.BeginObject()
          .Text("location", source.location())
          .Text("baseQuantity", source.base_quantity())
          .EndObject();
    }
    json.EndArray();
  }
  json.EndObject();
}

void SetReason(v1::ExportRow& row, absl::string_view reason, absl::string_view message) {
  row.set_reason(std::string(reason));
  row.set_reason_message(std::string(message));
}

void ReportStuck(const std::string& order, const v1::ExportRow& row, engine::Turn& turn) {
  sales::OrderExportStuck stuck;
  stuck.set_order(order);
  stuck.set_reason(row.reason());
  stuck.set_message(row.reason_message());
  turn.Emit(kErpOrdersTopic, order, stuck);
}

std::vector<std::pair<std::string, std::string>> Headers(absl::string_view type,
                                                         const std::string& id) {
  return {{"content-type", "application/json"},
          {"weft_message_type", std::string(type)},
          {"weft_message_id", id}};
}

void Send(const ConnectionSettings& connection, v1::ExportRow& row, engine::Turn& turn) {
  const std::string& order = row.order().order();
  row.set_state(v1::EXPORT_STATE_SENT);
  row.set_send_us(absl::ToUnixMicros(turn.now()));
  row.clear_reason();
  row.clear_reason_message();
  turn.EmitRaw(connection.topic_out, order, Headers("order.place", order + "/place"),
               OrderPlaceText(row));
  turn.SetTimer(kAcknowledgeTimer, order, turn.now() + connection.acknowledge_within);
}

absl::Status OnReleased(const Settings& settings, const sales::OrderReleased& released,
                        engine::Turn& turn) {
  const std::string key = OrderKey(released.order());
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ExportRow> known, turn.Find(kExports, key));
  if (known.has_value()) return absl::OkStatus();
  v1::ExportRow row;
  *row.mutable_order() = released;
  row.set_release_us(absl::ToUnixMicros(turn.now()));
  const ConnectionSettings* connection = settings.ForOrders(turn.tenant());
  if (connection == nullptr) {
    row.set_state(v1::EXPORT_STATE_HELD);
    SetReason(row, "NO_ORDER_CONNECTION",
              "no connection takes this tenant's orders; set takes_orders on one, then send "
              "the export");
    ReportStuck(released.order(), row, turn);
  } else {
    row.set_connection(connection->name);
    switch (connection->mode) {
      case v1::CONNECTION_MODE_OBSERVE:
        row.set_state(v1::EXPORT_STATE_OBSERVED);
        break;
      case v1::CONNECTION_MODE_HOLD:
        row.set_state(v1::EXPORT_STATE_HELD);
        break;
      default:
        Send(*connection, row, turn);
        break;
    }
  }
  turn.Put(kExports, key, row);
  return absl::OkStatus();
}

void AnswerCancel(const sales::OrderCancelRequested& cancel, bool accepted,
                  absl::string_view reason, engine::Turn& turn) {
  sales::OrderCancelAnswered answer;
  answer.set_order(cancel.order());
  answer.set_accepted(accepted);
  *answer.mutable_lines() = cancel.lines();
  answer.set_reason(std::string(reason));
  answer.mutable_time()->set_seconds(absl::ToUnixSeconds(turn.now()));
  turn.Emit(kErpOrdersTopic, cancel.order(), answer);
}

absl::Status OnCancelRequested(const Settings& settings, const sales::OrderCancelRequested& cancel,
                               engine::Turn& turn) {
  const std::string key = OrderKey(cancel.order());
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ExportRow> known, turn.Find(kExports, key));
  if (!known.has_value()) {
    return FailedPrecondition("ORDER_UNKNOWN",
                              absl::StrCat("a cancel is asked for ", cancel.order(),
                                           ", which was never released to the ERP"));
  }
  v1::ExportRow& row = *known;
  if (!MayTake(static_cast<ExportPhase>(row.state()), ExportStep::kAskCancel)) {
    return absl::OkStatus();  // Refused or cancelled already: that was said.
  }
  if (row.state() == v1::EXPORT_STATE_HELD || row.state() == v1::EXPORT_STATE_OBSERVED) {
    // It never left the house, so the answer is ours.
    if (!cancel.lines().empty()) {
      AnswerCancel(cancel, false, "the order has not left yet; cancel it as a whole", turn);
      return absl::OkStatus();
    }
    row.set_state(v1::EXPORT_STATE_CANCELLED);
    turn.Put(kExports, key, row);
    AnswerCancel(cancel, true, "cancelled before it was sent", turn);
    return absl::OkStatus();
  }
  const auto connection = settings.connections.find(row.connection());
  if (connection == settings.connections.end()) {
    SetReason(row, "CONNECTION_UNKNOWN",
              absl::StrCat("the order went to connection '", row.connection(),
                           "', which is not configured any more"));
    ReportStuck(cancel.order(), row, turn);
    turn.Put(kExports, key, row);
    return absl::OkStatus();
  }
  row.set_cancel_pending(true);
  row.set_cancels(row.cancels() + 1);
  const std::string id = absl::StrCat(cancel.order(), "/cancel/", row.cancels());
  turn.EmitRaw(connection->second.topic_out, cancel.order(), Headers("order.cancel", id),
               OrderCancelText(row, cancel));
  turn.Put(kExports, key, row);
  return absl::OkStatus();
}

// ---- Answers ---------------------------------------------------------------

ExportStep StepOf(Kind kind, const google::protobuf::Message& event) {
  switch (kind) {
    case Kind::kOrderAcknowledged:
      return ExportStep::kAcknowledge;
    case Kind::kOrderRejected:
      return ExportStep::kReject;
    case Kind::kOrderShipped:
      return ExportStep::kShip;
    case Kind::kOrderCancelAnswered:
      return static_cast<const sales::OrderCancelAnswered&>(event).accepted()
                 ? ExportStep::kCancelAccepted
                 : ExportStep::kCancelRefused;
    default:
      return ExportStep::kInvoice;
  }
}

const std::string* OrderOf(Kind kind, const google::protobuf::Message& event) {
  switch (kind) {
    case Kind::kOrderAcknowledged:
      return &static_cast<const sales::OrderAcknowledged&>(event).order();
    case Kind::kOrderRejected:
      return &static_cast<const sales::OrderRejected&>(event).order();
    case Kind::kOrderShipped:
      return &static_cast<const sales::OrderShipped&>(event).order();
    case Kind::kOrderCancelAnswered:
      return &static_cast<const sales::OrderCancelAnswered&>(event).order();
    case Kind::kInvoice:
      return &static_cast<const sales::OrderInvoiced&>(event).order();
    default:
      return nullptr;
  }
}

using Lines = std::map<int32_t, const sales::OrderLine*>;

Problem UnknownLine(int32_t line, const std::string& order, int index) {
  return {"ORDER_LINE_UNKNOWN", absl::StrCat(order, " has no line ", line),
          absl::StrCat("$.data.lines[", index, "].line")};
}

Problem CheckAcknowledged(const sales::OrderAcknowledged& event, const Lines& lines) {
  for (int i = 0; i < event.lines_size(); ++i) {
    if (lines.count(event.lines(i).line()) == 0) {
      return UnknownLine(event.lines(i).line(), event.order(), i);
    }
  }
  return {};
}

// Fills in what the ERP may leave out.
Problem CompleteShipped(sales::OrderShipped& event, const Lines& lines) {
  for (int i = 0; i < event.lines_size(); ++i) {
    sales::ShippedLine& shipped = *event.mutable_lines(i);
    const auto found = lines.find(shipped.line());
    if (found == lines.end()) return UnknownLine(shipped.line(), event.order(), i);
    const sales::OrderLine& line = *found->second;
    if (shipped.sku().empty()) shipped.set_sku(line.sku());
    if (!shipped.base_quantity().empty()) continue;
    if (!line.base_quantity().empty() && line.base_quantity() != line.quantity().value()) {
      return {"BASE_QUANTITY_REQUIRED",
              absl::StrCat("line ", shipped.line(), " is ordered in ", line.quantity().unit(),
                           ", which is not the base unit; say baseQuantity"),
              absl::StrCat("$.data.lines[", i, "].baseQuantity")};
    }
    shipped.set_base_quantity(shipped.quantity());
  }
  return {};
}

Problem CheckInvoiced(const sales::OrderInvoiced& event, const v1::ExportRow& row,
                      const Lines& lines) {
  if (event.account() != row.order().account()) {
    return {"ORDER_ACCOUNT_DIFFERS",
            absl::StrCat(event.order(), " is of account ", row.order().account(), ", not ",
                         event.account()),
            "$.data.account"};
  }
  for (int i = 0; i < event.lines_size(); ++i) {
    if (event.lines(i).line() != 0 && lines.count(event.lines(i).line()) == 0) {
      return UnknownLine(event.lines(i).line(), event.order(), i);
    }
  }
  return {};
}

void Move(Kind kind, const google::protobuf::Message& event, v1::ExportRow& row,
          engine::Turn& turn) {
  row.set_answer_us(absl::ToUnixMicros(turn.now()));
  switch (kind) {
    case Kind::kOrderAcknowledged:
      row.set_state(v1::EXPORT_STATE_ACKNOWLEDGED);
      row.set_erp_order(static_cast<const sales::OrderAcknowledged&>(event).erp_order());
      break;
    case Kind::kOrderRejected:
      row.set_state(v1::EXPORT_STATE_REJECTED);
      SetReason(row, "REJECTED_BY_ERP",
                static_cast<const sales::OrderRejected&>(event).reason());
      break;
    case Kind::kOrderShipped:
      row.add_shipments(static_cast<const sales::OrderShipped&>(event).shipment());
      break;
    case Kind::kOrderCancelAnswered: {
      const auto& answer = static_cast<const sales::OrderCancelAnswered&>(event);
      row.set_cancel_pending(false);
      if (answer.accepted() && answer.lines().empty()) {
        row.set_state(v1::EXPORT_STATE_CANCELLED);
      }
      break;
    }
    default:
      row.add_invoices(static_cast<const sales::OrderInvoiced&>(event).invoice());
      break;
  }
  // Whatever it said, the ERP has the order: its fate is known.
  if (row.state() == v1::EXPORT_STATE_SENT || row.state() == v1::EXPORT_STATE_UNCERTAIN) {
    if (kind == Kind::kOrderShipped || kind == Kind::kInvoice) {
      row.set_state(v1::EXPORT_STATE_ACKNOWLEDGED);
    }
  }
  if (row.state() != v1::EXPORT_STATE_REJECTED && row.state() != v1::EXPORT_STATE_UNCERTAIN) {
    row.clear_reason();
    row.clear_reason_message();
  }
  if (row.state() != v1::EXPORT_STATE_SENT) {
    turn.CancelTimer(kAcknowledgeTimer, row.order().order());
  }
}

}  // namespace

std::string OrderPlaceText(const v1::ExportRow& row) {
  const sales::OrderReleased& order = row.order();
  JsonWriter json;
  json.BeginObject()
      .Text("type", "order.place")
      .Text("id", order.order() + "/place")
      .BeginObject("data")
      .Text("order", order.order())
      .Text("channel", order.channel())
      .Text("externalOrderId", order.external_order_id())
      .Text("account", order.account())
      .TextIf("user", order.user())
      .Text("time", TimeText(order.accept_time()))
      .Text("currencyCode", order.currency_code())
      .TextIf("buyerReference", order.buyer_reference())
      .TextIf("requestedDate", order.requested_date())
      .TextIf("terms", order.terms())
      .TextIf("costCentre", order.cost_centre())
      .TextIf("contact", order.contact())
      .TextIf("notes", order.notes())
      .TextIf("paymentReference", order.payment_reference())
      .Raw("partialDelivery", order.partial_delivery() ? "true" : "false");
  if (order.has_ship_to()) {
    const auto& to = order.ship_to();
    json.BeginObject("shipTo").TextIf("code", to.code()).TextIf("name", to.name());
    if (!to.lines().empty()) {
      json.BeginArray("lines");
      for (const std::string& line : to.lines()) json.Text("", line);
      json.EndArray();
    }
    json.TextIf("city", to.city())
        .TextIf("postalCode", to.postal_code())
        .TextIf("region", to.region())
        .TextIf("countryCode", to.country_code())
        .EndObject();
  }
  json.BeginArray("lines");
  for (const sales::OrderLine& line : order.lines()) WriteLine(json, line);
  json.EndArray();
  if (!order.charges().empty()) {
    json.BeginArray("charges");
    for (const sales::Charge& charge : order.charges()) {
      json.BeginObject().Text("kind", charge.kind());
      Write(json, "amount", charge.amount());
      json.EndObject();
    }
    json.EndArray();
  }
  Write(json, "total", order.total());
  return json.EndObject().EndObject().Take();
}

std::string OrderCancelText(const v1::ExportRow& row, const sales::OrderCancelRequested& cancel) {
  JsonWriter json;
  json.BeginObject()
      .Text("type", "order.cancel")
      .Text("id", absl::StrCat(cancel.order(), "/cancel/", row.cancels()))
      .BeginObject("data")
      .Text("order", cancel.order())
      .TextIf("erpOrder", row.erp_order());
  if (!cancel.lines().empty()) {
    json.BeginArray("lines");
    for (const int32_t line : cancel.lines()) json.Raw("", absl::StrCat(line));
    json.EndArray();
  }
  return json.TextIf("reason", cancel.reason()).EndObject().EndObject().Take();
}

absl::Status OnSalesOrder(const Settings& settings, const engine::Event& event,
                          engine::Turn& turn) {
  if (event.type == sales::OrderReleased::descriptor()->full_name()) {
    sales::OrderReleased released;
    if (!released.ParseFromString(event.payload)) {
      return DataLoss("EVENT_UNREADABLE", "an OrderReleased does not parse");
    }
    return OnReleased(settings, released, turn);
  }
  if (event.type == sales::OrderCancelRequested::descriptor()->full_name()) {
    sales::OrderCancelRequested cancel;
    if (!cancel.ParseFromString(event.payload)) {
      return DataLoss("EVENT_UNREADABLE", "an OrderCancelRequested does not parse");
    }
    return OnCancelRequested(settings, cancel, turn);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ExportRow> SendHeld(const Settings& settings, const std::string& order,
                                       engine::Turn& turn) {
  const std::string key = OrderKey(order);
  WEFT_ASSIGN_OR_RETURN(v1::ExportRow row, turn.Get(kExports, key));
  if (!MayTake(static_cast<ExportPhase>(row.state()), ExportStep::kSend)) {
    return FailedPrecondition("EXPORT_NOT_HELD",
                              absl::StrCat(order, " is not held; it was sent or is over"));
  }
  const ConnectionSettings* connection =
      row.connection().empty() ? settings.ForOrders(turn.tenant())
                               : settings.Find(turn.tenant(), row.connection());
  if (connection == nullptr) {
    return FailedPrecondition("NO_ORDER_CONNECTION",
                              "no connection takes this tenant's orders; set takes_orders on one");
  }
  row.set_connection(connection->name);
  Send(*connection, row, turn);
  turn.Put(kExports, key, row);
  return row;
}

void OnAcknowledgeDue(const engine::TimerFired& timer, engine::Turn& turn) {
  const std::string key = OrderKey(timer.key);
  absl::StatusOr<std::optional<v1::ExportRow>> found = turn.Find(kExports, key);
  if (!found.ok() || !found->has_value()) return;
  v1::ExportRow& row = **found;
  if (!MayTake(static_cast<ExportPhase>(row.state()), ExportStep::kTimeOut)) return;
  row.set_state(v1::EXPORT_STATE_UNCERTAIN);
  SetReason(row, "EXPORT_UNCERTAIN",
            "the ERP did not answer in time; look the order up there. It is not sent again");
  turn.Put(kExports, key, row);
  ReportStuck(timer.key, row, turn);
}

absl::Status TakeAnswer(const ConnectionSettings& connection, Kind kind,
                        google::protobuf::Message& event, engine::Turn& turn, Problem& problem) {
  const std::string* order = OrderOf(kind, event);
  if (order == nullptr || order->empty()) return absl::OkStatus();
  const std::string key = OrderKey(*order);
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ExportRow> known, turn.Find(kExports, key));
  if (!known.has_value() || known->connection() != connection.name) {
    problem = {"ORDER_UNKNOWN",
               absl::StrCat(*order, " was not sent to this connection"), "$.data.order"};
    return absl::OkStatus();
  }
  v1::ExportRow& row = *known;
  if (!MayTake(static_cast<ExportPhase>(row.state()), StepOf(kind, event))) {
    problem = {"ORDER_STATE_CONFLICT",
               absl::StrCat(*order, " is ", v1::ExportState_Name(row.state()),
                            "; a message of type ", InfoOf(kind).type, " contradicts that"),
               ""};
    return absl::OkStatus();
  }
  Lines lines;
  for (const sales::OrderLine& line : row.order().lines()) lines[line.line()] = &line;
  if (kind == Kind::kOrderAcknowledged) {
    problem = CheckAcknowledged(static_cast<const sales::OrderAcknowledged&>(event), lines);
  } else if (kind == Kind::kOrderShipped) {
    problem = CompleteShipped(static_cast<sales::OrderShipped&>(event), lines);
  } else if (kind == Kind::kInvoice) {
    problem = CheckInvoiced(static_cast<const sales::OrderInvoiced&>(event), row, lines);
  }
  if (problem.any()) return absl::OkStatus();
  Move(kind, event, row, turn);
  turn.Put(kExports, key, row);
  return absl::OkStatus();
}

}  // namespace weft::erp
