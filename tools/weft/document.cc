// `weft document`: rules as files and folders, checked, compared, tried and published.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/error.h"
#include "libs/rules/documents/diff.h"
#include "libs/rules/documents/document.h"
#include "tools/weft/commands.h"
#include "tools/weft/document_files.h"
#include "tools/weft/table.h"
#include "weft/documents/v1/documents.pb.h"

namespace weft::cli {
namespace {

namespace v1 = documents::v1;
namespace fs = std::filesystem;

constexpr char kNoun[] = "document";

std::string GetTarget(const v1::DocumentRef& ref, const std::string& verb = "",
                      const std::vector<std::pair<std::string, std::string>>& more = {}) {
  std::vector<std::pair<std::string, std::string>> query = {
      {"kind", ref.kind()},
      {"organisation", ref.organisation()},
      {"branch", ref.branch()},
      {"channel", ref.channel()},
      {"version", ref.version() == 0 ? "" : absl::StrCat(ref.version())}};
  query.insert(query.end(), more.begin(), more.end());
  return absl::StrCat("/v1/documents/", Segment(ref.id()), verb, Query(query));
}

std::string StateText(const v1::Document& document) {
  return ShowEnum(v1::DocumentState_Name(document.state()), "DOCUMENT_STATE_");
}

void ShowDocument(const v1::Document& document, std::ostream& out) {
  out << NameOf(document.ref());
  if (document.ref().version() > 0) out << " version " << document.ref().version();
  out << " " << StateText(document) << (document.validate_only() ? " (tried only)" : "") << "\n";
}

void ShowActivation(const v1::Activation& activation, std::ostream& out) {
  out << "activation " << activation.number() << " from " << Show(activation.effective_from())
      << (activation.validate_only() ? " (tried only)" : "") << "\n";
  for (const v1::DocumentRef& ref : activation.changed()) {
    out << "  " << NameOf(ref)
        << (ref.version() == 0 ? " no longer" : absl::StrCat(" version ", ref.version())) << "\n";
  }
}

// Saves the files that are not what is active already; `refs` are those saved.
absl::Status SaveAll(Session& session, Work& work, const DocumentOptions& options,
                     bool only_changed, std::vector<v1::DocumentRef>& refs) {
  for (const File& file : work.files()) {
    if (only_changed) {
      v1::Document there;
      const v1::DocumentRef ref = RefOf(file.read.key);
      const absl::Status got = session.Get(GetTarget(ref), there);
      if (!got.ok() && !absl::IsNotFound(got)) return got;
      if (got.ok() && there.hash() == file.read.hash && NameOf(there.ref()) == NameOf(ref) &&
          there.state() == v1::DOCUMENT_STATE_ACTIVE) {
        continue;
      }
    }
    v1::SaveDraftRequest request;
    request.set_source(file.source);
    request.set_reason(options.reason);
    request.set_validate_only(options.validate_only);
    v1::Document saved;
    const absl::Status status = session.Mutate("/v1/documents", request, work.NextId(), saved);
    if (!status.ok()) return status;
    refs.push_back(saved.ref());
    if (!session.json() && !only_changed) ShowDocument(saved, session.terminal().out);
    if (session.json() && !only_changed) session.PrintJson(saved);
  }
  return absl::OkStatus();
}

int ShowCheck(Session& session, const Work& work, const v1::CheckResponse& response,
              bool tests_only) {
  if (session.json()) {
    session.PrintJson(response);
    return response.passed() ? kOk : kConflict;
  }
  work.Print(response.findings());
  std::ostream& out = session.terminal().out;
  if (!tests_only) {
    for (const v1::Document& document : response.documents()) ShowDocument(document, out);
  }
  out << response.tests_run() << " tests, " << response.tests_failed() << " failed\n"
      << (response.passed() ? "passed\n" : "failed\n");
  return response.passed() ? kOk : kConflict;
}

}  // namespace

int DocumentSave(Session& session, const DocumentOptions& options) {
  Work work(session);
  if (!work.Read(options.what)) return kConflict;
  std::vector<v1::DocumentRef> refs;
  const absl::Status status = SaveAll(session, work, options, false, refs);
  return status.ok() ? kOk : session.Fail(status, kNoun);
}

int DocumentCheck(Session& session, const DocumentOptions& options, bool tests_only) {
  Work work(session);
  v1::CheckRequest request;
  request.set_reason(options.reason);
  request.set_validate_only(options.validate_only);
  if (ArePaths(options.what)) {
    if (!work.Read(options.what)) return kConflict;
    for (const File& file : work.files()) request.add_sources(file.source);
  } else {
    AddRefs(options.what, request);
  }
  v1::CheckResponse response;
  const absl::Status status =
      session.Mutate("/v1/documents:check", request, work.NextId(), response);
  if (!status.ok()) return session.Fail(status, kNoun);
  return ShowCheck(session, work, response, tests_only);
}

int DocumentPublish(Session& session, const DocumentOptions& options) {
  Work work(session);
  v1::PublishRequest request;
  if (ArePaths(options.what)) {
    if (!work.Read(options.what)) return kConflict;
    // First as they are, so that a fault leaves no drafts behind.
    v1::CheckRequest texts;
    for (const File& file : work.files()) texts.add_sources(file.source);
    v1::CheckResponse checked;
    absl::Status status = session.Mutate("/v1/documents:check", texts, work.NextId(), checked);
    if (!status.ok()) return session.Fail(status, kNoun);
    if (!checked.passed() || options.validate_only) {
      return ShowCheck(session, work, checked, false);
    }
    std::vector<v1::DocumentRef> refs;
    status = SaveAll(session, work, options, true, refs);
    if (!status.ok()) return session.Fail(status, kNoun);
    if (refs.empty()) {
      (session.json() ? session.terminal().err : session.terminal().out)
          << "nothing has changed\n";
      return kOk;
    }
    v1::CheckRequest check;
    check.set_reason(options.reason);
    for (const v1::DocumentRef& ref : refs) *check.add_documents() = ref;
    checked.Clear();
    status = session.Mutate("/v1/documents:check", check, work.NextId(), checked);
    if (!status.ok()) return session.Fail(status, kNoun);
    if (!checked.passed()) return ShowCheck(session, work, checked, false);
    for (const v1::Document& document : checked.documents()) {
      *request.add_documents() = document.ref();
    }
  } else {
    AddRefs(options.what, request);
  }
  for (const std::string& name : options.removed) *request.add_removed() = ParseRef(name);
  request.set_reason(options.reason);
  request.set_validate_only(options.validate_only);
  if (!options.from.empty() && !SetMoment(options.from, request.mutable_effective_from())) {
    return session.Fail(InvalidArgument("TIME_MALFORMED",
                                        absl::StrCat("--from '", options.from,
                                                     "' is no time such as 2026-03-01T07:00:00Z")),
                        kNoun);
  }
  v1::Activation activation;
  const absl::Status status =
      session.Mutate("/v1/documents:publish", request, work.NextId(), activation);
  if (!status.ok()) return session.Fail(status, kNoun);
  if (session.json()) {
    session.PrintJson(activation);
  } else {
    work.Print(activation.findings());
    ShowActivation(activation, session.terminal().out);
  }
  return kOk;
}

int DocumentRollback(Session& session, const DocumentOptions& options) {
  v1::RollbackRequest request;
  request.set_activation(options.activation);
  AddRefs(options.what, request);
  request.set_reason(options.reason);
  request.set_validate_only(options.validate_only);
  v1::Activation activation;
  const absl::Status status =
      session.Mutate("/v1/documents:rollback", request, session.RequestId(), activation);
  if (!status.ok()) return session.Fail(status, kNoun);
  if (session.json()) {
    session.PrintJson(activation);
  } else {
    ShowActivation(activation, session.terminal().out);
  }
  return kOk;
}

int DocumentDecide(Session& session, const DocumentOptions& options, bool approve) {
  for (const std::string& name : options.what) {
    const v1::DocumentRef ref = ParseRef(name);
    v1::Document document;
    absl::Status status;
    const auto ask = [&](auto request, const char* verb) {
      *request.mutable_document() = ref;
      request.set_id(ref.id());
      request.set_reason(options.reason);
      request.set_validate_only(options.validate_only);
      return session.Mutate(absl::StrCat("/v1/documents/", Segment(ref.id()), verb), request,
                            absl::StrCat(session.RequestId(), "-", name), document);
    };
    status = approve ? ask(v1::ApproveRequest(), ":approve") : ask(v1::WithdrawRequest(), ":withdraw");
    if (!status.ok()) return session.Fail(status, kNoun);
    if (session.json()) {
      session.PrintJson(document);
    } else {
      ShowDocument(document, session.terminal().out);
    }
  }
  return kOk;
}

int DocumentList(Session& session, const DocumentOptions& options) {
  v1::ListDocumentsResponse all;
  do {
    v1::ListDocumentsResponse page;
    const absl::Status status = session.Get(
        absl::StrCat("/v1/documents",
                     Query({{"kind", options.kind},
                            {"id", options.what.empty() ? "" : options.what[0]},
                            {"pageSize", "1000"},
                            {"pageToken", all.next_page_token()}})),
        page);
    if (!status.ok()) return session.Fail(status, kNoun);
    all.mutable_documents()->MergeFrom(page.documents());
    all.set_next_page_token(page.next_page_token());
  } while (!all.next_page_token().empty());
  if (session.json()) {
    session.PrintJson(all);
    return kOk;
  }
  Table table({{"document"}, {"version", Table::Align::kRight}, {"state"}, {"of"}, {"title"}});
  for (const v1::Document& d : all.documents()) {
    table.Add({NameOf(d.ref()), d.ref().version() == 0 ? "-" : absl::StrCat(d.ref().version()),
               StateText(d), d.platform() ? "platform" : OrDash(d.author()), OrDash(d.title())});
  }
  table.Print(session.terminal().out);
  return kOk;
}

int DocumentActivations(Session& session, int limit) {
  v1::ListActivationsResponse response;
  const absl::Status status =
      session.Get(absl::StrCat("/v1/activations?pageSize=", limit), response);
  if (!status.ok()) return session.Fail(status, kNoun);
  if (session.json()) {
    session.PrintJson(response);
    return kOk;
  }
  Table table({{"activation", Table::Align::kRight}, {"from"}, {"by"}, {"documents",
              Table::Align::kRight}, {"changed"}, {"reason"}});
  for (const v1::Activation& a : response.activations()) {
    std::vector<std::string> changed;
    for (const v1::DocumentRef& ref : a.changed()) {
      changed.push_back(absl::StrCat(NameOf(ref), ":", ref.version()));
    }
    table.Add({absl::StrCat(a.number(), a.number() == response.current() ? " *" : ""),
               Show(a.effective_from()), OrDash(a.by()), absl::StrCat(a.documents_size()),
               absl::StrJoin(changed, " "), OrDash(a.reason())});
  }
  table.Print(session.terminal().out);
  return kOk;
}

int DocumentShow(Session& session, const DocumentOptions& options) {
  for (const std::string& name : options.what) {
    v1::Document document;
    const absl::Status status = session.Get(GetTarget(ParseRef(name)), document);
    if (!status.ok()) return session.Fail(status, kNoun);
    if (session.json()) {
      session.PrintJson(document);
      continue;
    }
    std::ostream& out = session.terminal().out;
    out << "# ";
    ShowDocument(document, out);
    out << document.source();
    if (!absl::EndsWith(document.source(), "\n")) out << "\n";
  }
  return kOk;
}

int DocumentDiff(Session& session, const DocumentOptions& options) {
  v1::DiffResponse all;
  if (ArePaths(options.what)) {
    Work work(session);
    if (!work.Read(options.what)) return kConflict;
    for (const File& file : work.files()) {
      v1::Document there;
      const absl::Status status = session.Get(GetTarget(RefOf(file.read.key)), there);
      if (!status.ok() && !absl::IsNotFound(status)) return session.Fail(status, kNoun);
      rules::Tree before;
      rules::Fault fault;
      before.kind = rules::Tree::Kind::kMap;
      if (status.ok() && !rules::ReadTree(there.source(), before, fault)) before = rules::Tree();
      for (const rules::Change& change : rules::Diff(before, *file.read.tree)) {
        v1::Change& out = *all.add_changes();
        out.set_path(absl::StrCat(file.path, ": ", change.path));
        out.set_before(change.before);
        out.set_after(change.after);
      }
    }
  } else {
    for (const std::string& name : options.what) {
      v1::DocumentRef ref = ParseRef(name);
      const int64_t to = ref.version();
      ref.set_version(0);
      v1::DiffResponse one;
      const absl::Status status = session.Get(
          GetTarget(ref, ":diff",
                    {{"from", options.activation == 0 ? "" : absl::StrCat(options.activation)},
                     {"to", to == 0 ? "" : absl::StrCat(to)}}),
          one);
      if (!status.ok()) return session.Fail(status, kNoun);
      all.mutable_changes()->MergeFrom(one.changes());
    }
  }
  if (session.json()) {
    session.PrintJson(all);
    return kOk;
  }
  for (const v1::Change& change : all.changes()) {
    std::ostream& out = session.terminal().out;
    out << change.path() << "\n";
    if (!change.before().empty()) out << "  - " << change.before() << "\n";
    if (!change.after().empty()) out << "  + " << change.after() << "\n";
  }
  return kOk;
}

int DocumentExport(Session& session, const DocumentOptions& options) {
  v1::ListDocumentsResponse all;
  absl::Status status = session.Get("/v1/documents?pageSize=1000", all);
  if (!status.ok()) return session.Fail(status, kNoun);
  std::error_code error;
  fs::create_directories(options.what[0], error);
  int written = 0;
  for (const v1::Document& listed : all.documents()) {
    if (listed.state() != v1::DOCUMENT_STATE_ACTIVE) continue;
    if (listed.platform() && !options.platform) continue;
    v1::Document document;
    v1::DocumentRef ref = listed.ref();
    // The platform's are asked for by name; they have versions of their own.
    if (listed.platform()) ref.set_version(0);
    status = session.Get(GetTarget(ref), document);
    if (!status.ok()) return session.Fail(status, kNoun);
    std::string name = absl::StrCat(ref.kind(), ".", ref.id());
    for (const std::string& part : {ref.organisation(), ref.branch(), ref.channel()}) {
      if (!part.empty()) absl::StrAppend(&name, "@", part);
    }
    std::replace(name.begin(), name.end(), '/', '_');
    std::ofstream out(fs::path(options.what[0]) / (name + ".yaml"), std::ios::binary);
    out << document.source();
    if (!out) {
      return session.Fail(
          InvalidArgument("FILE_UNWRITABLE", absl::StrCat("cannot write ", name, ".yaml")), kNoun);
    }
    ++written;
  }
  session.terminal().out << written << " documents written to " << options.what[0] << "\n";
  return kOk;
}

}  // namespace weft::cli
