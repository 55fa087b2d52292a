// `weft suggestion list`: what an account is about to need, with the reason.
#include <ostream>

#include "absl/strings/str_cat.h"
#include "tools/weft/commands.h"
#include "tools/weft/table.h"
#include "weft/reorder/v1/reorder.pb.h"

namespace weft::cli {

int SuggestionList(Session& session, const SuggestionOptions& options) {
  namespace v1 = reorder::v1;
  v1::ListSuggestionsResponse all;
  do {
    v1::ListSuggestionsResponse page;
    const auto status = session.Get(
        absl::StrCat(
            "/v1/suggestions",
            Query({{"account", options.account},
                   {"asOf", options.as_of},
                   {"dueWithinDays",
                    options.within_days < 0 ? "" : absl::StrCat(options.within_days)},
                   {"pageSize", absl::StrCat(std::min(options.limit, 100))},
                   {"pageToken", all.next_page_token()}})),
        page);
    if (!status.ok()) return session.Fail(status, "suggestion");
    all.mutable_suggestions()->MergeFrom(page.suggestions());
    all.set_next_page_token(page.next_page_token());
    *all.mutable_freshness() = page.freshness();
  } while (!all.next_page_token().empty() && all.suggestions_size() < options.limit);
  while (all.suggestions_size() > options.limit) all.mutable_suggestions()->RemoveLast();
  if (session.json()) {
    session.PrintJson(all);
    return kOk;
  }
  Table table({{"sku"},
               {"item"},
               {"quantity", Table::Align::kRight},
               {"due"},
               {"sure", Table::Align::kRight},
               {"reason"}});
  for (const v1::Suggestion& s : all.suggestions()) {
    table.Add({s.sku(), s.item_name(), Show(s.quantity()), Show(s.due_time()).substr(0, 10),
               absl::StrCat(s.confidence_percent(), " %"), s.reason()});
  }
  table.Print(session.terminal().out);
  return kOk;
}

}  // namespace weft::cli
