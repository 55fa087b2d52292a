#include "services/approval/reads.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/approval/app_common.h"
#include "services/approval/convert.h"
#include "services/approval/state.h"

namespace weft::approval {
namespace {

// Rows looked at for one page; a page may then be short, its token goes on.
constexpr int kScanMax = 5000;

absl::Status Missing(const char* reason, const std::string& name) {
  return NotFound(reason, absl::StrCat("there is no ", name), {{"name", name}});
}

absl::Status CursorBroken() {
  return InvalidArgument("PAGE_TOKEN_INVALID", "the page token is not one of this list");
}

// One page of an index, newest first: `load` reads the thing behind a row and
// says whether it is wanted.
template <typename Row, typename Load>
absl::StatusOr<std::string> ReadPage(const engine::View& view, const engine::Table<Row>& index,
                                     const std::string& prefix, const std::string& cursor,
                                     int size, const Load& load) {
  std::string next;
  int taken = 0;
  int seen = 0;
  absl::Status status;
  WEFT_RETURN_IF_ERROR(view.Scan(
      index, prefix,
      [&](absl::string_view key, const Row& row) {
        if (taken == size || seen == kScanMax) {
          next = std::string(key);
          return false;
        }
        ++seen;
        const absl::StatusOr<bool> wanted = load(row);
        if (!wanted.ok()) {
          status = wanted.status();
          return false;
        }
        if (*wanted) ++taken;
        return true;
      },
      cursor));
  WEFT_RETURN_IF_ERROR(status);
  return next;
}

}  // namespace

absl::StatusOr<v1::Order> GetOrder(const rpc::CallContext& context,
                                   const v1::GetOrderRequest& request,
                                   const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::OrderRow> row,
                        view.Find(kOrders, IdOf(request.name(), "orders")));
  if (!row.has_value() || !app::MaySee(context.principal, row->order().account())) {
    return Missing("ORDER_NOT_FOUND", request.name());
  }
  return std::move(*row->mutable_order());
}

absl::StatusOr<v1::ListOrdersResponse> ListOrders(const PageTokens& tokens,
                                                  const rpc::CallContext& context,
                                                  const v1::ListOrdersRequest& request,
                                                  const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const int size, PageSize(request.page_size()));
  WEFT_ASSIGN_OR_RETURN(const std::string account,
                        ActingAccount(context.principal, request.account()));
  const auto wanted = [&](const v1::Order& order) {
    return app::MaySee(context.principal, order.account()) &&
           (account.empty() || order.account() == account) &&
           (request.state() == v1::ORDER_STATE_UNSPECIFIED || order.state() == request.state()) &&
           (request.channel().empty() || order.channel() == request.channel()) &&
           (request.external_order_id().empty() ||
            order.external_order_id() == request.external_order_id());
  };
  v1::ListOrdersResponse response;
  if (!request.external_order_id().empty()) {
    if (request.channel().empty()) {
      return InvalidArgument("FIELD_INVALID", "externalOrderId needs a channel",
                             {{"field", "channel"}});
    }
    WEFT_ASSIGN_OR_RETURN(
        const std::optional<v1::ExternalIdRow> external,
        view.Find(kExternalIds, PairKey(request.channel(), request.external_order_id())));
    if (!external.has_value()) return response;
    WEFT_ASSIGN_OR_RETURN(const v1::OrderRow row, view.Get(kOrders, external->order()));
    if (wanted(row.order())) *response.add_orders() = row.order();
    return response;
  }

  const std::string binding = absl::StrCat("orders ", context.principal.tenant, " ", account, " ",
                                           request.state(), " ", request.channel());
  WEFT_ASSIGN_OR_RETURN(const std::string cursor, tokens.Read(binding, request.page_token()));
  const auto load = [&](const v1::RefRow& ref) -> absl::StatusOr<bool> {
    WEFT_ASSIGN_OR_RETURN(v1::OrderRow row, view.Get(kOrders, ref.id()));
    if (!wanted(row.order())) return false;
    *response.add_orders() = std::move(*row.mutable_order());
    return true;
  };
  WEFT_ASSIGN_OR_RETURN(
      const std::string next,
      account.empty()
          ? ReadPage(view, kOrdersByTime, "", cursor, size, load)
          : ReadPage(view, kOrdersByAccount, PrefixKey(account), cursor, size, load));
  response.set_next_page_token(tokens.Make(binding, next));
  return response;
}

absl::StatusOr<v1::Quote> GetQuote(const rpc::CallContext& context,
                                   const v1::GetQuoteRequest& request,
                                   const engine::View& view) {
  const std::string id = IdOf(request.name(), "quotes");
  WEFT_ASSIGN_OR_RETURN(
      std::optional<v1::Quote> quote,
      request.revision() == 0 ? view.Find(kQuotes, id)
                              : view.Find(kQuoteRevisions, PairKey(id, request.revision())));
  if (!quote.has_value() || !app::MaySee(context.principal, quote->account())) {
    return Missing("QUOTE_NOT_FOUND", request.name());
  }
  return *std::move(quote);
}

absl::StatusOr<v1::ListQuotesResponse> ListQuotes(const PageTokens& tokens,
                                                  const rpc::CallContext& context,
                                                  const v1::ListQuotesRequest& request,
                                                  const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const int size, PageSize(request.page_size()));
  WEFT_ASSIGN_OR_RETURN(const std::string account,
                        ActingAccount(context.principal, request.account()));
  const std::string binding =
      absl::StrCat("quotes ", context.principal.tenant, " ", account, " ", request.state());
  WEFT_ASSIGN_OR_RETURN(const std::string cursor, tokens.Read(binding, request.page_token()));
  v1::ListQuotesResponse response;
  const auto load = [&](const v1::RefRow& ref) -> absl::StatusOr<bool> {
    WEFT_ASSIGN_OR_RETURN(v1::Quote quote, view.Get(kQuotes, ref.id()));
    if (!app::MaySee(context.principal, quote.account()) ||
        (request.state() != v1::QUOTE_STATE_UNSPECIFIED && quote.state() != request.state())) {
      return false;
    }
    *response.add_quotes() = std::move(quote);
    return true;
  };
  WEFT_ASSIGN_OR_RETURN(
      const std::string next,
      account.empty()
          ? ReadPage(view, kQuotesByTime, "", cursor, size, load)
          : ReadPage(view, kQuotesByAccount, PrefixKey(account), cursor, size, load));
  response.set_next_page_token(tokens.Make(binding, next));
  return response;
}

absl::StatusOr<v1::Approval> GetApproval(const rpc::CallContext& context,
                                         const v1::GetApprovalRequest& request,
                                         const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::ApprovalRow> row,
                        view.Find(kApprovals, IdOf(request.name(), "approvals")));
  if (!row.has_value() || !app::MaySee(context.principal, row->approval().account())) {
    return Missing("APPROVAL_NOT_FOUND", request.name());
  }
  return std::move(*row->mutable_approval());
}

absl::StatusOr<v1::ListTasksResponse> ListTasks(const PageTokens& tokens,
                                                const rpc::CallContext& context,
                                                const v1::ListTasksRequest& request,
                                                const engine::View& view) {
  const Principal& principal = context.principal;
  WEFT_ASSIGN_OR_RETURN(const int size, PageSize(request.page_size()));
  Decider decider;
  WEFT_ASSIGN_OR_RETURN(decider.user, ActingUser(principal, request.user()));
  if (decider.user.empty()) {
    return InvalidArgument("USER_REQUIRED", "name the user whose tasks to list",
                           {{"field", "user"}});
  }
  const std::string binding = absl::StrCat("tasks ", principal.tenant, " ", decider.user);
  WEFT_ASSIGN_OR_RETURN(const std::string cursor, tokens.Read(binding, request.page_token()));
  int64_t from_time = INT64_MIN;
  std::string from_id;
  if (!cursor.empty()) {
    engine::KeyReader reader(cursor);
    if (!reader.Next(from_time) || !reader.Next(from_id)) return CursorBroken();
  }

  // Every list the user may find a question in.
  const app::StoredDirectory directory(view);
  WEFT_ASSIGN_OR_RETURN(decider.person, directory.Find(decider.user));
  std::set<std::string> assignees{absl::StrCat("user/", decider.user)};
  if (decider.person.has_value()) {
    for (const Grant& grant : decider.person->grants) {
      assignees.insert(absl::StrCat("role/", grant.role));
    }
  }
  if (decider.user == principal.user) {
    decider.token_roles.assign(principal.roles.begin(), principal.roles.end());
    for (const std::string& role : principal.roles) {
      assignees.insert(absl::StrCat("role/", role));
    }
  }
  WEFT_RETURN_IF_ERROR(view.Scan(kSubstitutes, PrefixKey(decider.user),
                                 [&](absl::string_view, const v1::RefRow& ref) {
                                   assignees.insert(absl::StrCat("user/", ref.id()));
                                   return assignees.size() < 1000;
                                 }));

  // Oldest first over all lists: one page from each, merged.
  struct Found {
    int64_t created;
    std::string id;
    v1::Approval approval;
    auto operator<=>(const Found& other) const {
      if (created != other.created) return created <=> other.created;
      return id <=> other.id;
    }
    bool operator==(const Found& other) const {
      return created == other.created && id == other.id;
    }
  };
  std::vector<Found> found;
  for (const std::string& assignee : assignees) {
    const std::string prefix = PrefixKey(assignee);
    const std::string start =
        cursor.empty() ? "" : engine::Key().Add(assignee).Add(from_time).Add(from_id).Take();
    int taken = 0;
    absl::Status status;
    WEFT_RETURN_IF_ERROR(view.Scan(
        kTasks, prefix,
        [&](absl::string_view key, const v1::RefRow& ref) {
          if (key == absl::string_view(start)) return true;  // The last one of the page before.
          const auto one = [&]() -> absl::Status {
            engine::KeyReader reader(key);
            std::string list;
            Found hit;
            reader.Next(list);
            reader.Next(hit.created);
            reader.Next(hit.id);
            WEFT_ASSIGN_OR_RETURN(v1::ApprovalRow row, view.Get(kApprovals, ref.id()));
            if (!app::MaySee(principal, row.approval().account())) return absl::OkStatus();
            const OpenQuestion question = ToQuestion(row);
            std::string stood_in_for;
            WEFT_ASSIGN_OR_RETURN(const bool asked,
                                  IsAsked(directory, question, decider, stood_in_for));
            const bool own = std::find(question.requesters.begin(), question.requesters.end(),
                                       decider.user) != question.requesters.end();
            if (!asked || own) return absl::OkStatus();
            hit.approval = std::move(*row.mutable_approval());
            found.push_back(std::move(hit));
            ++taken;
            return absl::OkStatus();
          };
          status = one();
          return status.ok() && taken <= size;
        },
        start));
    WEFT_RETURN_IF_ERROR(status);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  v1::ListTasksResponse response;
  const bool more = found.size() > static_cast<size_t>(size);
  if (more) found.resize(static_cast<size_t>(size));
  for (Found& hit : found) *response.add_approvals() = std::move(hit.approval);
  if (more) {
    response.set_next_page_token(tokens.Make(
        binding, engine::Key().Add(found.back().created).Add(found.back().id).Take()));
  }
  return response;
}

absl::StatusOr<v1::ListAuditEntriesResponse> ListAuditEntries(
    const PageTokens& tokens, const rpc::CallContext& context,
    const v1::ListAuditEntriesRequest& request, const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const int size, PageSize(request.page_size()));
  const std::string binding =
      absl::StrCat("audit ", context.principal.tenant, " ", request.subject());
  WEFT_ASSIGN_OR_RETURN(const std::string cursor, tokens.Read(binding, request.page_token()));
  v1::ListAuditEntriesResponse response;
  std::string next;
  if (request.subject().empty()) {
    WEFT_ASSIGN_OR_RETURN(next, ReadPage(view, kAudit, "", cursor, size,
                                         [&](const v1::AuditEntry& entry) -> absl::StatusOr<bool> {
                                           *response.add_entries() = entry;
                                           return true;
                                         }));
  } else {
    WEFT_ASSIGN_OR_RETURN(
        next, ReadPage(view, kAuditBySubject, PrefixKey(request.subject()), cursor, size,
                       [&](const v1::RefRow& ref) -> absl::StatusOr<bool> {
                         WEFT_ASSIGN_OR_RETURN(*response.add_entries(),
                                               view.Get(kAudit, NumberKey(std::stoll(ref.id()))));
                         return true;
                       }));
  }
  response.set_next_page_token(tokens.Make(binding, next));
  return response;
}

absl::StatusOr<v1::VerifyAuditTrailResponse> VerifyAuditTrail(
    const rpc::CallContext& context, const v1::VerifyAuditTrailRequest& request,
    const engine::View& view) {
  if (request.from_sequence() < 0) {
    return InvalidArgument("FIELD_INVALID", "fromSequence is negative",
                           {{"field", "fromSequence"}});
  }
  const int64_t first = std::max<int64_t>(request.from_sequence(), 1);
  std::string before = first == 1 ? NoHash() : request.from_hash();
  if (first > 1 && before.empty()) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::AuditEntry> entry,
                          view.Find(kAudit, NumberKey(first - 1)));
    if (entry.has_value()) before = entry->hash();
  }
  ChainVerifier verifier(context.principal.tenant, first, before);
  int64_t entries = 0;
  bool more = false;
  WEFT_RETURN_IF_ERROR(view.Scan(
      kAudit, "",
      [&](absl::string_view, const v1::AuditEntry& entry) {
        if (entries == kVerifyMax) {
          more = true;
          return false;
        }
        ++entries;
        return verifier.Take(FromProto(entry));
      },
      NumberKey(first)));
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::AuditHeadRow> head, view.Find(kAuditHead, ""));

  v1::VerifyAuditTrailResponse response;
  int64_t broken = verifier.broken();
  // Entries cut off at the end leave the head behind.
  if (broken == 0 && !more && head.has_value() &&
      (head->sequence() != verifier.last_sequence() || head->hash() != verifier.last_hash()) &&
      first <= head->sequence() + 1) {
    broken = verifier.last_sequence() + 1;
  }
  response.set_intact(broken == 0);
  response.set_entries(verifier.last_sequence() - first + 1);
  response.set_last_sequence(verifier.last_sequence());
  response.set_last_hash(verifier.last_hash());
  response.set_broken_sequence(broken);
  response.set_complete(broken == 0 && !more);
  return response;
}

absl::StatusOr<v1::Policy> GetPolicy(const rpc::CallContext& /*context*/,
                                     const v1::GetPolicyRequest& request,
                                     const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::Policy> policy,
                        view.Find(kPolicies, IdOf(request.name(), "policies")));
  if (!policy.has_value()) return Missing("POLICY_NOT_FOUND", request.name());
  return *std::move(policy);
}

}  // namespace weft::approval
