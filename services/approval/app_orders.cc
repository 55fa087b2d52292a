// Orders: taken from a shop, cancelled.
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "services/approval/app.h"
#include "services/approval/app_common.h"
#include "services/approval/tasks.h"

namespace weft::approval::app {
namespace {

// What "the same content" means: everything but the request id, with what was
// left out filled in. The message has no map, so its bytes are defined.
std::string ContentHash(v1::SubmitOrderRequest request, const Buyer& buyer,
                        const std::string& external_order_id) {
  request.clear_request_id();
  request.set_account(buyer.account);
  request.set_user(buyer.user);
  request.set_channel(buyer.channel);
  request.set_currency_code(buyer.currency_code);
  request.set_external_order_id(external_order_id);
  request.DiscardUnknownFields();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&coded);
  }
  return Hex(Sha256(bytes));
}

absl::Status CheckTexts(const v1::SubmitOrderRequest& request) {
  WEFT_RETURN_IF_ERROR(CheckText("externalOrderId", request.external_order_id(), 100));
  WEFT_RETURN_IF_ERROR(CheckText("buyerReference", request.buyer_reference(), 100));
  WEFT_RETURN_IF_ERROR(CheckDate("requestedDate", request.requested_date()));
  WEFT_RETURN_IF_ERROR(CheckText("terms", request.terms(), 40));
  WEFT_RETURN_IF_ERROR(CheckText("costCentre", request.cost_centre(), 100));
  WEFT_RETURN_IF_ERROR(CheckText("contact", request.contact(), 200));
  WEFT_RETURN_IF_ERROR(CheckText("notes", request.notes(), 2000));
  WEFT_RETURN_IF_ERROR(CheckText("priceLock", request.price_lock(), kMaxPriceLock));
  WEFT_RETURN_IF_ERROR(CheckText("paymentReference", request.payment_reference(), 200));
  return CheckText("shipTo", request.ship_to().ShortDebugString(), 2000);
}

absl::Status OrderClosed(const v1::Order& order) {
  const char* state = OrderStateName(static_cast<OrderState>(order.state()));
  return FailedPrecondition("ORDER_CLOSED",
                            absl::StrCat(order.name(), " is ", state,
                                         ", there is nothing left to cancel"),
                            {{"state", state}});
}

// Asks the ERP; only its answer moves the order.
absl::StatusOr<v1::Order> AskErpToCancel(const Settings& settings,
                                         const v1::CancelOrderRequest& request,
                                         engine::Turn& turn, OrderWork& work) {
  v1::Order& order = *work.row.mutable_order();
  for (int32_t line : request.lines()) {
    if (line < 1 || line > order.lines_size()) {
      return InvalidArgument("LINE_INVALID",
                             absl::StrCat("the order has no line ", line),
                             {{"line", absl::StrCat(line)}});
    }
  }
  const auto& asked = work.row.saga().cancel_lines();
  const bool same = std::equal(asked.begin(), asked.end(), request.lines().begin(),
                               request.lines().end());
  if (order.cancel_state() == v1::CANCEL_STATE_REQUESTED && same) return order;

  order.set_cancel_state(v1::CANCEL_STATE_REQUESTED);
  *work.row.mutable_saga()->mutable_cancel_lines() = request.lines();
  sales::v1::OrderCancelRequested event;
  event.set_order(order.name());
  *event.mutable_lines() = request.lines();
  event.set_reason(request.reason());
  turn.Emit(kSalesTopic, order.name(), event);
  WEFT_RETURN_IF_ERROR(Audit(turn, {.action = "order.cancel_requested",
                                    .subject = order.name(),
                                    .subject_revision = order.revision(),
                                    .on_behalf_of = order.user(),
                                    .detail = request.reason()}));
  WEFT_RETURN_IF_ERROR(Advance(settings, turn, work, {}));
  return work.row.order();
}

}  // namespace

absl::StatusOr<v1::Order> SubmitOrder(const Settings& settings,
                                      const v1::SubmitOrderRequest& request,
                                      engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckTexts(request));
  WEFT_ASSIGN_OR_RETURN(const Buyer buyer,
                        ResolveBuyer(turn, request.account(), request.user(), request.channel(),
                                     request.currency_code()));
  WEFT_RETURN_IF_ERROR(CheckLines(request.lines(), buyer.currency_code));
  WEFT_RETURN_IF_ERROR(CheckCharges(request.charges(), buyer.currency_code));

  OrderWork work;
  work.id = turn.NewId("order");
  const std::string external_id =
      request.external_order_id().empty() ? work.id : request.external_order_id();
  const std::string content_hash = ContentHash(request, buyer, external_id);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ExternalIdRow> known,
                        turn.Find(kExternalIds, PairKey(buyer.channel, external_id)));
  if (known.has_value()) {
    if (known->content_hash() != content_hash) {
      return InvalidArgument(
          "ORDER_ID_REUSED",
          absl::StrCat("channel ", buyer.channel, " has an order ", external_id,
                       " with another content already; a new order needs a new id"),
          {{"channel", buyer.channel}, {"external_order_id", external_id}});
    }
    WEFT_ASSIGN_OR_RETURN(const v1::OrderRow row, turn.Get(kOrders, known->order()));
    return row.order();
  }

  v1::Order& order = *work.row.mutable_order();
  order.set_channel(buyer.channel);
  order.set_external_order_id(external_id);
  order.set_account(buyer.account);
  order.set_user(buyer.user);
  order.set_currency_code(buyer.currency_code);
  int number = 0;
  for (const v1::NewLine& line : request.lines()) *order.add_lines() = ToLine(line, ++number);
  *order.mutable_charges() = request.charges();
  order.set_buyer_reference(request.buyer_reference());
  if (request.has_ship_to()) *order.mutable_ship_to() = request.ship_to();
  order.set_requested_date(request.requested_date());
  order.set_terms(request.terms().empty() ? buyer.facts.terms() : request.terms());
  order.set_cost_centre(request.cost_centre());
  order.set_contact(request.contact());
  order.set_notes(request.notes());
  order.set_payment_reference(request.payment_reference());
  order.set_partial_delivery(request.partial_delivery());
  WEFT_RETURN_IF_ERROR(InsertOrder(turn, work, content_hash));

  turn.StartTask(PriceTask(kPriceTask, work.id,
                           {.account = order.account(),
                            .user = order.user(),
                            .channel = order.channel(),
                            .currency_code = order.currency_code(),
                            .as_of = turn.now(),
                            .price_lock = request.price_lock(),
                            .lines = &order.lines()}));
  WEFT_RETURN_IF_ERROR(Advance(settings, turn, work, {}));
  return work.row.order();
}

absl::StatusOr<v1::Order> CancelOrder(const Settings& settings,
                                      const v1::CancelOrderRequest& request,
                                      engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckText("reason", request.reason(), 500));
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOf(request.name(), "orders")));
  v1::Order& order = *work.row.mutable_order();
  WEFT_RETURN_IF_ERROR(CheckEtag(request.etag(), order.etag()));

  if (BeforeRelease(work.saga.state)) {
    if (!request.lines().empty()) {
      return FailedPrecondition("CANCEL_WHOLE_ONLY",
                                "before its release an order can only be cancelled as a whole");
    }
    const Effects effects = End(work.saga, {.state = OrderState::kCancelled,
                                            .reason = "CANCELLED",
                                            .message = request.reason().empty()
                                                           ? "cancelled before its release"
                                                           : request.reason()});
    WEFT_RETURN_IF_ERROR(Audit(turn, {.action = "order.cancel",
                                      .subject = order.name(),
                                      .subject_revision = order.revision(),
                                      .on_behalf_of = order.user(),
                                      .detail = request.reason()}));
    WEFT_RETURN_IF_ERROR(Advance(settings, turn, work, effects));
    return work.row.order();
  }
  if (work.saga.state == OrderState::kUndoing &&
      work.saga.ending->state == OrderState::kCancelled) {
    return order;  // Under way already.
  }
  if (!WithErp(work.saga.state) || IsFinal(work.saga.state) ||
      work.saga.state == OrderState::kShipped) {
    return OrderClosed(order);
  }
  return AskErpToCancel(settings, request, turn, work);
}

}  // namespace weft::approval::app
