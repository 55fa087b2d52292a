// `weft document simulate`, `shadow` and `decisions`: what candidates would change, and what
// the room knows of its own decisions.
#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "tools/weft/commands.h"
#include "tools/weft/document_files.h"
#include "tools/weft/table.h"

namespace weft::cli {
namespace {

namespace v1 = documents::v1;

constexpr char kNoun[] = "document";

void ShowReport(const v1::SimulateResponse& r, std::ostream& out) {
  out << r.cases() << " cases" << (r.seconds().empty() ? "" : absl::StrCat(" in ", r.seconds(), " s"))
      << ": " << r.equal() << " equal, "
      << r.changed() << " changed, " << r.newly_failing() << " newly failing, "
      << r.newly_passing() << " newly passing\n";
  for (int i = 0; i < r.change_size(); ++i) {
    out << "total " << Show(r.baseline_total(i)) << " -> " << Show(r.candidate_total(i)) << ", "
        << Show(r.change(i)) << "\n";
  }
  if (r.groups_size() > 0) {
    Table groups({{"rule before"}, {"rule after"}, {"cases", Table::Align::kRight},
                  {"change", Table::Align::kRight}, {"example"}});
    for (const v1::SimulatedGroup& g : r.groups()) {
      const auto example = [&] {
        if (g.examples().empty()) return std::string("-");
        const v1::SimulatedCase& c = g.examples(0);
        return absl::StrCat(c.account(), " ", c.sku(), " x ", c.quantity(), ": ", c.before(),
                            " -> ", c.after());
      }();
      groups.Add({OrDash(g.rule_before()), OrDash(g.rule_after()), absl::StrCat(g.cases()),
                  g.change().empty() ? "-" : Show(g.change(0)), example});
    }
    out << "\n";
    groups.Print(out);
  }
  if (r.accounts_size() > 0) {
    Table accounts({{"account"}, {"cases", Table::Align::kRight},
                    {"change", Table::Align::kRight}});
    for (const v1::SimulatedAccount& a : r.accounts()) {
      accounts.Add({a.account(), absl::StrCat(a.cases()),
                    a.change().empty() ? "-" : Show(a.change(0))});
    }
    out << "\n";
    accounts.Print(out);
  }
  if (r.skipped() > 0) out << "\n" << r.skipped() << " cases could not be set up any more\n";
  const auto costly = std::any_of(r.costs().begin(), r.costs().end(), [](const auto& cost) {
    return cost.baseline() > 0 || cost.candidate() > 0;
  });
  if (!costly) return;
  out << "\ncost of a case in units";
  for (const v1::SimulatedCost& cost : r.costs()) {
    out << (cost.percent() == 50 ? ": " : ", ") << cost.percent() << " % up to " << cost.baseline()
        << " -> " << cost.candidate();
  }
  out << "\n";
}

int ShowShadow(Session& session, const v1::Shadow& shadow) {
  if (session.json()) {
    session.PrintJson(shadow);
    return kOk;
  }
  std::ostream& out = session.terminal().out;
  out << "shadow " << shadow.number() << (shadow.validate_only() ? " (tried only)" : "") << " of "
      << shadow.share_percent() << " % of the requests, "
      << (shadow.running() ? "running since " : "ended; it ran from ") << Show(shadow.start_time())
      << "\n";
  for (const v1::ActivatedDocument& document : shadow.documents()) {
    out << "  " << NameOf(document.ref());
    if (document.ref().version() > 0) out << " version " << document.ref().version();
    out << "\n";
  }
  if (shadow.report().cases() == 0 && shadow.report().skipped() == 0) {
    out << "nothing was tried yet\n";
  } else {
    ShowReport(shadow.report(), out);
  }
  if (shadow.dropped() > 0) {
    out << shadow.dropped() << " requests were left out because of load\n";
  }
  return kOk;
}

}  // namespace

int DocumentSimulate(Session& session, const DocumentOptions& options) {
  Work work(session);
  v1::SimulateRequest request;
  if (ArePaths(options.what)) {
    if (!work.Read(options.what)) return kConflict;
    for (const File& file : work.files()) request.add_sources(file.source);
  } else {
    AddRefs(options.what, request);
  }
  if (options.source == "decisions") {
    request.set_source(v1::SIMULATION_SOURCE_DECISIONS);
  } else if (options.source == "suites" || !options.suites.empty()) {
    request.set_source(v1::SIMULATION_SOURCE_SUITES);
  }
  Work suites(session);
  if (!suites.Read(options.suites)) return kConflict;
  for (const File& file : suites.files()) request.add_suites(file.source);
  request.set_account(options.account);
  request.set_baseline(options.activation);
  if ((!options.from.empty() && !SetMoment(options.from, request.mutable_from())) ||
      (!options.to.empty() && !SetMoment(options.to, request.mutable_to())) ||
      (!options.as_of.empty() && !SetMoment(options.as_of, request.mutable_as_of()))) {
    return session.Fail(InvalidArgument("TIME_MALFORMED",
                                        "--from, --to and --as-of are times such as "
                                        "2026-03-01T07:00:00Z"),
                        kNoun);
  }
  v1::SimulateResponse r;
  const absl::Status status = session.Post("/v1/documents:simulate", request, r);
  if (!status.ok()) return session.Fail(status, kNoun);
  if (session.json()) {
    session.PrintJson(r);
    return r.gates().empty() ? kOk : kConflict;
  }
  ShowReport(r, session.terminal().out);
  work.Print(r.gates());
  return r.gates().empty() ? kOk : kConflict;
}

int DocumentShadowStart(Session& session, const DocumentOptions& options) {
  Work work(session);
  v1::StartShadowRequest request;
  if (ArePaths(options.what)) {
    if (!work.Read(options.what)) return kConflict;
    for (const File& file : work.files()) request.add_sources(file.source);
  } else {
    AddRefs(options.what, request);
  }
  request.set_share_percent(options.share);
  request.set_replace(options.replace);
  request.set_reason(options.reason);
  request.set_validate_only(options.validate_only);
  v1::Shadow shadow;
  const absl::Status status =
      session.Mutate("/v1/documents:startShadow", request, session.RequestId(), shadow);
  return status.ok() ? ShowShadow(session, shadow) : session.Fail(status, kNoun);
}

int DocumentShadowEnd(Session& session, const DocumentOptions& options) {
  v1::EndShadowRequest request;
  request.set_reason(options.reason);
  v1::Shadow shadow;
  const absl::Status status =
      session.Mutate("/v1/documents:endShadow", request, session.RequestId(), shadow);
  return status.ok() ? ShowShadow(session, shadow) : session.Fail(status, kNoun);
}

int DocumentShadowShow(Session& session) {
  v1::Shadow shadow;
  const absl::Status status = session.Get("/v1/documents:shadow", shadow);
  return status.ok() ? ShowShadow(session, shadow) : session.Fail(status, kNoun);
}

int DocumentDecisions(Session& session, const std::string& account, int limit) {
  v1::ListDecisionsResponse response;
  const absl::Status status = session.Get(
      absl::StrCat("/v1/decisions",
                   Query({{"account", account}, {"pageSize", absl::StrCat(limit)}})),
      response);
  if (!status.ok()) return session.Fail(status, kNoun);
  if (session.json()) {
    session.PrintJson(response);
    return kOk;
  }
  Table table({{"decision", Table::Align::kRight}, {"time"}, {"account"}, {"sku"},
               {"quantity", Table::Align::kRight}, {"net", Table::Align::kRight}, {"rule"},
               {"cost", Table::Align::kRight}});
  for (const v1::LoggedDecision& decision : response.decisions()) {
    for (const v1::LoggedLine& line : decision.lines()) {
      table.Add({absl::StrCat(decision.number()), Show(decision.time()),
                 OrDash(decision.account()), line.sku(), line.quantity(),
                 line.has_net() ? Show(line.net()) : line.error(), OrDash(line.rule()),
                 absl::StrCat(line.cost())});
    }
  }
  table.Print(session.terminal().out);
  session.terminal().out << response.total() << " decisions are kept\n";
  return kOk;
}

int DocumentRerun(Session& session, int most) {
  v1::RerunDecisionsRequest request;
  request.set_most(most);
  v1::RerunDecisionsResponse r;
  const absl::Status status = session.Post("/v1/decisions:rerun", request, r);
  if (!status.ok()) return session.Fail(status, kNoun);
  if (session.json()) {
    session.PrintJson(r);
    return r.different() == 0 ? kOk : kConflict;
  }
  std::ostream& out = session.terminal().out;
  out << r.cases() << " decisions taken again: " << r.same() << " the same, " << r.different()
      << " different, " << r.gone() << " cannot be taken again\n";
  for (const v1::LoggedLine& line : r.differences()) {
    out << "  " << line.decision_id() << " " << line.sku() << " x " << line.quantity() << "\n";
  }
  return r.different() == 0 ? kOk : kConflict;
}

}  // namespace weft::cli
