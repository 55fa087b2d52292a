// `weft order`: submit, get, list, watch, cancel, reorder.
#include <ostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "tools/weft/commands.h"
#include "tools/weft/table.h"
#include "weft/approval/v1/approval.pb.h"
#include "weft/reorder/v1/reorder.pb.h"

namespace weft::cli {
namespace {

namespace v1 = approval::v1;

std::string ShowState(const v1::Order& order) {
  return ShowEnum(v1::OrderState_Name(order.state()), "ORDER_STATE_");
}

std::string OrderPath(const std::string& id, const std::string& verb = "") {
  const std::string name = Named("orders", id);
  return absl::StrCat("/v1/orders/", Segment(name.substr(7)), verb);
}

// "SKU=QUANTITY[:UNIT]"; a SKU may hold '=' and ':', a quantity may not.
absl::Status ParseLine(const std::string& text, v1::NewLine& line) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return InvalidArgument("LINE_MALFORMED",
                           absl::StrCat("'", text, "' is no line; write SKU=QUANTITY or "
                                                   "SKU=QUANTITY:UNIT, such as 85123A=6:EA"));
  }
  line.set_sku(text.substr(0, equals));
  const std::string quantity = text.substr(equals + 1);
  const size_t colon = quantity.find(':');
  line.mutable_quantity()->set_value(quantity.substr(0, colon));
  if (colon != std::string::npos) line.mutable_quantity()->set_unit(quantity.substr(colon + 1));
  return absl::OkStatus();
}

// "sent" → ORDER_STATE_SENT.
absl::Status ParseState(const std::string& text, v1::OrderState& state) {
  const std::string name = absl::StrCat(
      "ORDER_STATE_", absl::StrReplaceAll(absl::AsciiStrToUpper(text), {{"-", "_"}, {" ", "_"}}));
  if (v1::OrderState_Parse(name, &state) && state != v1::ORDER_STATE_UNSPECIFIED) {
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (int i = 1; i <= v1::OrderState_MAX; ++i) {
    names.push_back(absl::StrReplaceAll(
        ShowEnum(v1::OrderState_Name(static_cast<v1::OrderState>(i)), "ORDER_STATE_"),
        {{" ", "-"}}));
  }
  return InvalidArgument("STATE_UNKNOWN", absl::StrCat("'", text, "' is no state of an order; use ",
                                                       absl::StrJoin(names, ", ")));
}

void ShowOrder(const v1::Order& order, std::ostream& out) {
  out << "order      " << order.name() << "\n"
      << "state      " << ShowState(order) << "\n"
      << "account    " << OrDash(order.account()) << "\n"
      << "channel    " << OrDash(order.channel()) << "  " << order.external_order_id() << "\n"
      << "total      " << Show(order.total()) << "\n";
  if (!order.approval().empty()) out << "approval   " << order.approval() << "\n";
  if (!order.erp_order().empty()) out << "erp order  " << order.erp_order() << "\n";
  if (!order.reason().reason().empty()) {
    out << "reason     " << order.reason().reason() << ": " << order.reason().message() << "\n";
  }
  for (const v1::Incident& incident : order.incidents()) {
    if (!incident.has_resolve_time()) {
      out << "incident   " << incident.reason() << ": " << incident.message() << "\n";
    }
  }
  out << "updated    " << Show(order.update_time()) << "\n\n";
  Table table({{"line", Table::Align::kRight},
               {"sku"},
               {"quantity", Table::Align::kRight},
               {"unit price", Table::Align::kRight},
               {"net", Table::Align::kRight},
               {"shipped", Table::Align::kRight},
               {"note"}});
  for (const v1::OrderLine& line : order.lines()) {
    table.Add({absl::StrCat(line.line()), line.sku(), Show(line.quantity()),
               Show(line.unit_price()), Show(line.net()), OrDash(line.quantities().shipped()),
               line.reason().reason()});
  }
  table.Print(out);
}

int ShowOne(Session& session, const absl::Status& status, const v1::Order& order) {
  if (!status.ok()) return session.Fail(status, "order");
  if (session.json()) {
    session.PrintJson(order);
  } else {
    ShowOrder(order, session.terminal().out);
  }
  return kOk;
}

bool Ended(v1::OrderState state) {
  return state == v1::ORDER_STATE_INVOICED || state == v1::ORDER_STATE_REJECTED ||
         state == v1::ORDER_STATE_CANCELLED || state == v1::ORDER_STATE_FAILED;
}

}  // namespace

int OrderSubmit(Session& session, const OrderSubmitOptions& options) {
  const std::string id = session.RequestId();
  v1::SubmitOrderRequest request;
  for (const std::string& line : options.lines) {
    if (const auto s = ParseLine(line, *request.add_lines()); !s.ok()) {
      return session.Fail(s, "order submit");
    }
  }
  request.set_account(options.account);
  request.set_user(session.common().user);
  request.set_channel(options.channel);
  request.set_external_order_id(options.external_id.empty() ? id : options.external_id);
  request.set_currency_code(options.currency);
  request.set_buyer_reference(options.reference);
  request.set_requested_date(options.requested_date);
  request.set_notes(options.notes);
  v1::Order order;
  return ShowOne(session, session.Mutate("/v1/orders", request, id, order), order);
}

int OrderGet(Session& session, const std::string& id) {
  v1::Order order;
  return ShowOne(session, session.Get(OrderPath(id), order), order);
}

int OrderList(Session& session, const OrderListOptions& options) {
  v1::OrderState state = v1::ORDER_STATE_UNSPECIFIED;
  if (!options.state.empty()) {
    if (const auto s = ParseState(options.state, state); !s.ok()) {
      return session.Fail(s, "order list");
    }
  }
  v1::ListOrdersResponse all;
  do {
    v1::ListOrdersResponse page;
    const auto status = session.Get(
        absl::StrCat("/v1/orders",
                     Query({{"account", options.account},
                            {"state", state == 0 ? "" : v1::OrderState_Name(state)},
                            {"pageSize", absl::StrCat(std::min(options.limit, 100))},
                            {"pageToken", all.next_page_token()}})),
        page);
    if (!status.ok()) return session.Fail(status, "order");
    all.mutable_orders()->MergeFrom(page.orders());
    all.set_next_page_token(page.next_page_token());
  } while (!all.next_page_token().empty() && all.orders_size() < options.limit);
  while (all.orders_size() > options.limit) all.mutable_orders()->RemoveLast();
  if (session.json()) {
    session.PrintJson(all);
    return kOk;
  }
  Table table({{"order"},
               {"state"},
               {"account"},
               {"channel"},
               {"external id"},
               {"total", Table::Align::kRight},
               {"updated"}});
  for (const v1::Order& order : all.orders()) {
    table.Add({order.name(), ShowState(order), order.account(), order.channel(),
               order.external_order_id(), Show(order.total()), Show(order.update_time())});
  }
  table.Print(session.terminal().out);
  return kOk;
}

int OrderWatch(Session& session, const OrderWatchOptions& options) {
  v1::OrderState until = v1::ORDER_STATE_UNSPECIFIED;
  if (!options.until.empty()) {
    if (const auto s = ParseState(options.until, until); !s.ok()) {
      return session.Fail(s, "order watch");
    }
  }
  v1::Order order;
  bool reached = false;
  const auto status = session.Watch(OrderPath(options.id, ":watch"), order, [&] {
    if (session.json()) {
      session.PrintJson(order);
    } else {
      session.terminal().out << Show(order.update_time()) << "  " << ShowState(order);
      if (!order.erp_order().empty()) session.terminal().out << "  " << order.erp_order();
      if (!order.reason().reason().empty()) {
        session.terminal().out << "  " << order.reason().reason() << ": "
                               << order.reason().message();
      }
      session.terminal().out << "\n" << std::flush;
    }
    reached = until == v1::ORDER_STATE_UNSPECIFIED ? Ended(order.state()) : order.state() == until;
    return !reached && !Ended(order.state());
  });
  if (!status.ok()) return session.Fail(status, "order");
  // The state waited for did not come, and no other will.
  if (!reached && until != v1::ORDER_STATE_UNSPECIFIED) return kConflict;
  return kOk;
}

int OrderCancel(Session& session, const OrderCancelOptions& options) {
  v1::CancelOrderRequest request;
  request.set_reason(options.reason);
  for (const int line : options.lines) request.add_lines(line);
  v1::Order order;
  return ShowOne(session,
                 session.Mutate(OrderPath(options.id, ":cancel"), request, session.RequestId(),
                                order),
                 order);
}

int OrderReorder(Session& session, const OrderReorderOptions& options) {
  reorder::v1::ReorderOrderRequest request;
  request.set_account(options.account);
  request.set_user(session.common().user);
  request.set_submit(options.submit);
  request.set_external_order_id(options.external_id);
  reorder::v1::Reorder answer;
  const auto status =
      session.Mutate(OrderPath(options.id, ":reorder"), request, session.RequestId(), answer);
  if (!status.ok()) return session.Fail(status, "order");
  if (session.json()) {
    session.PrintJson(answer);
    return kOk;
  }
  std::ostream& out = session.terminal().out;
  out << "reorder    " << answer.name() << "\n"
      << "state      "
      << ShowEnum(reorder::v1::ReorderState_Name(answer.state()), "REORDER_STATE_") << "\n"
      << "total      " << Show(answer.total()) << "\n";
  if (!answer.order().empty()) out << "order      " << answer.order() << "\n";
  if (!answer.submit_reason().reason().empty()) {
    out << "reason     " << answer.submit_reason().reason() << ": "
        << answer.submit_reason().message() << "\n";
  }
  out << "\n";
  Table table({{"line", Table::Align::kRight},
               {"sku"},
               {"quantity", Table::Align::kRight},
               {"outcome"},
               {"was", Table::Align::kRight},
               {"now", Table::Align::kRight},
               {"note"}});
  for (const reorder::v1::ReorderLine& line : answer.lines()) {
    std::vector<std::string> notes;
    for (const auto& reason : line.reasons()) {
      notes.push_back(reason.message().empty() ? reason.reason() : reason.message());
    }
    table.Add({absl::StrCat(line.line()), line.sku(), Show(line.quantity()),
               ShowEnum(reorder::v1::ReorderOutcome_Name(line.outcome()), "REORDER_OUTCOME_"),
               Show(line.source_unit_price()), Show(line.unit_price()),
               absl::StrJoin(notes, "; ")});
  }
  table.Print(out);
  return kOk;
}

}  // namespace weft::cli
