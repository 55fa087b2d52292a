#include "services/reorder/service.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/service/room.h"
#include "services/reorder/app.h"
#include "services/reorder/history.h"
#include "services/reorder/reorder_call.h"
#include "services/reorder/state.h"

namespace weft::reorder {
namespace {

absl::StatusOr<v1::Reorder> GetReorder(const rpc::CallContext& context,
                                       const v1::GetReorderRequest& request,
                                       const engine::View& view) {
  absl::string_view id = request.name();
  const bool named = absl::ConsumePrefix(&id, "reorders/");
  const auto not_found = [&] {
    return NotFound("REORDER_NOT_FOUND", absl::StrCat("there is no ", request.name()),
                    {{"reorder", request.name()}});
  };
  if (!named) return not_found();
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ReorderRow> row, view.Find(kReorders, id));
  if (!row.has_value()) return not_found();
  const std::string& owner = row->reorder().account();
  const absl::StatusOr<std::string> account = ActingAccount(context.principal, owner);
  if (!account.ok() || *account != owner) return not_found();
  return row->reorder();
}

}  // namespace

void BindService(const Settings& settings, const Neighbours& neighbours,
                 const std::string& mac_key, rpc::MethodRegistry& methods,
                 engine::Shards& shards) {
  methods.Unary<v1::ReorderOrderRequest, v1::Reorder>(
      kReorderMethod,
      [&](const rpc::CallContext& context, const v1::ReorderOrderRequest& request,
          rpc::Reply<v1::Reorder> reply) {
        std::make_shared<ReorderCall>(shards, neighbours, settings, context, request,
                                      std::move(reply))
            ->Start();
      });
  const std::string service = "weft.reorder.v1.ReorderService/";
  service::BindRead<v1::GetReorderRequest, v1::Reorder>(methods, shards,
                                                        service + "GetReorder", &GetReorder);
  service::BindRead<v1::ListSuggestionsRequest, v1::ListSuggestionsResponse>(
      methods, shards, service + "ListSuggestions",
      [&](const rpc::CallContext& context, const v1::ListSuggestionsRequest& request,
          const engine::View& view) {
        return ListSuggestions(request, context.principal, settings, mac_key, view);
      });
  service::BindRead<v1::GetPurchaseHistoryRequest, v1::GetPurchaseHistoryResponse>(
      methods, shards, service + "GetPurchaseHistory",
      [&](const rpc::CallContext& context, const v1::GetPurchaseHistoryRequest& request,
          const engine::View& view) {
        return GetPurchaseHistory(request, context.principal, mac_key, view);
      });
}

}  // namespace weft::reorder
