#include "services/approval/convert.h"

#include "libs/base/status_macros.h"

namespace weft::approval {
namespace {

// Amounts in our own rows were checked before they were stored.
Money Stored(const common::v1::Money& money) {
  absl::StatusOr<Money> parsed = FromProto(money);
  WEFT_CHECK_OK(parsed.status());
  return *parsed;
}

Decimal StoredDecimal(const std::string& text) {
  absl::StatusOr<Decimal> parsed = DecimalOr0(text);
  WEFT_CHECK_OK(parsed.status());
  return *parsed;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<int32_t>((time - absl::FromUnixSeconds(seconds)) / absl::Nanoseconds(1)));
  return proto;
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::StatusOr<Money> FromProto(const common::v1::Money& money) {
  return Money::Parse(money.amount(), money.currency_code());
}

common::v1::Money ToProto(const Money& money) {
  common::v1::Money proto;
  proto.set_amount(money.amount.ToString());
  proto.set_currency_code(money.currency.code());
  return proto;
}

common::v1::Reason ToProto(const Ending& ending) {
  common::v1::Reason proto;
  proto.set_reason(ending.reason);
  proto.set_message(ending.message);
  for (const auto& [key, value] : ending.metadata) (*proto.mutable_metadata())[key] = value;
  return proto;
}

absl::StatusOr<Decimal> DecimalOr0(const std::string& text) {
  if (text.empty()) return Decimal();
  return Decimal::Parse(text);
}

Saga SagaOf(const v1::OrderRow& row) {
  Saga saga;
  saga.state = static_cast<OrderState>(row.order().state());
  saga.hold = static_cast<Hold>(row.saga().hold());
  saga.hold_rule = row.saga().hold_rule() == v1::HOLD_RULE_APPROVED ? HoldRule::kApproved
                                                                    : HoldRule::kSubmit;
  saga.needs_approval = row.saga().needs_approval();
  saga.approved = row.saga().approved();
  if (row.saga().ending() != v1::ORDER_STATE_UNSPECIFIED) {
    Ending ending{.state = static_cast<OrderState>(row.saga().ending()),
                  .reason = row.saga().ending_reason().reason(),
                  .message = row.saga().ending_reason().message()};
    for (const auto& [key, value] : row.saga().ending_reason().metadata()) {
      ending.metadata.emplace_back(key, value);
    }
    saga.ending = std::move(ending);
  }
  return saga;
}

void StoreSaga(const Saga& saga, v1::OrderRow& row) {
  row.mutable_order()->set_state(static_cast<v1::OrderState>(saga.state));
  v1::SagaRow& stored = *row.mutable_saga();
  stored.set_hold(static_cast<v1::SagaRow::Hold>(saga.hold));
  stored.set_hold_rule(saga.hold_rule == HoldRule::kApproved ? v1::HOLD_RULE_APPROVED
                                                             : v1::HOLD_RULE_SUBMIT);
  stored.set_needs_approval(saga.needs_approval);
  stored.set_approved(saga.approved);
  if (saga.ending.has_value()) {
    stored.set_ending(static_cast<v1::OrderState>(saga.ending->state));
    *stored.mutable_ending_reason() = ToProto(*saga.ending);
    *row.mutable_order()->mutable_reason() = stored.ending_reason();
  }
}

LineQuantities FromProto(const v1::LineQuantities& quantities) {
  return {.ordered = StoredDecimal(quantities.ordered()),
          .confirmed = StoredDecimal(quantities.confirmed()),
          .backordered = StoredDecimal(quantities.backordered()),
          .shipped = StoredDecimal(quantities.shipped()),
          .delivered = StoredDecimal(quantities.delivered()),
          .invoiced = StoredDecimal(quantities.invoiced()),
          .credited = StoredDecimal(quantities.credited()),
          .returned = StoredDecimal(quantities.returned()),
          .cancelled = StoredDecimal(quantities.cancelled())};
}

v1::LineQuantities ToProto(const LineQuantities& quantities) {
  v1::LineQuantities proto;
  proto.set_ordered(quantities.ordered.ToString());
  proto.set_confirmed(quantities.confirmed.ToString());
  proto.set_backordered(quantities.backordered.ToString());
  proto.set_shipped(quantities.shipped.ToString());
  proto.set_delivered(quantities.delivered.ToString());
  proto.set_invoiced(quantities.invoiced.ToString());
  proto.set_credited(quantities.credited.ToString());
  proto.set_returned(quantities.returned.ToString());
  proto.set_cancelled(quantities.cancelled.ToString());
  return proto;
}

std::vector<LineQuantities> QuantitiesOf(const v1::Order& order) {
  std::vector<LineQuantities> lines;
  lines.reserve(static_cast<size_t>(order.lines_size()));
  for (const v1::OrderLine& line : order.lines()) lines.push_back(FromProto(line.quantities()));
  return lines;
}

std::vector<Expected> ExpectedOf(const v1::Order& order) {
  std::vector<Expected> expected;
  expected.reserve(static_cast<size_t>(order.lines_size()));
  for (const v1::OrderLine& line : order.lines()) {
    Expected shown;
    if (line.has_expected_unit_price()) shown.unit_price = Stored(line.expected_unit_price());
    if (line.has_expected_net()) shown.net = Stored(line.expected_net());
    expected.push_back(shown);
  }
  return expected;
}

Person ToPerson(const std::string& user, const v1::UserRow& row) {
  Person person;
  person.user = user;
  person.account = row.account();
  for (const v1::UserRow::Grant& grant : row.roles()) {
    person.grants.push_back({grant.role(), grant.account(), grant.organisation()});
  }
  person.manager = row.manager();
  if (row.has_approval_limit()) person.limit = Stored(row.approval_limit());
  person.substitute = row.substitute();
  person.disabled = row.disabled();
  return person;
}

OpenQuestion ToQuestion(const v1::ApprovalRow& row) {
  const v1::Approval& approval = row.approval();
  OpenQuestion question;
  question.state = static_cast<ApprovalState>(approval.state());
  for (const v1::Assignee& assignee : approval.assignees()) {
    question.assignees.push_back({.user = assignee.user(), .role = assignee.role()});
  }
  if (!approval.requester().empty()) question.requesters.push_back(approval.requester());
  if (!row.submitter().empty()) question.requesters.push_back(row.submitter());
  question.total = Stored(approval.total());
  question.scope = {.account = approval.account(), .organisation = row.organisation()};
  return question;
}

PolicyTerms ToTerms(const v1::Policy& policy, const Settings& settings) {
  PolicyTerms terms = settings.builtin;
  terms.rule = policy.name() + "#" + std::to_string(policy.revision());
  terms.approval_off = policy.approval_off();
  for (const common::v1::Money& limit : policy.approval_limits()) {
    terms.limits.push_back(Stored(limit));
  }
  terms.ask_managers = policy.approvers() != v1::APPROVER_RULE_ROLE;
  if (!policy.approver_role().empty()) terms.role = policy.approver_role();
  terms.hold =
      policy.hold() == v1::HOLD_RULE_APPROVED ? HoldRule::kApproved : HoldRule::kSubmit;
  if (policy.has_approval_time()) terms.approval_time = FromProto(policy.approval_time());
  if (policy.has_quote_time()) terms.quote_time = FromProto(policy.quote_time());
  if (policy.has_erp_answer_time()) terms.erp_answer_time = FromProto(policy.erp_answer_time());
  return terms;
}

CreditStanding ToStanding(const v1::CreditRow& row) {
  CreditStanding standing;
  if (row.has_limit()) standing.limit = Stored(row.limit());
  if (row.has_open_balance()) standing.open_balance = Stored(row.open_balance());
  standing.watermark = FromProto(row.watermark());
  standing.contained_orders.insert(row.contained_orders().begin(), row.contained_orders().end());
  return standing;
}

OpenOrder ToOpenOrder(const std::string& order, const v1::OpenOrderRow& row) {
  OpenOrder open{.order = order,
                 .external_order_id = row.external_order_id(),
                 .erp_order = row.erp_order(),
                 .open = Stored(row.open())};
  for (const v1::Invoice& invoice : row.invoices()) {
    open.invoices.push_back({.time = FromProto(invoice.time()), .net = Stored(invoice.net())});
  }
  return open;
}

AuditEntry FromProto(const v1::AuditEntry& entry) {
  return {.sequence = entry.sequence(),
          .time = FromProto(entry.time()),
          .actor = entry.actor(),
          .on_behalf_of = entry.on_behalf_of(),
          .action = entry.action(),
          .subject = entry.subject(),
          .subject_revision = entry.subject_revision(),
          .rule = entry.rule(),
          .detail = entry.detail(),
          .previous_hash = entry.previous_hash(),
          .hash = entry.hash()};
}

v1::AuditEntry ToProto(const AuditEntry& entry) {
  v1::AuditEntry proto;
  proto.set_sequence(entry.sequence);
  *proto.mutable_time() = ToProto(entry.time);
  proto.set_actor(entry.actor);
  proto.set_on_behalf_of(entry.on_behalf_of);
  proto.set_action(entry.action);
  proto.set_subject(entry.subject);
  proto.set_subject_revision(entry.subject_revision);
  proto.set_rule(entry.rule);
  proto.set_detail(entry.detail);
  proto.set_previous_hash(entry.previous_hash);
  proto.set_hash(entry.hash);
  return proto;
}

sales::v1::OrderReleased ToReleased(const v1::Order& order) {
  sales::v1::OrderReleased released;
  released.set_order(order.name());
  released.set_channel(order.channel());
  released.set_external_order_id(order.external_order_id());
  released.set_account(order.account());
  *released.mutable_accept_time() = order.create_time();
  released.set_currency_code(order.currency_code());
  for (const v1::OrderLine& line : order.lines()) {
    sales::v1::OrderLine& out = *released.add_lines();
    out.set_line(line.line());
    out.set_sku(line.sku());
    *out.mutable_quantity() = line.quantity();
    *out.mutable_unit_price() = line.unit_price();
    *out.mutable_net() = line.net();
    out.set_decision_id(line.decision_id());
    out.set_customer_sku(line.customer_sku());
    out.set_note(line.note());
    out.set_base_quantity(line.base_quantity());
    for (const v1::LineSource& source : line.sources()) {
      sales::v1::LineSource& part = *out.add_sources();
      part.set_location(source.location());
      part.set_base_quantity(source.base_quantity());
    }
  }
  *released.mutable_total() = order.total();
  released.set_buyer_reference(order.buyer_reference());
  if (order.has_ship_to()) *released.mutable_ship_to() = order.ship_to();
  released.set_requested_date(order.requested_date());
  released.set_terms(order.terms());
  released.set_cost_centre(order.cost_centre());
  released.set_contact(order.contact());
  released.set_notes(order.notes());
  for (const v1::Charge& charge : order.charges()) {
    sales::v1::Charge& out = *released.add_charges();
    out.set_kind(charge.kind());
    *out.mutable_amount() = charge.amount();
  }
  released.set_payment_reference(order.payment_reference());
  released.set_partial_delivery(order.partial_delivery());
  released.set_reservation(order.reservation());
  released.set_user(order.user());
  return released;
}

}  // namespace weft::approval
