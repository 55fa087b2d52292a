// `weft status`: whether the gateway and each room answer.
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/struct.pb.h"
#include "libs/base/error.h"
#include "tools/weft/commands.h"
#include "tools/weft/table.h"

namespace weft::cli {
namespace {

// A question that every room refuses or answers cheaply. Any answer but
// "unavailable" shows that the room is there.
struct Probe {
  const char* room;
  const char* method;
  const char* target;
  const char* body;
};
constexpr Probe kProbes[] = {
    {"gateway", "GET", "/readyz", ""},
    {"pricing", "POST", "/v1/prices:calculate", "{}"},
    {"approval", "GET", "/v1/orders?pageSize=1", ""},
    {"reorder", "GET", "/v1/suggestions?pageSize=1", ""},
    {"inventory-projection", "POST", "/v1/availability:query", "{}"},
    {"erp-connector", "GET", "/v1/erp/connections?pageSize=1", ""},
};

}  // namespace

int Status(Session& session) {
  Table table({{"room"}, {"state"}, {"answer", Table::Align::kRight}, {"note"}});
  google::protobuf::Struct json;
  int exit = kOk;
  for (const Probe& probe : kProbes) {
    const absl::Duration before = session.terminal().steady();
    const auto answer = session.Raw(probe.method, probe.target, probe.body);
    const double ms = absl::ToDoubleMilliseconds(session.terminal().steady() - before);
    // Without the gateway nothing else can be said.
    if (!answer.ok()) return session.Fail(answer.status(), "status");
    std::string state = "up";
    std::string note;
    if (answer->status == 503 || answer->status == 504) {
      state = std::string(probe.room) == "gateway" ? "stopping" : "away";
      exit = kUnavailable;
      note = std::string(ErrorOf(*answer).message());
    } else if (answer->status == 401) {
      state = "unknown";
      note = "needs a token";
    }
    table.Add({probe.room, state, absl::StrFormat("%.1f ms", ms), note});
    auto& entry = *(*json.mutable_fields())[probe.room].mutable_struct_value();
    (*entry.mutable_fields())["state"].set_string_value(state);
    (*entry.mutable_fields())["answerMs"].set_number_value(ms);
  }
  if (session.json()) {
    session.PrintJson(json);
  } else {
    table.Print(session.terminal().out);
  }
  return exit;
}

}  // namespace weft::cli
