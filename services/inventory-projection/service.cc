#include "services/inventory-projection/service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/service/room.h"
#include "services/inventory-projection/app.h"
#include "services/inventory-projection/availability.h"
#include "services/inventory-projection/convert.h"
#include "services/inventory-projection/state.h"

namespace weft::inventory {
namespace {

constexpr char kService[] = "weft.inventory.v1.InventoryService/";

absl::StatusOr<v1::Reservation> GetReservation(const rpc::CallContext& context,
                                               const v1::GetReservationRequest& request,
                                               const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const std::string id, ReservationId(request.name()));
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ReservationRow> row,
                        view.Find(kReservations, id));
  if (!row.has_value() || !VisibleTo(*row, context.principal)) return ReservationNotFound(id);
  return ToProtoWithHeld(id, *row, view);
}

void Watch(engine::Shards& shards, Watchers& watchers, const rpc::CallContext& context,
           const v1::WatchAvailabilityRequest& request,
           rpc::Stream<v1::WatchAvailabilityResponse> stream) {
  if (request.skus().empty()) {
    return stream.Finish(
        InvalidArgument("LINES_REQUIRED", "watch at least one item", {{"field", "skus"}}));
  }
  if (request.skus_size() > kWatchItemsMax || request.locations_size() > kLocationsMax) {
    return stream.Finish(InvalidArgument(
        "TOO_MANY_LINES",
        absl::StrCat("a watch takes at most ", kWatchItemsMax, " items and ", kLocationsMax,
                     " locations"),
        {{"field", "skus"}}));
  }
  const std::string tenant = context.principal.tenant;
  if (request.after().empty()) return watchers.Add(tenant, request, std::move(stream));
  absl::StatusOr<engine::Token> token = engine::Token::FromText(request.after());
  if (!token.ok()) return stream.Finish(token.status());
  shards.WaitFor(tenant, *token, context.Remaining(),
                 [&watchers, tenant, request, stream](absl::Status status) mutable {
                   if (!status.ok()) return stream.Finish(status);
                   watchers.Add(tenant, request, std::move(stream));
                 });
}

}  // namespace

std::unique_ptr<Watchers> BindService(const Settings& settings, rpc::MethodRegistry& methods,
                                      engine::Shards& shards) {
  const auto method = [](const char* name) { return absl::StrCat(kService, name); };
  service::BindCommand<v1::ReserveRequest>(methods, shards, kReserveMethod);
  service::BindCommand<v1::ConfirmRequest>(methods, shards, method("Confirm"));
  service::BindCommand<v1::ExtendRequest>(methods, shards, method("Extend"));
  service::BindCommand<v1::ReleaseRequest>(methods, shards, method("Release"));
  service::BindRead<v1::GetReservationRequest, v1::Reservation>(
      methods, shards, method("GetReservation"), &GetReservation);
  service::BindRead<v1::GetAvailabilityRequest, v1::GetAvailabilityResponse>(
      methods, shards, method("GetAvailability"),
      [](const rpc::CallContext&, const v1::GetAvailabilityRequest& request,
         const engine::View& view) { return ReadAvailability(request, view); });

  auto watchers = std::make_unique<Watchers>(shards, settings);
  methods.ServerStream<v1::WatchAvailabilityRequest, v1::WatchAvailabilityResponse>(
      method("WatchAvailability"),
      [&shards, &told = *watchers](const rpc::CallContext& context,
                                   const v1::WatchAvailabilityRequest& request,
                                   rpc::Stream<v1::WatchAvailabilityResponse> stream) {
        Watch(shards, told, context, request, std::move(stream));
      });
  return watchers;
}

}  // namespace weft::inventory
