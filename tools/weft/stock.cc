// `weft stock`: what is available, in total and per location.
#include <ostream>

#include "absl/strings/str_cat.h"
#include "tools/weft/commands.h"
#include "tools/weft/table.h"
#include "weft/inventory/v1/inventory.pb.h"

namespace weft::cli {

int Stock(Session& session, const StockOptions& options) {
  inventory::v1::GetAvailabilityRequest request;
  for (const std::string& sku : options.skus) {
    auto& line = *request.add_lines();
    line.set_sku(sku);
    if (!options.quantity.empty() || !options.unit.empty()) {
      line.mutable_quantity()->set_value(options.quantity);
      line.mutable_quantity()->set_unit(options.unit);
    }
  }
  for (const std::string& location : options.locations) request.add_locations(location);
  inventory::v1::GetAvailabilityResponse response;
  const auto status = session.Post("/v1/availability:query", request, response);
  if (!status.ok()) return session.Fail(status, "stock");

  int exit = kOk;
  for (const auto& line : response.lines()) {
    if (line.has_reason() && !line.reason().reason().empty()) exit = kConflict;
  }
  if (session.json()) {
    session.PrintJson(response);
    return exit;
  }
  Table table({{"sku"},
               {"location"},
               {"on hand", Table::Align::kRight},
               {"safety", Table::Align::kRight},
               {"reserved", Table::Align::kRight},
               {"available", Table::Align::kRight},
               {"unit"},
               {"counted"},
               {"note"}});
  for (const auto& line : response.lines()) {
    std::string note;
    if (!line.reason().reason().empty()) {
      note = absl::StrCat(line.reason().reason(), ": ", line.reason().message());
    } else if (line.has_offered()) {
      note = absl::StrCat("offered ", Show(line.offered()), " of ", Show(line.requested()));
    }
    table.Add({line.sku(), "all", OrDash(line.on_hand()), OrDash(line.safety()),
               OrDash(line.reserved()), OrDash(line.available()), line.base_unit(),
               Show(line.counted_as_of()), note});
    for (const auto& at : line.locations()) {
      table.Add({"", at.location(), at.on_hand(), at.safety(), at.reserved(), at.available(),
                 line.base_unit(), Show(at.counted_as_of()), at.closed() ? "closed" : ""});
    }
  }
  table.Print(session.terminal().out);
  return exit;
}

}  // namespace weft::cli
