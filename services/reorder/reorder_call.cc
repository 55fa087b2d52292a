#include "services/reorder/reorder_call.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "services/reorder/app.h"
#include "services/reorder/convert.h"
#include "services/reorder/state.h"

namespace weft::reorder {
namespace {

std::string HashOf(const v1::ReorderOrderRequest& request) {
  v1::ReorderOrderRequest keyless = request;
  keyless.clear_request_id();
  const Sha256Digest digest = Sha256(keyless.SerializeAsString());
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

absl::Status SourceNotFound(const std::string& source) {
  return NotFound("SOURCE_NOT_FOUND", absl::StrCat("there is no ", source, " to buy again"),
                  {{"source", source}});
}

v1::SourceRow ToSource(const approval::v1::Order& order) {
  v1::SourceRow source;
  source.set_account(order.account());
  source.set_currency_code(order.currency_code());
  for (const approval::v1::OrderLine& line : order.lines()) {
    v1::SourceRow::Line* to = source.add_lines();
    to->set_line(line.line());
    to->set_sku(line.sku());
    *to->mutable_quantity() = line.quantity();
    *to->mutable_unit_price() = line.unit_price();
  }
  return source;
}

// True when the outcome of a call is known: done, or refused for good. The others the
// task repeats (engine::TaskExecutor).
bool IsKnown(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
      return false;
    default:
      return true;
  }
}

}  // namespace

ReorderCall::ReorderCall(engine::Shards& shards, const Neighbours& neighbours,
                         const Settings& settings, rpc::CallContext context,
                         v1::ReorderOrderRequest request, rpc::Reply<v1::Reorder> reply)
    : shards_(shards),
      neighbours_(neighbours),
      settings_(settings),
      context_(std::move(context)),
      request_(std::move(request)),
      reply_(std::move(reply)) {}

void ReorderCall::Start() {
  const absl::Status begun = Begin();
  if (!begun.ok()) return Finish(begun);
  if (answered_) return;
  if (!source_.lines().empty()) return Propose();
  if (absl::StartsWith(request_.source(), "orders/")) return AskOrder();
  Finish(SourceNotFound(request_.source()));
}

// Checks the request, answers a repeat, and looks for the source here.
absl::Status ReorderCall::Begin() {
  if (request_.request_id().empty()) {
    return InvalidArgument("REQUEST_ID_REQUIRED", "a reorder needs a request id",
                           {{"field", "requestId"}});
  }
  if (!absl::StartsWith(request_.source(), "orders/") &&
      !absl::StartsWith(request_.source(), "invoices/")) {
    return InvalidArgument("SOURCE_INVALID",
                           "name what to buy again as \"orders/<id>\" or "
                           "\"invoices/<invoice>\"",
                           {{"field", "source"}});
  }
  WEFT_ASSIGN_OR_RETURN(user_, ActingUser(context_.principal, request_.user()));
  id_ = DeriveId(context_.principal.tenant, kReorderMethod, request_.request_id());
  request_hash_ = HashOf(request_);

  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<engine::View> view,
                        shards_.Read(context_.principal.tenant));
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ReorderRow> earlier,
                        view->Find(kReorders, id_));
  if (earlier.has_value()) {
    if (earlier->request_hash() != request_hash_) {
      return InvalidArgument("REQUEST_ID_REUSED",
                             "this request id made another reorder; use a new one",
                             {{"reorder", earlier->reorder().name()}});
    }
    WEFT_RETURN_IF_ERROR(
        ActingAccount(context_.principal, earlier->reorder().account()).status());
    answered_ = true;
    Finish(earlier->reorder(), {.replayed = true});
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::SourceRow> source,
                        view->Find(kSources, request_.source()));
  if (source.has_value()) source_ = *source;
  return absl::OkStatus();
}

Asking ReorderCall::AskingNow(double share) const {
  return {.tenant = context_.principal.tenant,
          .user = user_,
          .traceparent = context_.traceparent,
          .timeout = std::min(settings_.neighbour_timeout, context_.Remaining() * share)};
}

// An order that has not been released is known to approval only.
void ReorderCall::AskOrder() {
  neighbours_.GetOrder(
      request_.source(), AskingNow(0.4),
      [self = shared_from_this()](absl::StatusOr<approval::v1::Order> order) {
        if (absl::IsNotFound(order.status())) {
          return self->Finish(SourceNotFound(self->request_.source()));
        }
        if (!order.ok()) return self->Finish(order.status());
        self->source_ = ToSource(*order);
        self->Propose();
      });
}

absl::Status ReorderCall::CheckLines() const {
  for (const int32_t wanted : request_.lines()) {
    const bool known =
        std::any_of(source_.lines().begin(), source_.lines().end(),
                    [&](const auto& line) { return line.line() == wanted; });
    if (!known) {
      return InvalidArgument("LINE_UNKNOWN",
                             absl::StrCat(request_.source(), " has no line ", wanted),
                             {{"field", "lines"}, {"line", absl::StrCat(wanted)}});
    }
  }
  return absl::OkStatus();
}

void ReorderCall::Propose() {
  // Another account's purchase cannot be told from one that does not exist.
  const absl::StatusOr<std::string> account =
      ActingAccount(context_.principal, source_.account());
  const bool named_other =
      !request_.account().empty() && request_.account() != source_.account();
  if (!account.ok() || *account != source_.account() || named_other) {
    return Finish(SourceNotFound(request_.source()));
  }
  if (const absl::Status checked = CheckLines(); !checked.ok()) return Finish(checked);

  absl::StatusOr<std::unique_ptr<engine::View>> view =
      shards_.Read(context_.principal.tenant);
  if (!view.ok()) return Finish(view.status());
  const auto find = [&](const std::string& sku) -> std::optional<Item> {
    const auto row = (*view)->Find(kItems, sku);
    if (!row.ok() || !row->has_value()) return std::nullopt;
    return ToItem(**row);
  };
  const auto& wanted = request_.lines();
  for (const SourceLine& line : ToLines(source_)) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), line.line) == wanted.end()) {
      continue;
    }
    lines_.push_back(reorder::Propose(line, find, request_.keep_items()));
  }
  view->reset();
  if (lines_.empty()) return Finish(SourceNotFound(request_.source()));
  AskStock();
}

void ReorderCall::AskStock() {
  std::set<std::string> skus;
  for (const ProposedLine& line : lines_) {
    if (line.orderable) skus.insert(line.sku);
  }
  if (skus.empty()) return Record();
  neighbours_.AskStock({skus.begin(), skus.end()}, AskingNow(0.4),
                       [self = shared_from_this()](std::map<std::string, StockAnswer> stock) {
                         ApplyStock(stock, self->lines_);
                         self->AskPrices();
                       });
}

// After the stock, because a smaller quantity may have another price.
void ReorderCall::AskPrices() {
  Neighbours::PriceQuestion question{
      .account = source_.account(),
      .channel = request_.channel().empty() ? context_.principal.channel : request_.channel(),
      .currency_code = request_.currency_code()};
  for (const ProposedLine& line : lines_) {
    if (!line.orderable) continue;
    question.lines.push_back({line.sku, line.quantity.Normalized().ToString(), line.unit});
  }
  if (question.lines.empty()) return Record();
  neighbours_.AskPrices(question, AskingNow(0.5),
                        [self = shared_from_this()](Neighbours::Prices prices) {
                          self->currency_code_ = prices.currency_code;
                          size_t next = 0;
                          for (ProposedLine& line : self->lines_) {
                            if (!line.orderable) continue;
                            ApplyPrice(prices.answers[next++], line);
                          }
                          self->Record();
                        });
}

void ReorderCall::Record() {
  v1::RecordReorderRequest record;
  record.set_request_id(request_.request_id());
  v1::ReorderRow& row = *record.mutable_row();
  row.set_request_hash(request_hash_);
  row.set_user(user_);
  v1::Reorder& reorder = *row.mutable_reorder();
  reorder.set_source(request_.source());
  reorder.set_account(source_.account());
  reorder.set_currency_code(currency_code_);
  reorder.set_state(v1::REORDER_STATE_PROPOSED);
  int orderable = 0;
  for (const ProposedLine& line : lines_) {
    *reorder.add_lines() = ToProto(line);
    if (line.orderable) ++orderable;
  }
  reorder.set_orderable_lines(orderable);
  if (const std::optional<Money> total = TotalOf(lines_)) {
    *reorder.mutable_total() = ToProto(*total);
  }

  if (request_.submit() && orderable == 0) {
    reorder.mutable_submit_reason()->set_reason("NOTHING_TO_ORDER");
    reorder.mutable_submit_reason()->set_message("no line can be ordered; see each line");
  } else if (request_.submit()) {
    reorder.set_state(v1::REORDER_STATE_SUBMITTING);
    approval::v1::SubmitOrderRequest submit;
    submit.set_request_id(SubmitKey(id_));
    submit.set_channel(request_.channel().empty() ? context_.principal.channel
                                                  : request_.channel());
    submit.set_external_order_id(request_.external_order_id());
    submit.set_account(source_.account());
    submit.set_user(user_);
    submit.set_currency_code(request_.currency_code());
    submit.set_buyer_reference(request_.buyer_reference());
    submit.set_requested_date(request_.requested_date());
    for (const ProposedLine& line : lines_) {
      if (!line.orderable) continue;
      approval::v1::NewLine* to = submit.add_lines();
      to->set_sku(line.sku);
      to->mutable_quantity()->set_value(line.quantity.Normalized().ToString());
      to->mutable_quantity()->set_unit(line.unit);
    }
    row.set_submit_request(submit.SerializeAsString());
  }

  engine::Command command;
  command.method = kReorderMethod;
  command.request_id = request_.request_id();
  command.principal = context_.principal;
  command.payload = record.SerializeAsString();
  // The same request is the same whatever the neighbours said this time.
  command.fingerprint = request_hash_;
  command.traceparent = context_.traceparent;
  command.timeout = context_.Remaining();
  shards_.Submit(std::move(command),
                 [self = shared_from_this()](absl::StatusOr<engine::Answer> answer) {
                   if (!answer.ok()) return self->Finish(answer.status());
                   v1::Reorder recorded;
                   if (!recorded.ParseFromString(answer->payload)) {
                     return self->Finish(Internal("the recorded reorder does not parse"));
                   }
                   self->Submit(std::move(recorded), {.replayed = answer->replayed,
                                                     .token = answer->token.ToText()});
                 });
}

void ReorderCall::Submit(v1::Reorder reorder, rpc::ReplyInfo info) {
  if (reorder.state() != v1::REORDER_STATE_SUBMITTING) return Finish(std::move(reorder), info);
  absl::StatusOr<std::unique_ptr<engine::View>> view =
      shards_.Read(context_.principal.tenant);
  if (!view.ok()) return Finish(std::move(reorder), info);
  const absl::StatusOr<std::optional<v1::ReorderRow>> row = (*view)->Find(kReorders, id_);
  if (!row.ok() || !row->has_value() || (*row)->submit_request().empty()) {
    // The task was faster.
    if (row.ok() && row->has_value()) reorder = (*row)->reorder();
    return Finish(std::move(reorder), info);
  }
  const std::string submit = (*row)->submit_request();
  view->reset();
  neighbours_.SubmitOrder(
      submit, AskingNow(0.8),
      [self = shared_from_this(), reorder, info](absl::StatusOr<std::string> answer) mutable {
        const absl::Status status = answer.status();
        if (IsKnown(status)) SetSubmitted(status, answer.ok() ? *answer : "", reorder);
        // Otherwise it stays SUBMITTING here; GetReorder tells what the task came to.
        self->Finish(std::move(reorder), info);
      });
}

void ReorderCall::Finish(absl::StatusOr<v1::Reorder> answer, rpc::ReplyInfo info) {
  reply_(std::move(answer), std::move(info));
}

}  // namespace weft::reorder
