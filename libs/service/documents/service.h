// weft.documents.v1.DocumentService for a room: binds the owner's commands and
// answers its reads.
//
//   documents::MountOwner("pricing", program);             // owner.h
//   DocumentService service({.room = "pricing", .kinds = kinds, .shipped = texts},
//                           shards, clock, log);
//   service.Bind(methods);
//   service.PublishShipped();
//
// Compiling takes milliseconds to seconds, so it happens on a thread of the
// service: first the set is judged there, then the shard carries the command out if
// it still stands on what was judged; otherwise it is judged anew.
//
// Safe from any thread. Outlives no call: the server stops first.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/base/sync.h"
#include "libs/engine/shards.h"
#include "libs/rpc/server.h"
#include "libs/rules/documents/activation.h"
#include "libs/rules/documents/compile.h"
#include "libs/telemetry/log.h"
#include "weft/documents/v1/documents.pb.h"
#include "weft/documents/v1/state.pb.h"

namespace weft::documents {

// Finds what is compiled for a scope; nullptr where it does not compile.
using CompiledFor =
    std::function<const rules::CompiledSet*(const rules::DocumentScope& scope)>;

// What a room compares candidates with the baseline on: its cases. Fills figures,
// groups and accounts; gates, baseline and seconds are filled by the caller.
using Simulator = std::function<absl::StatusOr<v1::SimulateResponse>(
    const v1::SimulateRequest& request, const std::string& tenant, const CompiledFor& baseline,
    const CompiledFor& candidate)>;

// Takes logged decisions again; see RerunDecisions.
using Rerun = std::function<absl::StatusOr<v1::RerunDecisionsResponse>(const std::string& tenant,
                                                                       int most)>;

struct ServiceOptions {
  std::string room;
  rules::Kinds kinds;
  std::vector<std::string> shipped;  // Texts of the platform's documents.
  Simulator simulate;                // May be null: UNIMPLEMENTED.
  Rerun rerun;                       // May be null: UNIMPLEMENTED.
  // Told the tenant when a shadow was started or ended here; null where the room tries
  // nothing beside what is active: UNIMPLEMENTED.
  std::function<void(const std::string& tenant)> shadow_changed;
};

class DocumentService {
 public:
  // `shards`, `clock` and `log` (may be null) outlive it.
  DocumentService(ServiceOptions options, engine::Shards& shards, const Clock& clock,
                  telemetry::Logger* log);
  ~DocumentService();

  void Bind(rpc::MethodRegistry& methods);
  // Publishes shipped documents whose hash differs from what is active. Returns at
  // once; `done` is called when it is durable.
  void PublishShipped(std::function<void(absl::Status)> done = nullptr);

 private:
  class Reads;
  struct Watcher;
  using Task = std::function<void()>;

  template <typename Request>
  void BindJudged(rpc::MethodRegistry& methods, const std::string& name,
                  void (DocumentService::*judge)(const Request&, const std::string& tenant,
                                                 v1::JudgedCommand&));
  template <typename Request, typename Response>
  void BindSlow(rpc::MethodRegistry& methods, const std::string& name,
                absl::StatusOr<Response> (DocumentService::*answer)(const Principal&,
                                                                    const Request&));
  void SubmitJudged(const std::string& method, const rpc::CallContext& context,
                    std::string request_id, std::string bytes,
                    std::function<void(v1::JudgedCommand&)> judge, int tries,
                    rpc::RawReply reply);

  void JudgeCheck(const v1::CheckRequest& request, const std::string& tenant,
                  v1::JudgedCommand& judged);
  void JudgePublish(const v1::PublishRequest& request, const std::string& tenant,
                    v1::JudgedCommand& judged);
  void JudgeRollback(const v1::RollbackRequest& request, const std::string& tenant,
                     v1::JudgedCommand& judged);
  absl::StatusOr<v1::CheckResponse> CheckTexts(const std::string& tenant,
                                               const v1::CheckRequest& request);
  absl::StatusOr<v1::EvaluateResponse> Evaluate(const Principal& principal,
                                                const v1::EvaluateRequest& request);
  absl::StatusOr<v1::SimulateResponse> Simulate(const Principal& principal,
                                                const v1::SimulateRequest& request);
  absl::StatusOr<v1::RerunDecisionsResponse> RerunDecisions(
      const Principal& principal, const v1::RerunDecisionsRequest& request);
  void StartShadow(const rpc::CallContext& context, const v1::StartShadowRequest& request,
                   rpc::Reply<v1::Shadow> reply);
  absl::StatusOr<v1::ShadowRow> MakeShadow(const Principal& principal,
                                           const v1::StartShadowRequest& request);
  void BindTrials(rpc::MethodRegistry& methods);
  void WatchActivations(const rpc::CallContext& context,
                        const v1::WatchActivationsRequest& request,
                        rpc::Stream<v1::Activation> stream);
  void Pump(const std::shared_ptr<Watcher>& watcher);
  // Judges planned activations: each with the platform of its time.
  void JudgePlan(const std::vector<rules::Activation>& plan, const engine::RowReader& rows,
                 const engine::RowReader* platform, absl::Time now, v1::JudgedCommand& judged);

  struct Views {
    std::unique_ptr<engine::View> own;
    std::unique_ptr<engine::View> platform;  // nullptr: the tenant is the platform.
    const engine::RowReader* theirs() const { return platform.get(); }
  };
  absl::StatusOr<Views> ViewsOf(const std::string& tenant);
  // Shard time stands still while nothing happens.
  absl::Time Now(const engine::View& view) const { return std::max(view.now(), clock_.Wall()); }
  // Of commands of the service's own.
  std::string OwnRequestId(absl::string_view what);
  absl::Status CheckRoom(const std::string& room) const;
  // False when too much waits.
  bool Post(Task task);
  static absl::Status Busy();
  static std::string service_name();
  void Work();

  std::atomic<int64_t> own_requests_{0};
  const ServiceOptions options_;
  engine::Shards& shards_;
  const Clock& clock_;
  telemetry::Logger* const log_;
  Mutex mutex_;
  CondVar posted_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mutex_);
  std::thread worker_;
};

template <typename Request, typename Response>
void DocumentService::BindSlow(rpc::MethodRegistry& methods, const std::string& name,
                               absl::StatusOr<Response> (DocumentService::*answer)(
                                   const Principal&, const Request&)) {
  methods.Unary<Request, Response>(
      service_name() + name, [this, answer](const rpc::CallContext& context, const Request& request,
                                      rpc::Reply<Response> reply) {
        if (const absl::Status status = CheckRoom(request.room()); !status.ok()) {
          return reply(status, {});
        }
        const bool posted = Post([this, answer, principal = context.principal, request, reply] {
          reply((this->*answer)(principal, request), {});
        });
        if (!posted) reply(Busy(), {});
      });
}

// Reads from rows (reads.cc).
absl::StatusOr<v1::Document> GetDocument(const v1::GetDocumentRequest& request,
                                         const engine::RowReader& rows,
                                         const engine::RowReader* platform, absl::Time now);
absl::StatusOr<v1::ListDocumentsResponse> ListDocuments(const v1::ListDocumentsRequest& request,
                                                        const engine::RowReader& rows,
                                                        const engine::RowReader* platform,
                                                        absl::Time now);
absl::StatusOr<v1::DiffResponse> Diff(const v1::DiffRequest& request,
                                      const engine::RowReader& rows,
                                      const engine::RowReader* platform, absl::Time now);
absl::StatusOr<v1::ListActivationsResponse> ListActivations(
    const v1::ListActivationsRequest& request, const engine::RowReader& rows, absl::Time now);

}  // namespace weft::documents
