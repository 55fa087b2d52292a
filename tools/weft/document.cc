// `weft document`: rules as files and folders, checked, compared, tried and published.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/error.h"
#include "libs/rules/documents/diff.h"
#include "libs/rules/documents/document.h"
#include "tools/weft/commands.h"
#include "tools/weft/table.h"
#include "weft/documents/v1/documents.pb.h"

namespace weft::cli {
namespace {

namespace v1 = documents::v1;
namespace fs = std::filesystem;

constexpr char kNoun[] = "document";

struct File {
  std::string path;
  std::string source;
  rules::Document read;
};

bool IsPath(const std::string& text) {
  std::error_code error;
  return fs::exists(text, error);
}

bool IsDocumentFile(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml" || path.extension() == ".json";
}

// "error: rules.yaml:12:7: …", as compilers write it.
void PrintFinding(const std::string& file, const v1::Finding& finding, std::ostream& out) {
  out << file;
  if (finding.line() > 0) out << ":" << finding.line() << ":" << finding.column();
  out << ": " << ShowEnum(v1::Severity_Name(finding.severity()), "SEVERITY_") << ": "
      << finding.message();
  if (!finding.path().empty()) out << " [" << finding.path() << "]";
  out << " (" << finding.code() << ")\n";
  if (!finding.hint().empty()) out << "  hint: " << finding.hint() << "\n";
}

class Work {
 public:
  explicit Work(Session& session) : session_(session) {}

  // Files of paths, folders with all that is below them, in order of their names.
  // False when one cannot be read or has no sound head; it is shown then.
  bool Read(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      std::vector<std::string> found;
      std::error_code error;
      if (fs::is_directory(path, error)) {
        for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
          if (entry.is_regular_file() && IsDocumentFile(entry.path())) {
            found.push_back(entry.path().string());
          }
        }
        std::sort(found.begin(), found.end());
      } else {
        found.push_back(path);
      }
      for (const std::string& name : found) {
        if (!ReadFile(name)) sound_ = false;
      }
    }
    return sound_;
  }
  const std::vector<File>& files() const { return files_; }

  void Print(const google::protobuf::RepeatedPtrField<v1::Finding>& findings) const {
    for (const v1::Finding& finding : findings) {
      const auto file = by_document_.find(finding.document());
      PrintFinding(file != by_document_.end() ? file->second
                   : finding.document().empty() ? "documents"
                                                : finding.document(),
                   finding, session_.terminal().err);
    }
  }
  std::string NextId() { return absl::StrCat(session_.RequestId(), "-", ++requests_); }

 private:
  bool ReadFile(const std::string& name) {
    std::ifstream in(name, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    if (!in) {
      session_.terminal().err << name << ": error: cannot be read\n";
      return false;
    }
    File file{name, text.str(), {}};
    std::vector<rules::Finding> findings;
    const bool sound = rules::ReadDocument(file.source, file.read, findings);
    for (const rules::Finding& finding : findings) {
      v1::Finding shown;
      shown.set_severity(v1::SEVERITY_ERROR);
      shown.set_code(finding.code);
      shown.set_path(finding.path);
      shown.set_line(finding.line);
      shown.set_column(finding.column);
      shown.set_message(finding.message);
      shown.set_hint(finding.hint);
      PrintFinding(name, shown, session_.terminal().err);
    }
    if (!sound) return false;
    const auto [other, is_new] = by_document_.emplace(file.read.key.ToText(), name);
    if (!is_new) {
      session_.terminal().err << name << ":1:1: error: " << other->second << " is "
                              << file.read.key.ToText() << ", too\n";
      return false;
    }
    files_.push_back(std::move(file));
    return true;
  }

  Session& session_;
  std::vector<File> files_;
  std::map<std::string, std::string> by_document_;  // Key → file.
  bool sound_ = true;
  int requests_ = 0;
};

// "RuleSet/pricing.line-price@org/branch/channel" or an id, with ":version".
v1::DocumentRef ParseRef(std::string text) {
  v1::DocumentRef ref;
  int64_t version = 0;
  if (const size_t colon = text.rfind(':'); colon != std::string::npos &&
                                            absl::SimpleAtoi(text.substr(colon + 1), &version)) {
    ref.set_version(version);
    text.resize(colon);
  }
  if (const size_t at = text.find('@'); at != std::string::npos) {
    std::stringstream scope(text.substr(at + 1));
    std::string part;
    const auto next = [&] {
      if (!std::getline(scope, part, '/')) part.clear();
      return part == "*" ? std::string() : part;
    };
    ref.set_organisation(next());
    ref.set_branch(next());
    ref.set_channel(next());
    text.resize(at);
  }
  const size_t slash = text.find('/');
  if (slash != std::string::npos) ref.set_kind(text.substr(0, slash));
  ref.set_id(slash == std::string::npos ? text : text.substr(slash + 1));
  return ref;
}

v1::DocumentRef RefOf(const rules::DocumentKey& key) {
  v1::DocumentRef ref;
  ref.set_kind(key.kind);
  ref.set_id(key.id);
  ref.set_organisation(key.scope.organisation);
  ref.set_branch(key.scope.branch);
  ref.set_channel(key.scope.channel);
  return ref;
}

std::string NameOf(const v1::DocumentRef& ref) {
  rules::DocumentKey key{ref.kind(), ref.id(),
                         {ref.organisation(), ref.branch(), ref.channel()}};
  return key.ToText();
}

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

template <typename Request>
void AddRefs(const std::vector<std::string>& names, Request& request) {
  for (const std::string& name : names) *request.add_documents() = ParseRef(name);
}

bool SetMoment(const std::string& text, google::protobuf::Timestamp* out) {
  return google::protobuf::util::TimeUtil::FromString(text, out);
}

// Paths when all are paths, else names.
bool ArePaths(const std::vector<std::string>& what) {
  return !what.empty() && std::all_of(what.begin(), what.end(), IsPath);
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

int DocumentSimulate(Session& session, const DocumentOptions& options) {
  Work work(session);
  v1::SimulateRequest request;
  if (ArePaths(options.what)) {
    if (!work.Read(options.what)) return kConflict;
    for (const File& file : work.files()) request.add_sources(file.source);
  } else {
    AddRefs(options.what, request);
  }
  request.set_account(options.account);
  request.set_baseline(options.activation);
  if ((!options.from.empty() && !SetMoment(options.from, request.mutable_from())) ||
      (!options.to.empty() && !SetMoment(options.to, request.mutable_to()))) {
    return session.Fail(
        InvalidArgument("TIME_MALFORMED", "--from and --to are times such as 2026-03-01T07:00:00Z"),
        kNoun);
  }
  v1::SimulateResponse r;
  const absl::Status status = session.Post("/v1/documents:simulate", request, r);
  if (!status.ok()) return session.Fail(status, kNoun);
  if (session.json()) {
    session.PrintJson(r);
    return r.gates().empty() ? kOk : kConflict;
  }
  std::ostream& out = session.terminal().out;
  out << r.cases() << " cases in " << r.seconds() << " s: " << r.equal() << " equal, "
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
  work.Print(r.gates());
  return r.gates().empty() ? kOk : kConflict;
}

}  // namespace weft::cli
