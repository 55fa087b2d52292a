#include "libs/service/documents/service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/service/documents/judge.h"
#include "libs/service/documents/owner.h"
#include "libs/service/documents/store.h"
#include "libs/service/room.h"

namespace weft::documents {
namespace {

using rpc::CallContext;

constexpr size_t kTasksMax = 1000;
constexpr int kTries = 5;
// Documents that one request may name.
constexpr int kDocumentsMax = 1000;

std::set<std::string> NamesOf(const std::vector<Candidate>& candidates) {
  std::set<std::string> names;
  for (const Candidate& candidate : candidates) names.insert(KeyOf(candidate.ref).ToText());
  return names;
}

void Fail(const absl::Status& status, v1::JudgedCommand& judged) {
  // The command says the same with its own words; a repeat gets what it was told.
  judged.set_passed(false);
  v1::Finding& finding = *judged.add_findings();
  finding.set_severity(v1::SEVERITY_ERROR);
  finding.set_code("not_judged");
  finding.set_message(std::string(status.message()));
}

}  // namespace

std::string DocumentService::service_name() { return kService; }

absl::Status DocumentService::Busy() {
  return ResourceExhausted("SHARD_BUSY", "too many documents wait to be checked; repeat later");
}

struct DocumentService::Watcher {
  explicit Watcher(rpc::Stream<v1::Activation> s) : stream(std::move(s)) {}
  std::string tenant;
  int64_t next = 1;  // Of the worker's thread.
  rpc::Stream<v1::Activation> stream;
  std::unique_ptr<void, std::function<void(void*)>> handle;
};

DocumentService::DocumentService(ServiceOptions options, engine::Shards& shards,
                                 const Clock& clock, telemetry::Logger* log)
    : options_(std::move(options)), shards_(shards), clock_(clock), log_(log),
      worker_([this] { Work(); }) {}

DocumentService::~DocumentService() {
  std::vector<std::shared_ptr<Watcher>> watchers;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    watchers.swap(watchers_);
    posted_.NotifyAll();
  }
  worker_.join();
  // No turn reports to a watcher after this.
  for (const auto& watcher : watchers) watcher->handle.reset();
}

bool DocumentService::Post(Task task) {
  MutexLock lock(mutex_);
  if (stopping_ || tasks_.size() >= kTasksMax) return false;
  tasks_.push_back(std::move(task));
  posted_.NotifyOne();
  return true;
}

void DocumentService::Work() {
  while (true) {
    Task task;
    {
      MutexLock lock(mutex_);
      while (tasks_.empty() && !stopping_) posted_.Wait(mutex_);
      if (stopping_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

absl::StatusOr<DocumentService::Views> DocumentService::ViewsOf(const std::string& tenant) {
  Views views;
  WEFT_ASSIGN_OR_RETURN(views.own, shards_.Read(tenant));
  if (tenant != engine::kPlatformTenant) {
    WEFT_ASSIGN_OR_RETURN(views.platform, shards_.Read(engine::kPlatformTenant));
  }
  return views;
}

std::string DocumentService::OwnRequestId(absl::string_view what) {
  return absl::StrCat(what, "-", absl::ToUnixNanos(clock_.Wall()), "-", ++own_requests_);
}

absl::Status DocumentService::CheckRoom(const std::string& room) const {
  if (room.empty() || room == options_.room) return absl::OkStatus();
  return InvalidArgument("ROOM_UNKNOWN", absl::StrCat("documents of ", room, " are not kept here"),
                         {{"room", room}});
}

// --- Commands ------------------------------------------------------------------------

void DocumentService::SubmitJudged(const std::string& method, const CallContext& context,
                                   std::string request_id, std::string bytes,
                                   std::function<void(v1::JudgedCommand&)> judge, int tries,
                                   rpc::RawReply reply) {
  const bool posted = Post([this, method, context, request_id, bytes, judge, tries, reply] {
    v1::JudgedCommand judged;
    judge(judged);
    judged.set_request(bytes);
    const Sha256Digest digest = Sha256(bytes);
    engine::Command command{.method = method,
                            .request_id = request_id,
                            .principal = context.principal,
                            .payload = engine::BytesOf(judged),
                            .fingerprint = std::string(digest.begin(), digest.end()),
                            .traceparent = context.traceparent,
                            .timeout = context.Remaining()};
    shards_.Submit(std::move(command), [this, method, context, request_id, bytes, judge, tries,
                                        reply](absl::StatusOr<engine::Answer> answer) {
      if (!answer.ok() && ReasonOf(answer.status()) == "JUDGED_ANEW" && tries > 1) {
        return SubmitJudged(method, context, request_id, bytes, judge, tries - 1, reply);
      }
      if (!answer.ok()) return reply(answer.status(), {});
      rpc::ReplyInfo info{.replayed = answer->replayed};
      if (answer->token != engine::Token()) info.token = answer->token.ToText();
      reply(std::move(answer->payload), std::move(info));
    });
  });
  if (!posted) reply(Busy(), {});
}

template <typename Request>
void DocumentService::BindJudged(rpc::MethodRegistry& methods, const std::string& name,
                                 void (DocumentService::*judge)(const Request&,
                                                                const std::string&,
                                                                v1::JudgedCommand&)) {
  const std::string method = kService + name;
  methods.RegisterUnary(method, [this, method, judge](const CallContext& context,
                                                      std::string bytes, rpc::RawReply reply) {
    Request request;
    if (!request.ParseFromString(bytes)) {
      return reply(InvalidArgument("REQUEST_UNREADABLE", "the request message does not parse"),
                   {});
    }
    if (const absl::Status status = CheckRoom(request.room()); !status.ok()) {
      return reply(status, {});
    }
    if (request.documents_size() > kDocumentsMax) {
      return reply(InvalidArgument("TOO_MANY_DOCUMENTS",
                                   absl::StrCat("at most ", kDocumentsMax, " at once")),
                   {});
    }
    if constexpr (requires { request.sources(); }) {
      if (request.sources_size() > 0) {
        const bool posted = Post([this, tenant = context.principal.tenant, request, reply] {
          absl::StatusOr<v1::CheckResponse> response = CheckTexts(tenant, request);
          if (!response.ok()) return reply(response.status(), {});
          reply(response->SerializeAsString(), {});
        });
        if (!posted) reply(Busy(), {});
        return;
      }
      if (RefsOf(request).empty()) {
        return reply(InvalidArgument("DOCUMENTS_REQUIRED", "name what is to be checked"), {});
      }
    }
    const std::string request_id = request.request_id();
    const std::string tenant = context.principal.tenant;
    SubmitJudged(method, context, request_id, std::move(bytes),
                 [this, judge, request, tenant](v1::JudgedCommand& judged) {
                   (this->*judge)(request, tenant, judged);
                 },
                 kTries, std::move(reply));
  });
}

void DocumentService::JudgeCheck(const v1::CheckRequest& request, const std::string& tenant,
                                 v1::JudgedCommand& judged) {
  Judgement judgement;
  const absl::Status status = [&]() -> absl::Status {
    WEFT_ASSIGN_OR_RETURN(const Views views, ViewsOf(tenant));
    WEFT_ASSIGN_OR_RETURN(const int64_t base, LastActivation(*views.own));
    judged.set_base(base);
    const std::vector<v1::DocumentRef> refs = RefsOf(request);
    const auto candidates = ReadCandidates(refs, *views.own);
    if (!candidates.ok()) return candidates.status();
    for (const Candidate& candidate : *candidates) {
      *judged.add_candidates() = candidate.ref;
      judged.add_etags(candidate.etag);
      judgement.Add(candidate.findings, NamesOf(*candidates));
    }
    const absl::Time now = Now(*views.own);
    WEFT_ASSIGN_OR_RETURN(const std::vector<rules::SetDocument> documents,
                          SetWith(*candidates, *views.own, views.theirs(), now));
    WEFT_ASSIGN_OR_RETURN(const std::vector<rules::SetDocument> before,
                          SetWith({}, *views.own, views.theirs(), now));
    Judge(documents, before, NamesOf(*candidates), options_.kinds,
          {.analyse = true, .tests = true, .now = now}, judgement);
    return absl::OkStatus();
  }();
  judgement.Write(judged);
  if (!status.ok()) Fail(status, judged);
}

absl::StatusOr<v1::CheckResponse> DocumentService::CheckTexts(const std::string& tenant,
                                                              const v1::CheckRequest& request) {
  WEFT_ASSIGN_OR_RETURN(const Views views, ViewsOf(tenant));
  const std::vector<Candidate> candidates = ReadTexts(request.sources());
  Judgement judgement;
  v1::CheckResponse response;
  std::set<std::string> names = NamesOf(candidates);
  std::set<std::string> seen;
  for (const Candidate& candidate : candidates) {
    const std::string name = KeyOf(candidate.ref).ToText();
    judgement.Add(candidate.findings, names);
    if (candidate.sound && !seen.insert(name).second) {
      judgement.Add({{.code = "duplicate_id", .document = name,
                      .message = "two texts are this document"}}, names);
    }
    if (candidate.sound && !candidate.read.tenant.empty() && candidate.read.tenant != tenant) {
      judgement.Add({{.code = "scope_foreign", .document = name, .path = "scope.tenant",
                      .message = "the document is another tenant's",
                      .hint = "leave scope.tenant out"}}, names);
    }
  }
  const absl::Time now = Now(*views.own);
  WEFT_ASSIGN_OR_RETURN(const std::vector<rules::SetDocument> documents,
                        SetWith(candidates, *views.own, views.theirs(), now));
  WEFT_ASSIGN_OR_RETURN(const std::vector<rules::SetDocument> before,
                        SetWith({}, *views.own, views.theirs(), now));
  Judge(documents, before, names, options_.kinds, {.analyse = true, .tests = true, .now = now},
        judgement);
  for (const Candidate& candidate : candidates) {
    v1::Document& document = *response.add_documents();
    *document.mutable_ref() = candidate.ref;
    document.set_state(v1::DOCUMENT_STATE_DRAFT);
    document.set_hash(candidate.read.hash);
    document.set_title(candidate.read.title);
    document.set_owner(candidate.read.owner);
    document.set_validate_only(true);
  }
  v1::JudgedCommand written;
  judgement.Write(written);
  response.mutable_findings()->Swap(written.mutable_findings());
  response.set_passed(judgement.passed);
  response.set_tests_run(judgement.tests_run);
  response.set_tests_failed(judgement.tests_failed);
  return response;
}

void DocumentService::JudgePlan(const std::vector<rules::Activation>& plan,
                                const engine::RowReader& rows, const engine::RowReader* platform,
                                absl::Time now, v1::JudgedCommand& judged) {
  Judgement judgement;
  const auto before = SetWith({}, rows, platform, now);
  if (!before.ok()) return Fail(before.status(), judged);
  for (const rules::Activation& activation : plan) {
    std::set<std::string> about;
    for (const auto& [key, unused] : activation.changed) about.insert(key.ToText());
    const auto documents =
        SetOf(activation.documents, rows, platform, activation.effective_from);
    if (!documents.ok()) {
      Fail(documents.status(), judged);
      continue;
    }
    Judge(*documents, *before, about, options_.kinds, {.tests = true, .now = activation.effective_from},
          judgement);
  }
  judgement.Write(judged);
}

void DocumentService::JudgePublish(const v1::PublishRequest& request, const std::string& tenant,
                                   v1::JudgedCommand& judged) {
  const absl::Status status = [&]() -> absl::Status {
    WEFT_ASSIGN_OR_RETURN(const Views views, ViewsOf(tenant));
    WEFT_ASSIGN_OR_RETURN(const int64_t base, LastActivation(*views.own));
    judged.set_base(base);
    const absl::Time now = Now(*views.own);
    WEFT_ASSIGN_OR_RETURN(const std::vector<rules::Activation> plan,
                          PlanPublish(request, *views.own, now));
    JudgePlan(plan, *views.own, views.theirs(), now, judged);
    WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(*views.own));
    const rules::Activation* current = rules::ActiveAt(all, now);
    WEFT_ASSIGN_OR_RETURN(const rules::PublishingPolicy policy, ReadPolicy(*views.own, current));
    if (!policy.gates.any()) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(
        const std::optional<v1::SimulationRow> kept,
        views.own->Find(kSimulations, SimulationKey(plan[0].changed,
                                                    current == nullptr ? 0 : current->number)));
    if (!kept.has_value()) {
      rules::Finding finding{.code = "not_simulated",
                             .document = absl::StrCat("Policy/", rules::kPublishingPolicy),
                             .path = "gates",
                             .message = "these versions have not been simulated against what is "
                                        "active now",
                             .hint = "simulate them first"};
      SetFinding(finding, *judged.add_gates());
      return absl::OkStatus();
    }
    *judged.mutable_gates() = kept->report().gates();
    return absl::OkStatus();
  }();
  if (!status.ok()) Fail(status, judged);
}

void DocumentService::JudgeRollback(const v1::RollbackRequest& request, const std::string& tenant,
                                    v1::JudgedCommand& judged) {
  const absl::Status status = [&]() -> absl::Status {
    WEFT_ASSIGN_OR_RETURN(const Views views, ViewsOf(tenant));
    WEFT_ASSIGN_OR_RETURN(const int64_t base, LastActivation(*views.own));
    judged.set_base(base);
    const absl::Time now = Now(*views.own);
    WEFT_ASSIGN_OR_RETURN(const std::vector<rules::Activation> plan,
                          PlanRollback(request, *views.own, now));
    JudgePlan(plan, *views.own, views.theirs(), now, judged);
    return absl::OkStatus();
  }();
  if (!status.ok()) Fail(status, judged);
}

void DocumentService::PublishShipped(std::function<void(absl::Status)> done) {
  if (options_.shipped.empty()) {
    if (done) done(absl::OkStatus());
    return;
  }
  v1::CheckRequest request;
  for (const std::string& source : options_.shipped) request.add_sources(source);
  request.set_reason("shipped with the platform");
  engine::Command command{.method = kPublishShipped,
                          .request_id = OwnRequestId("shipped"),
                          .payload = engine::BytesOf(request),
                          .timeout = absl::Minutes(5)};
  command.principal.tenant = engine::kPlatformTenant;
  command.principal.subject = "platform";
  command.principal.roles = {"operator"};
  shards_.Submit(std::move(command), [this, done](absl::StatusOr<engine::Answer> answer) {
    if (!answer.ok() && log_ != nullptr) {
      log_->LogAs(options_.room, telemetry::Level::kError, "shipped documents not published",
                  telemetry::StatusFields(answer.status()));
    }
    if (done) done(answer.status());
  });
}

// --- Streams -------------------------------------------------------------------------

void DocumentService::WatchActivations(const CallContext& context,
                                       const v1::WatchActivationsRequest& request,
                                       rpc::Stream<v1::Activation> stream) {
  if (const absl::Status status = CheckRoom(request.room()); !status.ok()) {
    return stream.Finish(status);
  }
  auto watcher = std::make_shared<Watcher>(std::move(stream));
  watcher->tenant = context.principal.tenant;
  watcher->next = request.from();
  if (request.from() <= 0) {
    const auto view = shards_.Read(watcher->tenant);
    if (!view.ok()) return watcher->stream.Finish(view.status());
    const auto last = LastActivation(**view);
    if (!last.ok()) return watcher->stream.Finish(last.status());
    watcher->next = *last + 1;
  }
  std::weak_ptr<Watcher> weak = watcher;
  watcher->handle = shards_.Watch(watcher->tenant, [this, weak] {
    if (auto alive = weak.lock()) Post([this, alive] { Pump(alive); });
  });
  {
    MutexLock lock(mutex_);
    watchers_.erase(std::remove_if(watchers_.begin(), watchers_.end(),
                                   [](const auto& w) { return w->stream.done(); }),
                    watchers_.end());
    watchers_.push_back(watcher);
  }
  Post([this, watcher] { Pump(watcher); });
}

void DocumentService::Pump(const std::shared_ptr<Watcher>& watcher) {
  if (watcher->stream.done()) return;
  const auto view = shards_.Read(watcher->tenant);
  if (!view.ok()) return watcher->stream.Finish(view.status());
  while (true) {
    const auto activation =
        (*view)->Find(kActivations, engine::Key().Add(watcher->next).Take());
    if (!activation.ok()) return watcher->stream.Finish(activation.status());
    if (!activation->has_value() || !watcher->stream.Write(**activation)) return;
    ++watcher->next;
  }
}

// --- All of them -----------------------------------------------------------------------

void DocumentService::Bind(rpc::MethodRegistry& methods) {
  const std::string service = kService;
  service::BindCommand<v1::SaveDraftRequest>(methods, shards_, service + "SaveDraft");
  service::BindCommand<v1::ApproveRequest>(methods, shards_, service + "Approve");
  service::BindCommand<v1::WithdrawRequest>(methods, shards_, service + "Withdraw");
  BindJudged(methods, "Check", &DocumentService::JudgeCheck);
  BindJudged(methods, "Publish", &DocumentService::JudgePublish);
  BindJudged(methods, "Rollback", &DocumentService::JudgeRollback);
  BindSlow(methods, "Evaluate", &DocumentService::Evaluate);
  BindSlow(methods, "Simulate", &DocumentService::Simulate);
  BindTrials(methods);
  const auto read = [&]<typename Request, typename Response>(
                        const std::string& name,
                        absl::StatusOr<Response> (*answer)(const Request&,
                                                           const engine::RowReader&,
                                                           const engine::RowReader*, absl::Time)) {
    service::BindRead<Request, Response>(
        methods, shards_, service + name,
        [this, answer](const CallContext& context, const Request& request,
                       const engine::View& view) -> absl::StatusOr<Response> {
          WEFT_RETURN_IF_ERROR(CheckRoom(request.room()));
          WEFT_ASSIGN_OR_RETURN(const Views views, ViewsOf(context.principal.tenant));
          return answer(request, view, views.theirs(), Now(view));
        });
  };
  read("GetDocument", &GetDocument);
  read("ListDocuments", &ListDocuments);
  read("Diff", &Diff);
  service::BindRead<v1::ListActivationsRequest, v1::ListActivationsResponse>(
      methods, shards_, service + "ListActivations",
      [this](const CallContext&, const v1::ListActivationsRequest& request,
             const engine::View& view) -> absl::StatusOr<v1::ListActivationsResponse> {
        WEFT_RETURN_IF_ERROR(CheckRoom(request.room()));
        return ListActivations(request, view, Now(view));
      });
  methods.ServerStream<v1::WatchActivationsRequest, v1::Activation>(
      service + "WatchActivations",
      [this](const CallContext& context, const v1::WatchActivationsRequest& request,
             rpc::Stream<v1::Activation> stream) {
        WatchActivations(context, request, std::move(stream));
      });
}

}  // namespace weft::documents
