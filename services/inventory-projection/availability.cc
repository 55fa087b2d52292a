#include "services/inventory-projection/availability.h"

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "services/inventory-projection/app.h"
#include "services/inventory-projection/convert.h"
#include "services/inventory-projection/state.h"

namespace weft::inventory {

absl::StatusOr<v1::GetAvailabilityResponse> ReadAvailability(
    const v1::GetAvailabilityRequest& request, const engine::View& view) {
  if (request.lines().empty()) {
    return InvalidArgument("LINES_REQUIRED", "ask for at least one line",
                           {{"field", "lines"}});
  }
  if (request.lines_size() > kQueryLinesMax || request.locations_size() > kLocationsMax) {
    return InvalidArgument("TOO_MANY_LINES",
                           absl::StrCat("a question takes at most ", kQueryLinesMax,
                                        " lines and ", kLocationsMax, " locations"),
                           {{"field", "lines"}});
  }
  WEFT_ASSIGN_OR_RETURN(const TenantFacts facts, ReadFacts(view));
  const std::vector<std::string> only(request.locations().begin(), request.locations().end());
  v1::GetAvailabilityResponse response;
  for (const v1::AvailabilityQuery& query : request.lines()) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<Stock> stock, view.Find(kStock, query.sku()));
    *response.add_lines() = ToAvailability(stock, facts, query, only);
  }
  auto* freshness = response.mutable_freshness();
  freshness->set_position(view.position().ToText());
  // A tenant that nothing was heard of has neither.
  if (view.now() != absl::InfinitePast()) *freshness->mutable_as_of() = ToTimestamp(view.now());
  if (view.source_time() != absl::InfinitePast()) {
    *freshness->mutable_source_time() = ToTimestamp(view.source_time());
  }
  return response;
}

}  // namespace weft::inventory
