// The order saga: the answers of its calls, its effects, its rows.
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/approval/app.h"
#include "services/approval/app_common.h"
#include "services/approval/tasks.h"
#include "weft/inventory/v1/inventory.pb.h"

namespace weft::approval::app {
namespace {

// A definite refusal of another room as the end of an order. What the room says
// about the order rejects it; what says that something is wrong with us fails it.
Ending EndingOf(const absl::Status& status, const char* otherwise) {
  Ending ending;
  const bool about_order = status.code() == absl::StatusCode::kFailedPrecondition ||
                           status.code() == absl::StatusCode::kNotFound ||
                           status.code() == absl::StatusCode::kInvalidArgument ||
                           status.code() == absl::StatusCode::kOutOfRange;
  ending.state = about_order ? OrderState::kRejected : OrderState::kFailed;
  ending.reason = ReasonOf(status);
  if (ending.reason.empty() || !about_order) ending.reason = otherwise;
  ending.message = std::string(status.message());
  ending.metadata = MetadataOf(status);
  return ending;
}

void StoreReservation(const inventory::v1::Reservation& reservation, v1::Order& order) {
  order.set_reservation(reservation.name());
  for (int i = 0; i < order.lines_size() && i < reservation.lines_size(); ++i) {
    const inventory::v1::ReservationLine& from = reservation.lines(i);
    v1::OrderLine& to = *order.mutable_lines(i);
    to.set_base_quantity(from.base_quantity());
    to.clear_sources();
    for (const inventory::v1::Allocation& allocation : from.allocations()) {
      v1::LineSource& source = *to.add_sources();
      source.set_location(allocation.location());
      source.set_base_quantity(allocation.base_quantity());
    }
  }
}

absl::Status CarryOut(const Settings& settings, engine::Turn& turn, OrderWork& work,
                      Effect effect) {
  v1::Order& order = *work.row.mutable_order();
  v1::SagaRow& saga = *work.row.mutable_saga();
  switch (effect) {
    case Effect::kReserve: {
      // The hold outlives the approval, so that its end gives the stock back and
      // not the clock; after the approval an hour is plenty to make it firm.
      const absl::Time until =
          std::max(FromProto(saga.deadline()), turn.now() + absl::Hours(1));
      engine::TaskSpec task = ReserveTask(work.id, order, until + settings.hold_grace);
      saga.set_reserve_key(task.key);
      turn.StartTask(std::move(task));
      return absl::OkStatus();
    }
    case Effect::kConfirm:
      turn.StartTask(ConfirmTask(work.id, order));
      return absl::OkStatus();
    case Effect::kRelease:
      StoreSaga(work.saga, work.row);
      turn.StartTask(ReleaseTask(work.id, work.row));
      return absl::OkStatus();
    case Effect::kOpenApproval:
      return OpenApproval(settings, turn, work);
    case Effect::kWithdrawApproval:
      return WithdrawApproval(turn, IdOf(order.approval(), "approvals"));
    case Effect::kExport:
      *order.mutable_release_time() = ToProto(turn.now());
      turn.Emit(kSalesTopic, order.name(), ToReleased(order));
      turn.SetTimer(kErpSilent, work.id,
                    turn.now() + absl::Seconds(saga.erp_answer_seconds()));
      return Audit(turn, {.action = "order.released",
                          .subject = order.name(),
                          .subject_revision = order.revision() + 1,
                          .on_behalf_of = order.user(),
                          .rule = saga.rule(),
                          .actor = "room"});
    case Effect::kClose:
      turn.Delete(kOpenOrders, PairKey(order.account(), work.id));
      turn.CancelTimer(kErpSilent, work.id);
      return Audit(turn, {.action = absl::StrCat("order.", work.saga.state == OrderState::kRejected
                                                               ? "rejected"
                                                           : work.saga.state ==
                                                                   OrderState::kCancelled
                                                               ? "cancelled"
                                                               : "failed"),
                          .subject = order.name(),
                          .subject_revision = order.revision() + 1,
                          .on_behalf_of = order.user(),
                          .rule = saga.rule(),
                          .detail = work.saga.ending->reason});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Ending>> CreditOf(const engine::RowReader& rows,
                                               const v1::Order& order, const Money& total) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::CreditRow> row,
                        rows.Find(kCredit, order.account()));
  if (!row.has_value() || !row->has_limit()) return std::optional<Ending>();
  std::vector<OpenOrder> open;
  WEFT_RETURN_IF_ERROR(rows.Scan(kOpenOrders, PrefixKey(order.account()),
                                 [&](absl::string_view key, const v1::OpenOrderRow& stored) {
                                   engine::KeyReader reader(key);
                                   std::string account;
                                   std::string id;
                                   reader.Next(account);
                                   reader.Next(id);
                                   open.push_back(ToOpenOrder(id, stored));
                                   return true;
                                 }));
  return CheckCredit(ToStanding(*row), open, total);
}

absl::Status Priced(const Settings& settings, const engine::TaskResult& result,
                    engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOfTask(result.key)));
  if (work.saga.state != OrderState::kPricing) return absl::OkStatus();  // Cancelled meanwhile.
  v1::Order& order = *work.row.mutable_order();
  const absl::StatusOr<std::vector<PricedLine>> priced = ReadPrices(result, order.lines_size());
  if (!priced.ok()) {
    return Advance(settings, turn, work,
                   OnChecked(work.saga, EndingOf(priced.status(), "PRICE_CHECK_FAILED")));
  }
  StorePrices(*priced, *order.mutable_lines());
  std::optional<Ending> refusal = CheckPrices(*priced, ExpectedOf(order));
  if (refusal.has_value()) {
    const absl::StatusOr<Money> total =
        TotalOf(order.lines(), order.charges(), order.currency_code());
    if (total.ok()) *order.mutable_total() = ToProto(*total);
    return Advance(settings, turn, work, OnChecked(work.saga, std::move(refusal)));
  }
  return CheckAndAdvance(settings, turn, work);
}

absl::Status Reserved(const Settings& settings, const engine::TaskResult& result,
                      engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOfTask(result.key)));
  std::optional<Ending> refusal;
  inventory::v1::Reservation reservation;
  if (!result.status.ok()) {
    refusal = EndingOf(result.status, "STOCK_HOLD_FAILED");
  } else if (reservation.ParseFromString(result.answer)) {
    StoreReservation(reservation, *work.row.mutable_order());
  }
  // An answer that cannot be read still means that stock is held: the undo by
  // key needs no name.
  const Effects effects = OnReserved(work.saga, std::move(refusal));
  return Advance(settings, turn, work, effects);
}

absl::Status Confirmed(const Settings& settings, const engine::TaskResult& result,
                       engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOfTask(result.key)));
  std::optional<Ending> refusal;
  if (!result.status.ok()) {
    refusal = Ending{.state = OrderState::kFailed,
                     .reason = "STOCK_HOLD_LOST",
                     .message = absl::StrCat("the stock hold could not be made firm: ",
                                             std::string(result.status.message())),
                     .metadata = {{"cause", ReasonOf(result.status)}}};
  }
  const Effects effects = OnConfirmed(work.saga, std::move(refusal));
  return Advance(settings, turn, work, effects);
}

absl::Status Released(const Settings& settings, const engine::TaskResult& result,
                      engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(OrderWork work, LoadOrder(turn, IdOfTask(result.key)));
  if (!result.status.ok()) {
    AddIncident(*work.row.mutable_order()->mutable_incidents(), "UNDO_REFUSED",
                absl::StrCat("the stock hold could not be given back: ",
                             std::string(result.status.message())),
                turn.now());
  }
  const Effects effects = OnReleased(work.saga);
  return Advance(settings, turn, work, effects);
}

}  // namespace

absl::StatusOr<OrderWork> LoadOrder(const engine::Turn& turn, const std::string& id) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::OrderRow> row, turn.Find(kOrders, id));
  // Events, timers and answers come without an account; callers see their own.
  if (!row.has_value() ||
      (!turn.request_id().empty() && !MaySee(turn.principal(), row->order().account()))) {
    return NotFound("ORDER_NOT_FOUND", absl::StrCat("there is no order orders/", id),
                    {{"order", absl::StrCat("orders/", id)}});
  }
  OrderWork work{.id = id, .row = *std::move(row), .saga = {}};
  work.saga = SagaOf(work.row);
  return work;
}

absl::Status InsertOrder(engine::Turn& turn, OrderWork& work, const std::string& content_hash) {
  v1::Order& order = *work.row.mutable_order();
  order.set_name(absl::StrCat("orders/", work.id));
  *order.mutable_create_time() = ToProto(turn.now());
  if (turn.principal().user != order.user()) {
    work.row.mutable_saga()->set_submitter(turn.principal().user);
  }
  v1::ExternalIdRow external;
  external.set_order(work.id);
  external.set_content_hash(content_hash);
  turn.Put(kExternalIds, PairKey(order.channel(), order.external_order_id()), external);
  v1::RefRow ref;
  ref.set_id(work.id);
  turn.Put(kOrdersByAccount, AccountNewestFirstKey(order.account(), turn.now(), work.id), ref);
  turn.Put(kOrdersByTime, NewestFirstKey(turn.now(), work.id), ref);
  return Audit(turn, {.action = "order.submitted",
                      .subject = order.name(),
                      .subject_revision = 1,
                      .on_behalf_of = order.user(),
                      .detail = order.quote()});
}

absl::Status Advance(const Settings& settings, engine::Turn& turn, OrderWork& work,
                     const Effects& effects) {
  v1::Order& order = *work.row.mutable_order();
  const v1::OrderState before = order.state();
  for (const Effect effect : effects) {
    WEFT_RETURN_IF_ERROR(CarryOut(settings, turn, work, effect));
  }
  StoreSaga(work.saga, work.row);
  order.set_revision(order.revision() + 1);
  order.set_etag(EtagOf(order.revision()));
  *order.mutable_update_time() = ToProto(turn.now());
  turn.Put(kOrders, work.id, work.row);
  // Others are told of states that last, not of those that wait for a neighbour's
  // answer; a watcher of the order sees those too.
  const bool passing = work.saga.state == OrderState::kHolding ||
                       work.saga.state == OrderState::kConfirming ||
                       work.saga.state == OrderState::kUndoing;
  if (order.state() != before && !passing) {
    sales::v1::OrderChanged event;
    event.set_order(order.name());
    event.set_account(order.account());
    event.set_state(OrderStateName(work.saga.state));
    event.set_reason(order.reason().reason());
    event.set_revision(order.revision());
    event.set_channel(order.channel());
    event.set_external_order_id(order.external_order_id());
    turn.Emit(kSalesTopic, order.name(), event);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Ending>> BlockOf(const engine::RowReader& rows,
                                              const std::string& account) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::AccountRow> row, rows.Find(kAccounts, account));
  if (row.has_value() && !row->order_blocked() && !row->deleted()) return std::optional<Ending>();
  return std::optional<Ending>(
      Ending{.state = OrderState::kRejected,
             .reason = "ACCOUNT_BLOCKED",
             .message = row.has_value() && !row->block_reason().empty()
                            ? absl::StrCat("no order may be taken from the account: ",
                                           row->block_reason())
                            : "no order may be taken from the account"});
}

absl::Status CheckAndAdvance(const Settings& settings, engine::Turn& turn, OrderWork& work) {
  v1::Order& order = *work.row.mutable_order();
  const absl::StatusOr<Money> total =
      TotalOf(order.lines(), order.charges(), order.currency_code());
  if (!total.ok()) {
    return Advance(settings, turn, work,
                   OnChecked(work.saga, EndingOf(total.status(), "PRICE_CHECK_FAILED")));
  }
  *order.mutable_total() = ToProto(*total);
  WEFT_ASSIGN_OR_RETURN(std::optional<Ending> refusal, BlockOf(turn, order.account()));
  if (!refusal.has_value()) {
    WEFT_ASSIGN_OR_RETURN(refusal, CreditOf(turn, order, *total));
  }
  WEFT_ASSIGN_OR_RETURN(const PolicyTerms terms, TermsFor(turn, settings, order.account()));
  v1::SagaRow& saga = *work.row.mutable_saga();
  saga.set_rule(terms.rule);
  saga.set_erp_answer_seconds(absl::ToInt64Seconds(terms.erp_answer_time));
  saga.set_approval_seconds(absl::ToInt64Seconds(terms.approval_time));
  *saga.mutable_deadline() = ToProto(turn.now() + terms.approval_time);
  work.saga.hold_rule = terms.hold;
  work.saga.needs_approval = NeedsApproval(terms, *total);
  if (!refusal.has_value()) {
    // From here on the order uses credit of its account; it gives it back by
    // ending, or by being in the ERP's balance.
    v1::OpenOrderRow open;
    open.set_external_order_id(order.external_order_id());
    *open.mutable_open() = order.total();
    turn.Put(kOpenOrders, PairKey(order.account(), work.id), open);
    if (!work.saga.needs_approval) {
      WEFT_RETURN_IF_ERROR(Audit(turn, {.action = "order.within_limit",
                                        .subject = order.name(),
                                        .subject_revision = order.revision() + 1,
                                        .on_behalf_of = order.user(),
                                        .rule = terms.rule,
                                        .detail = total->ToString(),
                                        .actor = "room"}));
    }
  }
  const Effects effects = OnChecked(work.saga, std::move(refusal));
  return Advance(settings, turn, work, effects);
}

// A row that cannot be read stops the shard: going on would lose the order.
void OnPrices(const Settings& settings, const engine::TaskResult& result, engine::Turn& turn) {
  WEFT_CHECK_OK(Priced(settings, result, turn));
}
void OnReserved(const Settings& settings, const engine::TaskResult& result, engine::Turn& turn) {
  WEFT_CHECK_OK(Reserved(settings, result, turn));
}
void OnConfirmed(const Settings& settings, const engine::TaskResult& result, engine::Turn& turn) {
  WEFT_CHECK_OK(Confirmed(settings, result, turn));
}
void OnReleased(const Settings& settings, const engine::TaskResult& result, engine::Turn& turn) {
  WEFT_CHECK_OK(Released(settings, result, turn));
}

}  // namespace weft::approval::app
