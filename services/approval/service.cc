#include "services/approval/service.h"

#include "libs/base/error.h"
#include "libs/service/room.h"
#include "services/approval/program.h"
#include "services/approval/reads.h"
#include "services/approval/state.h"

namespace weft::approval {
namespace {

template <typename Request, typename Response>
void Read(rpc::MethodRegistry& methods, engine::Shards& shards, const std::string& method,
          absl::StatusOr<Response> (*read)(const rpc::CallContext&, const Request&,
                                           const engine::View&)) {
  service::BindRead<Request, Response>(methods, shards, method, read);
}

template <typename Request, typename Response>
void ReadPages(rpc::MethodRegistry& methods, engine::Shards& shards, const std::string& method,
               const PageTokens& tokens,
               absl::StatusOr<Response> (*read)(const PageTokens&, const rpc::CallContext&,
                                                const Request&, const engine::View&)) {
  service::BindRead<Request, Response>(
      methods, shards, method,
      [&tokens, read](const rpc::CallContext& context, const Request& request,
                      const engine::View& view) { return read(tokens, context, request, view); });
}

void StartWatch(engine::Shards& shards, OrderWatchers& watchers, const rpc::CallContext& context,
                const v1::WatchOrderRequest& request, rpc::Stream<v1::Order> stream) {
  const std::string id = IdOf(request.name(), "orders");
  v1::GetOrderRequest get;
  get.set_name(request.name());
  const auto read = [&]() -> absl::StatusOr<v1::Order> {
    WEFT_ASSIGN_OR_RETURN(const auto view, shards.Read(context.principal.tenant));
    return GetOrder(context, get, *view);
  };
  // Who may not see it is never registered.
  const absl::StatusOr<v1::Order> allowed = read();
  if (!allowed.ok()) return stream.Finish(allowed.status());
  const auto watcher = watchers.Add(context.principal.tenant, id, stream);
  const absl::StatusOr<v1::Order> order = read();
  if (!order.ok()) return stream.Finish(order.status());
  OrderWatchers::Show(watcher, *order);
}

}  // namespace

void BindService(rpc::MethodRegistry& methods, engine::Shards& shards, const PageTokens& tokens,
                 OrderWatchers& watchers) {
  const std::string quotes = kQuoteService;
  const std::string orders = kOrderService;
  const std::string approvals = kApprovalService;
  const std::string policies = kPolicyService;

  service::BindCommand<v1::CreateQuoteRequest>(methods, shards, quotes + "CreateQuote");
  service::BindCommand<v1::SendQuoteRequest>(methods, shards, quotes + "SendQuote");
  service::BindCommand<v1::AcceptQuoteRequest>(methods, shards, quotes + "AcceptQuote");
  service::BindCommand<v1::DeclineQuoteRequest>(methods, shards, quotes + "DeclineQuote");
  service::BindCommand<v1::SubmitOrderRequest>(methods, shards, orders + "SubmitOrder");
  service::BindCommand<v1::CancelOrderRequest>(methods, shards, orders + "CancelOrder");
  service::BindCommand<v1::DecideRequest>(methods, shards, approvals + "Decide");
  service::BindCommand<v1::SetPolicyRequest>(methods, shards, policies + "SetPolicy");

  Read(methods, shards, quotes + "GetQuote", &GetQuote);
  Read(methods, shards, orders + "GetOrder", &GetOrder);
  Read(methods, shards, approvals + "GetApproval", &GetApproval);
  Read(methods, shards, approvals + "VerifyAuditTrail", &VerifyAuditTrail);
  Read(methods, shards, policies + "GetPolicy", &GetPolicy);
  ReadPages(methods, shards, quotes + "ListQuotes", tokens, &ListQuotes);
  ReadPages(methods, shards, orders + "ListOrders", tokens, &ListOrders);
  ReadPages(methods, shards, approvals + "ListTasks", tokens, &ListTasks);
  ReadPages(methods, shards, approvals + "ListAuditEntries", tokens, &ListAuditEntries);

  methods.ServerStream<v1::WatchOrderRequest, v1::Order>(
      orders + "WatchOrder",
      [&shards, &watchers](const rpc::CallContext& context, const v1::WatchOrderRequest& request,
                           rpc::Stream<v1::Order> stream) {
        if (request.after().empty()) {
          return StartWatch(shards, watchers, context, request, std::move(stream));
        }
        const absl::StatusOr<engine::Token> token = engine::Token::FromText(request.after());
        if (!token.ok()) return stream.Finish(token.status());
        shards.WaitFor(context.principal.tenant, *token, context.Remaining(),
                       [&shards, &watchers, context, request, stream](absl::Status status) mutable {
                         if (!status.ok()) return stream.Finish(std::move(status));
                         StartWatch(shards, watchers, context, request, std::move(stream));
                       });
      });
}

}  // namespace weft::approval
