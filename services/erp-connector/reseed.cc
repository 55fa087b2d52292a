// Facts written anew: for a log that was lost, and with it what was on it.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/engine/event.h"
#include "services/erp-connector/app.h"
#include "services/erp-connector/canonical.h"
#include "services/erp-connector/inlet.h"
#include "services/erp-connector/state.h"
#include "services/erp-connector/topics.h"
#include "weft/facts/v1/facts.pb.h"

namespace weft::erp::app {
namespace {

constexpr int kPageDefault = 200;
constexpr int kPageMax = 1000;
// What a page emits stays below a turn's limit by far.
constexpr size_t kPageBytesMax = 128 << 10;

struct Fact {
  Kind kind = Kind::kItem;
  std::vector<std::string> key;
  std::string event;
};

// The load that the facts are part of begins, or ends: in between nobody takes what is
// missing for deleted, and questions before the end say NOT_LOADED where they must.
void EmitLoad(const std::string& connection, bool ended, engine::Turn& turn) {
  weft::facts::v1::LoadChanged event;
  event.set_connection(connection);
  event.set_ended(ended);
  turn.Emit(engine::kTimeline, absl::StrCat("loads/", connection), event);
}

}  // namespace

absl::StatusOr<v1::ReseedFactsResponse> ReseedFacts(const Settings& settings,
                                                    const v1::ReseedFactsRequest& request,
                                                    engine::Turn& turn) {
  const ConnectionSettings* connection = settings.Find(turn.tenant(), request.connection());
  if (connection == nullptr) {
    return NotFound("CONNECTION_UNKNOWN",
                    absl::StrCat("there is no connection '", request.connection(), "'"));
  }
  if (request.page_size() < 0) {
    return InvalidArgument("PAGE_SIZE_INVALID", "page_size must not be negative");
  }
  const int size = request.page_size() == 0 ? kPageDefault : std::min(request.page_size(), kPageMax);
  const std::string prefix = ConnectionKey(connection->name);
  std::string start;
  if (!request.page_token().empty() &&
      (!absl::WebSafeBase64Unescape(request.page_token(), &start) ||
       start.compare(0, prefix.size(), prefix) != 0)) {
    return InvalidArgument("PAGE_TOKEN_INVALID", "page_token is not one of ours");
  }

  v1::ReseedFactsResponse response;
  std::vector<Fact> facts;
  size_t bytes = 0;
  int visited = 0;
  absl::Status unreadable;
  WEFT_RETURN_IF_ERROR(turn.Scan(
      kObjects, prefix,
      [&](absl::string_view key, const v1::ObjectRow& row) {
        if (visited >= size || bytes >= kPageBytesMax) {
          response.set_next_page_token(absl::WebSafeBase64Escape(key));
          return false;
        }
        ++visited;
        if (row.deleted()) return true;
        Fact fact;
        if (!ReadObjectPart(key.substr(prefix.size()), fact.kind, fact.key)) {
          unreadable = DataLoss("ROW_UNREADABLE", "an object's key does not parse");
          return false;
        }
        // What has happened (orders, movements) is no fact.
        if (row.event().empty()) {
          response.set_left_out(response.left_out() + 1);
          return true;
        }
        fact.event = row.event();
        bytes += fact.event.size();
        facts.push_back(std::move(fact));
        return true;
      },
      start));
  WEFT_RETURN_IF_ERROR(unreadable);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ConnectionRow> row, turn.Find(kConnections, prefix));
  const bool loaded = row.has_value() && row->loaded();
  if (start.empty() && loaded) EmitLoad(connection->name, /*ended=*/false, turn);
  for (const Fact& fact : facts) {
    const auto event = NewEvent(fact.kind);
    if (event == nullptr) continue;
    turn.EmitBytes(TopicOf(fact.kind), event->GetTypeName(), SubjectOf(fact.kind, fact.key),
                   fact.event);
  }
  response.set_emitted(static_cast<int64_t>(facts.size()));
  if (response.next_page_token().empty() && loaded) EmitLoad(connection->name, true, turn);
  return response;
}

}  // namespace weft::erp::app
