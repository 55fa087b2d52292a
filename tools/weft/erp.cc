// `weft erp`: connections, parked messages, exports.
#include <fstream>
#include <iterator>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "tools/weft/commands.h"
#include "tools/weft/table.h"
#include "weft/erp/v1/erp.pb.h"

namespace weft::cli {
namespace {

namespace v1 = erp::v1;

// Reads pages into `all` until there are `limit`. `field` finds the results.
template <typename Response, typename Field>
absl::Status Pages(Session& session, const std::string& path,
                   std::vector<std::pair<std::string, std::string>> parameters, int limit,
                   Field field, Response& all) {
  parameters.emplace_back("pageSize", absl::StrCat(std::min(limit, 100)));
  do {
    Response page;
    auto with = parameters;
    with.emplace_back("pageToken", all.next_page_token());
    const auto status = session.Get(absl::StrCat(path, Query(with)), page);
    if (!status.ok()) return status;
    field(all)->MergeFrom(*field(page));
    all.set_next_page_token(page.next_page_token());
  } while (!all.next_page_token().empty() && field(all)->size() < limit);
  while (field(all)->size() > limit) field(all)->RemoveLast();
  return absl::OkStatus();
}

int ShowReplayed(Session& session, const absl::Status& status,
                 const v1::ReplayParkedResponse& response, const char* done) {
  if (!status.ok()) return session.Fail(status, "erp parked");
  const bool parked = response.has_parked() && !response.parked().id().empty();
  if (session.json()) {
    session.PrintJson(response);
  } else if (parked) {
    session.terminal().out << "parked again: " << response.parked().reason() << ": "
                           << response.parked().message() << "\n";
  } else {
    session.terminal().out << done << "; applied " << response.counts().applied()
                           << ", unchanged " << response.counts().unchanged() << "\n";
  }
  return parked ? kConflict : kOk;
}

}  // namespace

int ErpConnections(Session& session) {
  v1::ListConnectionsResponse all;
  const auto status = Pages(session, "/v1/erp/connections", {}, 1000,
                            [](v1::ListConnectionsResponse& r) { return r.mutable_connections(); }, all);
  if (!status.ok()) return session.Fail(status, "erp");
  if (session.json()) {
    session.PrintJson(all);
    return kOk;
  }
  Table table({{"connection"},
               {"type"},
               {"mode"},
               {"loaded"},
               {"last message"},
               {"applied", Table::Align::kRight},
               {"parked", Table::Align::kRight},
               {"waiting", Table::Align::kRight},
               {"unresolved", Table::Align::kRight}});
  for (const v1::Connection& c : all.connections()) {
    table.Add({c.name(), c.type(),
               ShowEnum(v1::ConnectionMode_Name(c.mode()), "CONNECTION_MODE_"),
               c.loaded() ? "yes" : "no", Show(c.last_message_time()),
               absl::StrCat(c.messages().applied()), absl::StrCat(c.parked_count()),
               absl::StrCat(c.waiting_count()), absl::StrCat(c.unresolved_count())});
  }
  table.Print(session.terminal().out);
  return kOk;
}

int ErpParkedList(Session& session, const ErpListOptions& options) {
  v1::ListParkedResponse all;
  const auto status =
      Pages(session, "/v1/erp/parked", {{"connection", options.connection}}, options.limit,
            [](v1::ListParkedResponse& r) { return r.mutable_parked(); }, all);
  if (!status.ok()) return session.Fail(status, "erp parked");
  if (session.json()) {
    session.PrintJson(all);
    return kOk;
  }
  Table table({{"id"}, {"connection"}, {"received"}, {"type"}, {"key"}, {"reason"}, {"message"}});
  for (const v1::ParkedMessage& p : all.parked()) {
    table.Add({p.id(), p.connection(), Show(p.receive_time()), OrDash(p.type()), OrDash(p.key()),
               p.reason(), p.message()});
  }
  table.Print(session.terminal().out);
  return kOk;
}

int ErpParkedShow(Session& session, const std::string& id) {
  v1::ParkedMessage parked;
  const auto status = session.Get(absl::StrCat("/v1/erp/parked/", Segment(id)), parked);
  if (!status.ok()) return session.Fail(status, "erp parked");
  if (session.json()) {
    session.PrintJson(parked);
    return kOk;
  }
  session.terminal().out << "id          " << parked.id() << "\n"
                         << "connection  " << parked.connection() << "\n"
                         << "received    " << Show(parked.receive_time()) << "\n"
                         << "type        " << OrDash(parked.type()) << "\n"
                         << "key         " << OrDash(parked.key()) << "\n"
                         << "reason      " << parked.reason() << "\n"
                         << "message     " << parked.message() << "\n"
                         << "path        " << OrDash(parked.path()) << "\n"
                         << "waits for   " << OrDash(parked.waits_for()) << "\n"
                         << "attempts    " << parked.attempts() << "\n\n"
                         << parked.data() << "\n";
  return kOk;
}

int ErpParkedReplay(Session& session, const std::string& id, const std::string& file) {
  v1::ReplayParkedRequest request;
  if (!file.empty()) {
    std::ifstream in(file, std::ios::binary);
    request.set_text(std::string(std::istreambuf_iterator<char>(in), {}));
    if (!in.good() && request.text().empty()) {
      return session.Fail(NotFound("FILE_UNREADABLE", absl::StrCat("cannot read '", file, "'")),
                          "erp parked");
    }
  }
  v1::ReplayParkedResponse response;
  const auto status = session.Mutate(absl::StrCat("/v1/erp/parked/", Segment(id), ":replay"),
                                     request, session.RequestId(), response);
  return ShowReplayed(session, status, response, "replayed");
}

int ErpParkedDiscard(Session& session, const std::string& id) {
  v1::ReplayParkedResponse response;
  const auto status =
      session.Mutate(absl::StrCat("/v1/erp/parked/", Segment(id), ":discard"),
                     v1::DiscardParkedRequest(), session.RequestId(), response);
  return ShowReplayed(session, status, response, "discarded");
}

int ErpExports(Session& session, const ErpListOptions& options) {
  v1::ListExportsResponse all;
  const auto status =
      Pages(session, "/v1/erp/exports", {{"connection", options.connection}}, options.limit,
            [](v1::ListExportsResponse& r) { return r.mutable_exports(); }, all);
  if (!status.ok()) return session.Fail(status, "erp exports");
  if (session.json()) {
    session.PrintJson(all);
    return kOk;
  }
  Table table({{"order"}, {"connection"}, {"state"}, {"erp order"}, {"sent"}, {"answered"},
               {"reason"}});
  for (const v1::Export& e : all.exports()) {
    table.Add({e.order(), e.connection(), ShowEnum(v1::ExportState_Name(e.state()), "EXPORT_STATE_"),
               OrDash(e.erp_order()), Show(e.send_time()), Show(e.answer_time()),
               e.reason().reason()});
  }
  table.Print(session.terminal().out);
  return kOk;
}

}  // namespace weft::cli
