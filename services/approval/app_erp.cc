// The ERP's word on released orders. Each message is applied once: the engine
// drops repeated events, and shipments and invoices are known by their numbers.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/approval/app.h"
#include "services/approval/app_common.h"

namespace weft::approval::app {
namespace {

constexpr char kSilent[] = "ERP_SILENT";

template <typename Message>
absl::StatusOr<Message> Parse(const engine::Event& event) {
  Message message;
  if (!message.ParseFromString(event.payload)) {
    return DataLoss("EVENT_UNREADABLE", absl::StrCat("an event ", event.type, " does not parse"));
  }
  return message;
}

absl::StatusOr<int> LineAt(const v1::Order& order, int line) {
  if (line >= 1 && line <= order.lines_size()) return line - 1;
  return InvalidArgument("LINE_UNKNOWN", absl::StrCat(order.name(), " has no line ", line),
                         {{"line", absl::StrCat(line)}});
}

absl::StatusOr<Decimal> QuantityIn(const std::string& text) {
  absl::StatusOr<Decimal> quantity = DecimalOr0(text);
  if (quantity.ok()) return quantity;
  return InvalidArgument("QUANTITY_INVALID",
                         absl::StrCat("\"", text.substr(0, 40), "\" is no quantity"));
}

// Something the ERP said does not fit where the order stands: a person looks.
absl::Status Unexpected(const Settings& settings, engine::Turn& turn, OrderWork& work,
                        const std::string& what) {
  AddIncident(*work.row.mutable_order()->mutable_incidents(), "ERP_EVENT_UNEXPECTED",
              absl::StrCat("the ERP says ", what, " of an order that is ",
                           OrderStateName(work.saga.state)),
              turn.now());
  return Advance(settings, turn, work, {});
}

void Heard(engine::Turn& turn, OrderWork& work) {
  turn.CancelTimer(kErpSilent, work.id);
  std::vector<std::string> reasons{kSilent};
  for (const v1::Incident& incident : work.row.order().incidents()) {
    if (absl::StartsWith(incident.reason(), "EXPORT_")) reasons.push_back(incident.reason());
  }
  ResolveIncidents(*work.row.mutable_order()->mutable_incidents(), reasons, turn.now());
}

// What of the order the ERP's balance does not contain yet.
absl::Status StoreOpen(engine::Turn& turn, const OrderWork& work) {
  const v1::Order& order = work.row.order();
  const std::string key = PairKey(order.account(), work.id);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::CreditRow> credit,
                        turn.Find(kCredit, order.account()));
  v1::OpenOrderRow row;
  row.set_external_order_id(order.external_order_id());
  row.set_erp_order(order.erp_order());
  WEFT_ASSIGN_OR_RETURN(Money open, Money::Parse("0", order.currency_code()));
  const bool invoiced = work.saga.state == OrderState::kInvoiced;
  if (!invoiced) {
    for (const v1::OrderLine& line : order.lines()) {
      const LineQuantities quantities = FromProto(line.quantities());
      WEFT_ASSIGN_OR_RETURN(const Decimal left,
                            Subtract(quantities.Wanted(), quantities.invoiced));
      if (left.sign() <= 0) continue;
      WEFT_ASSIGN_OR_RETURN(const Money net, FromProto(line.net()));
      WEFT_ASSIGN_OR_RETURN(const Money weighted, Multiply(net, left));
      WEFT_ASSIGN_OR_RETURN(const Money part, Divide(weighted, quantities.ordered));
      WEFT_ASSIGN_OR_RETURN(const Money rounded, Round(part));
      WEFT_ASSIGN_OR_RETURN(open, Add(open, rounded));
    }
    for (const v1::Charge& charge : order.charges()) {
      WEFT_ASSIGN_OR_RETURN(const Money amount, FromProto(charge.amount()));
      WEFT_ASSIGN_OR_RETURN(open, Add(open, amount));
    }
  }
  *row.mutable_open() = ToProto(open);
  for (const v1::Invoice& invoice : order.invoices()) {
    if (credit.has_value() && FromProto(invoice.time()) <= FromProto(credit->watermark())) {
      continue;
    }
    *row.add_invoices() = invoice;
  }
  if (open.amount.is_zero() && row.invoices().empty()) {
    turn.Delete(kOpenOrders, key);
  } else {
    turn.Put(kOpenOrders, key, row);
  }
  return absl::OkStatus();
}

// Derives the state from the lines and goes on.
absl::Status Progress(const Settings& settings, engine::Turn& turn, OrderWork& work,
                      const Ending& if_nothing_is_left) {
  const std::vector<LineQuantities> lines = QuantitiesOf(work.row.order());
  const OrderState derived = Derive(lines, work.row.saga().acknowledged());
  Effects effects;
  if (derived == OrderState::kCancelled) {
    if (CanEnd(work.saga)) effects = End(work.saga, if_nothing_is_left);
  } else {
    effects = OnProgress(work.saga, derived, PartCancelled(lines));
  }
  if (WithErp(work.saga.state)) WEFT_RETURN_IF_ERROR(StoreOpen(turn, work));
  if (work.saga.state == OrderState::kInvoiced) turn.CancelTimer(kErpSilent, work.id);
  return Advance(settings, turn, work, effects);
}

absl::Status OnAcknowledged(const Settings& settings, const engine::Event& event,
                            engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const auto message, Parse<sales::v1::OrderAcknowledged>(event));
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOf(message.order(), "orders")));
  if (!WithErp(work.saga.state)) {
    return Unexpected(settings, turn, work, "it took the order");
  }
  v1::Order& order = *work.row.mutable_order();
  v1::SagaRow& saga = *work.row.mutable_saga();
  order.set_erp_order(message.erp_order());
  Heard(turn, work);
  // An older acknowledgement says nothing about the lines any more.
  if (saga.acknowledged() && FromProto(message.time()) < FromProto(saga.acknowledge_time())) {
    return Progress(settings, turn, work, {});
  }
  saga.set_acknowledged(true);
  *saga.mutable_acknowledge_time() = message.time();
  std::vector<bool> named(static_cast<size_t>(order.lines_size()), false);
  for (const sales::v1::AcknowledgedLine& line : message.lines()) {
    WEFT_ASSIGN_OR_RETURN(const int at, LineAt(order, line.line()));
    v1::OrderLine& to = *order.mutable_lines(at);
    Acknowledged ack;
    WEFT_ASSIGN_OR_RETURN(ack.confirmed, QuantityIn(line.confirmed()));
    WEFT_ASSIGN_OR_RETURN(ack.backordered, QuantityIn(line.backordered()));
    WEFT_ASSIGN_OR_RETURN(ack.rejected, QuantityIn(line.rejected()));
    LineQuantities quantities = FromProto(to.quantities());
    WEFT_RETURN_IF_ERROR(Acknowledge(quantities, ack));
    *to.mutable_quantities() = ToProto(quantities);
    if (ack.rejected.sign() > 0) {
      to.mutable_reason()->set_reason("ERP_REJECTED");
      to.mutable_reason()->set_message(line.reason());
    }
    if (line.has_unit_price()) {
      const absl::StatusOr<Money> theirs = FromProto(line.unit_price());
      const absl::StatusOr<Money> ours = FromProto(to.unit_price());
      if (!theirs.ok() || !ours.ok() || *theirs != *ours) {
        AddIncident(*order.mutable_incidents(), "PRICE_DIFFERS",
                    absl::StrCat("the ERP has line ", line.line(), " at ",
                                 line.unit_price().amount(), " ",
                                 line.unit_price().currency_code(), ", agreed was ",
                                 to.unit_price().amount()),
                    turn.now());
      }
    }
    named[static_cast<size_t>(at)] = true;
  }
  for (int i = 0; i < order.lines_size(); ++i) {
    if (named[static_cast<size_t>(i)]) continue;
    LineQuantities quantities = FromProto(order.lines(i).quantities());
    quantities.confirmed = quantities.Wanted();
    quantities.backordered = Decimal();
    *order.mutable_lines(i)->mutable_quantities() = ToProto(quantities);
  }
  return Progress(settings, turn, work,
                  {.state = OrderState::kRejected,
                   .reason = "ERP_REJECTED",
                   .message = "the ERP refused every line"});
}

absl::Status OnRejected(const Settings& settings, const engine::Event& event,
                        engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const auto message, Parse<sales::v1::OrderRejected>(event));
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOf(message.order(), "orders")));
  if (!WithErp(work.saga.state) || !CanEnd(work.saga)) {
    return Unexpected(settings, turn, work, "it refused the order");
  }
  Heard(turn, work);
  const Effects effects = End(work.saga, {.state = OrderState::kRejected,
                                          .reason = "ERP_REJECTED",
                                          .message = message.reason()});
  return Advance(settings, turn, work, effects);
}

absl::Status OnShipped(const Settings& settings, const engine::Event& event,
                       engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const auto message, Parse<sales::v1::OrderShipped>(event));
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOf(message.order(), "orders")));
  v1::Order& order = *work.row.mutable_order();
  for (const v1::Shipment& shipment : order.shipments()) {
    if (shipment.shipment() == message.shipment()) return absl::OkStatus();
  }
  if (!WithErp(work.saga.state)) {
    return Unexpected(settings, turn, work, absl::StrCat("shipment ", message.shipment()));
  }
  for (const sales::v1::ShippedLine& line : message.lines()) {
    WEFT_ASSIGN_OR_RETURN(const int at, LineAt(order, line.line()));
    WEFT_ASSIGN_OR_RETURN(const Decimal quantity, QuantityIn(line.quantity()));
    LineQuantities quantities = FromProto(order.lines(at).quantities());
    WEFT_RETURN_IF_ERROR(Ship(quantities, quantity));
    *order.mutable_lines(at)->mutable_quantities() = ToProto(quantities);
  }
  v1::Shipment& shipment = *order.add_shipments();
  shipment.set_shipment(message.shipment());
  shipment.set_tracking(message.tracking());
  *shipment.mutable_time() = message.time();
  Heard(turn, work);
  return Progress(settings, turn, work, {});
}

absl::Status OnInvoiced(const Settings& settings, const engine::Event& event,
                        engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const auto message, Parse<sales::v1::OrderInvoiced>(event));
  if (message.order().empty()) return absl::OkStatus();  // Not an order of ours.
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOf(message.order(), "orders")));
  v1::Order& order = *work.row.mutable_order();
  for (const v1::Invoice& invoice : order.invoices()) {
    if (invoice.invoice() == message.invoice()) return absl::OkStatus();
  }
  if (!WithErp(work.saga.state)) {
    return Unexpected(settings, turn, work, absl::StrCat("invoice ", message.invoice()));
  }
  WEFT_ASSIGN_OR_RETURN(Money net, Money::Parse("0", message.currency_code()));
  for (const sales::v1::InvoicedLine& line : message.lines()) {
    WEFT_ASSIGN_OR_RETURN(const Money amount, FromProto(line.net()));
    WEFT_ASSIGN_OR_RETURN(net, Add(net, amount));
    if (line.line() == 0) continue;  // Freight and the like.
    WEFT_ASSIGN_OR_RETURN(const int at, LineAt(order, line.line()));
    WEFT_ASSIGN_OR_RETURN(const Decimal quantity, QuantityIn(line.quantity().value()));
    LineQuantities quantities = FromProto(order.lines(at).quantities());
    WEFT_RETURN_IF_ERROR(Invoice(quantities, quantity));
    *order.mutable_lines(at)->mutable_quantities() = ToProto(quantities);
  }
  v1::Invoice& invoice = *order.add_invoices();
  invoice.set_invoice(message.invoice());
  *invoice.mutable_net() = ToProto(net);
  *invoice.mutable_time() = message.time();
  Heard(turn, work);
  return Progress(settings, turn, work, {});
}

absl::Status OnCancelAnswered(const Settings& settings, const engine::Event& event,
                              engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const auto message, Parse<sales::v1::OrderCancelAnswered>(event));
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOf(message.order(), "orders")));
  if (!WithErp(work.saga.state)) {
    return Unexpected(settings, turn, work, "it answered a cancel");
  }
  v1::Order& order = *work.row.mutable_order();
  Heard(turn, work);
  order.set_cancel_state(message.accepted() ? v1::CANCEL_STATE_ACCEPTED
                                            : v1::CANCEL_STATE_REFUSED);
  WEFT_RETURN_IF_ERROR(
      Audit(turn, {.action = message.accepted() ? "order.cancel_accepted" : "order.cancel_refused",
                   .subject = order.name(),
                   .subject_revision = order.revision(),
                   .detail = message.reason(),
                   .actor = "room"}));
  if (!message.accepted()) return Advance(settings, turn, work, {});
  for (int i = 0; i < order.lines_size(); ++i) {
    const bool meant = message.lines().empty() ||
                       std::find(message.lines().begin(), message.lines().end(), i + 1) !=
                           message.lines().end();
    if (!meant) continue;
    LineQuantities quantities = FromProto(order.lines(i).quantities());
    WEFT_RETURN_IF_ERROR(CancelOpen(quantities));
    *order.mutable_lines(i)->mutable_quantities() = ToProto(quantities);
  }
  return Progress(settings, turn, work,
                  {.state = OrderState::kCancelled,
                   .reason = "CANCELLED",
                   .message = message.reason().empty() ? "the ERP cancelled the order"
                                                       : message.reason()});
}

absl::Status OnExportStuck(const Settings& settings, const engine::Event& event,
                           engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const auto message, Parse<sales::v1::OrderExportStuck>(event));
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOf(message.order(), "orders")));
  AddIncident(*work.row.mutable_order()->mutable_incidents(), message.reason(),
              message.message(), turn.now());
  return Advance(settings, turn, work, {});
}

absl::Status Silent(const Settings& settings, const engine::TimerFired& timer,
                    engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, timer.key));
  if (work.saga.state != OrderState::kSent) return absl::OkStatus();
  AddIncident(*work.row.mutable_order()->mutable_incidents(), kSilent,
              "the ERP has not answered in the policy's time; the order stays sent", turn.now());
  return Advance(settings, turn, work, {});
}

}  // namespace

absl::Status OnErpEvent(const Settings& settings, const engine::Event& event,
                        engine::Turn& turn) {
  if (event.tombstone) return absl::OkStatus();
  if (event.type == "weft.sales.v1.OrderAcknowledged") {
    return OnAcknowledged(settings, event, turn);
  }
  if (event.type == "weft.sales.v1.OrderRejected") return OnRejected(settings, event, turn);
  if (event.type == "weft.sales.v1.OrderShipped") return OnShipped(settings, event, turn);
  if (event.type == "weft.sales.v1.OrderInvoiced") return OnInvoiced(settings, event, turn);
  if (event.type == "weft.sales.v1.OrderCancelAnswered") {
    return OnCancelAnswered(settings, event, turn);
  }
  if (event.type == "weft.sales.v1.OrderExportStuck") return OnExportStuck(settings, event, turn);
  return absl::OkStatus();  // A newer room says more than this one knows.
}

void OnErpSilent(const Settings& settings, const engine::TimerFired& timer, engine::Turn& turn) {
  WEFT_CHECK_OK(Silent(settings, timer, turn));
}

}  // namespace weft::approval::app
