// What callers read, from a consistent view of their tenant's rows. A thing of
// an account that the caller may not act for is NOT_FOUND.
#pragma once

#include "absl/status/statusor.h"
#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "services/approval/page_token.h"
#include "weft/approval/v1/approval.pb.h"

namespace weft::approval {

absl::StatusOr<v1::Order> GetOrder(const rpc::CallContext& context,
                                   const v1::GetOrderRequest& request,
                                   const engine::View& view);
absl::StatusOr<v1::ListOrdersResponse> ListOrders(const PageTokens& tokens,
                                                  const rpc::CallContext& context,
                                                  const v1::ListOrdersRequest& request,
                                                  const engine::View& view);
absl::StatusOr<v1::Quote> GetQuote(const rpc::CallContext& context,
                                   const v1::GetQuoteRequest& request,
                                   const engine::View& view);
absl::StatusOr<v1::ListQuotesResponse> ListQuotes(const PageTokens& tokens,
                                                  const rpc::CallContext& context,
                                                  const v1::ListQuotesRequest& request,
                                                  const engine::View& view);
absl::StatusOr<v1::Approval> GetApproval(const rpc::CallContext& context,
                                         const v1::GetApprovalRequest& request,
                                         const engine::View& view);
absl::StatusOr<v1::ListTasksResponse> ListTasks(const PageTokens& tokens,
                                                const rpc::CallContext& context,
                                                const v1::ListTasksRequest& request,
                                                const engine::View& view);
absl::StatusOr<v1::ListAuditEntriesResponse> ListAuditEntries(
    const PageTokens& tokens, const rpc::CallContext& context,
    const v1::ListAuditEntriesRequest& request, const engine::View& view);
absl::StatusOr<v1::VerifyAuditTrailResponse> VerifyAuditTrail(
    const rpc::CallContext& context, const v1::VerifyAuditTrailRequest& request,
    const engine::View& view);
absl::StatusOr<v1::Policy> GetPolicy(const rpc::CallContext& context,
                                     const v1::GetPolicyRequest& request,
                                     const engine::View& view);

// Entries that one VerifyAuditTrail looks at; the caller goes on from there.
inline constexpr int64_t kVerifyMax = 100'000;

}  // namespace weft::approval
