// DocumentService: what is tried beside the active documents, and the decision log.
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/money/decimal.h"
#include "libs/service/documents/judge.h"
#include "libs/service/documents/owner.h"
#include "libs/service/documents/service.h"
#include "libs/service/documents/sets.h"
#include "libs/service/documents/store.h"
#include "libs/service/documents/trials.h"
#include "libs/service/room.h"

namespace weft::documents {
namespace {

constexpr char kShareDefault[] = "10";
constexpr int kRerunDefault = 1000;
constexpr int kRerunMax = 10'000;

absl::Status NothingTried() {
  return absl::UnimplementedError("this room tries nothing beside its active documents");
}

}  // namespace

absl::StatusOr<v1::ShadowRow> DocumentService::MakeShadow(const Principal& principal,
                                                          const v1::StartShadowRequest& request) {
  v1::ShadowRow row;
  v1::Shadow& shadow = *row.mutable_shadow();
  shadow.set_share_percent(request.share_percent().empty() ? kShareDefault
                                                           : request.share_percent());
  Decimal share;
  if (Decimal::ParseInto(shadow.share_percent(), share) != DecimalError::kOk ||
      share.sign() <= 0 || share > Decimal(100)) {
    return InvalidArgument("SHARE_INVALID",
                           absl::StrCat("share_percent '", shadow.share_percent().substr(0, 40),
                                        "' is not above 0 and at most 100"),
                           {{"field", "sharePercent"}});
  }
  WEFT_ASSIGN_OR_RETURN(const Views views, ViewsOf(principal.tenant));
  std::vector<Candidate> candidates = ReadTexts(request.sources());
  WEFT_ASSIGN_OR_RETURN(std::vector<Candidate> named,
                        ReadCandidates({request.documents().begin(),
                                        request.documents().end()},
                                       *views.own));
  for (Candidate& candidate : named) candidates.push_back(std::move(candidate));
  if (candidates.empty()) {
    return InvalidArgument("DOCUMENTS_REQUIRED", "name or give what is to be tried");
  }
  size_t bytes = 0;
  for (const Candidate& candidate : candidates) {
    WEFT_RETURN_IF_ERROR(CheckFailed(candidate.findings));
    v1::ActivatedDocument& document = *shadow.add_documents();
    *document.mutable_ref() = candidate.ref;
    document.set_hash(candidate.read.hash);
    row.add_sources(candidate.source);
    bytes += candidate.source.size();
  }
  if (bytes > kPublishBytesMax) {
    return InvalidArgument("SET_TOO_LARGE",
                           absl::StrCat("texts that are tried have at most ", kPublishBytesMax,
                                        " octets together, these have ", bytes));
  }
  WEFT_ASSIGN_OR_RETURN(std::vector<rules::SetDocument> documents,
                        SetWith(candidates, *views.own, views.theirs(), Now(*views.own)));
  WEFT_RETURN_IF_ERROR(Sets(std::move(documents), options_.kinds).Check());
  const absl::StatusOr<v1::Shadow> last = FindShadow(*views.own);
  if (!last.ok() && !absl::IsNotFound(last.status())) return last.status();
  if (last.ok() && last->running() && !request.replace()) {
    return FailedPrecondition("SHADOW_RUNNING",
                              absl::StrCat("shadow ", last->number(), " runs since ",
                                           absl::FormatTime(TimeOf(last->start_time())),
                                           "; end it, or ask to replace it"),
                              {{"number", absl::StrCat(last->number())}});
  }
  shadow.set_number(last.ok() ? last->number() + 1 : 1);
  shadow.set_reason(request.reason());
  return row;
}

void DocumentService::StartShadow(const rpc::CallContext& context,
                                  const v1::StartShadowRequest& request,
                                  rpc::Reply<v1::Shadow> reply) {
  if (options_.shadow_changed == nullptr) return reply(NothingTried(), {});
  absl::StatusOr<v1::ShadowRow> row = MakeShadow(context.principal, request);
  if (!row.ok()) {
    // A repeat meets what it has started itself: the shard knows its answer.
    if (ReasonOf(row.status()) != "SHADOW_RUNNING" || request.validate_only()) {
      return reply(row.status(), {});
    }
  } else if (request.validate_only()) {
    row->mutable_shadow()->set_validate_only(true);
    return reply(std::move(*row->mutable_shadow()), {});
  }
  const Sha256Digest digest = Sha256(request.SerializeAsString());
  engine::Command command{.method = kStartShadow,
                          .request_id = request.request_id(),
                          .principal = context.principal,
                          .payload = engine::BytesOf(row.ok() ? *row : v1::ShadowRow()),
                          .fingerprint = std::string(digest.begin(), digest.end()),
                          .traceparent = context.traceparent,
                          .timeout = context.Remaining()};
  shards_.Submit(std::move(command), [this, reply, refused = row.status(),
                                      tenant = context.principal.tenant](
                                         absl::StatusOr<engine::Answer> answer) {
    if (!answer.ok()) {
      const bool running = !refused.ok() && ReasonOf(answer.status()) == "JUDGED_ANEW";
      return reply(running ? refused : answer.status(), {});
    }
    v1::Shadow shadow;
    if (!shadow.ParseFromString(answer->payload)) {
      return reply(Internal("a stored answer is damaged"), {});
    }
    options_.shadow_changed(tenant);
    reply(std::move(shadow), {.replayed = answer->replayed});
  });
}

absl::StatusOr<v1::RerunDecisionsResponse> DocumentService::RerunDecisions(
    const Principal& principal, const v1::RerunDecisionsRequest& request) {
  if (options_.rerun == nullptr) {
    return absl::UnimplementedError("this room keeps no log of decisions");
  }
  const int most = request.most() <= 0 ? kRerunDefault : std::min(request.most(), kRerunMax);
  return options_.rerun(principal.tenant, most);
}

void DocumentService::BindTrials(rpc::MethodRegistry& methods) {
  const std::string service = kService;
  methods.Unary<v1::StartShadowRequest, v1::Shadow>(
      kStartShadow, [this](const rpc::CallContext& context, const v1::StartShadowRequest& request,
                           rpc::Reply<v1::Shadow> reply) {
        if (const absl::Status status = CheckRoom(request.room()); !status.ok()) {
          return reply(status, {});
        }
        if (!Post([this, context, request, reply] { StartShadow(context, request, reply); })) {
          reply(Busy(), {});
        }
      });
  service::BindCommand<v1::EndShadowRequest>(methods, shards_, service + "EndShadow");
  service::BindRead<v1::GetShadowRequest, v1::Shadow>(
      methods, shards_, service + "GetShadow",
      [this](const rpc::CallContext&, const v1::GetShadowRequest& request,
             const engine::View& view) -> absl::StatusOr<v1::Shadow> {
        WEFT_RETURN_IF_ERROR(CheckRoom(request.room()));
        return FindShadow(view);
      });
  service::BindRead<v1::ListDecisionsRequest, v1::ListDecisionsResponse>(
      methods, shards_, service + "ListDecisions",
      [this](const rpc::CallContext&, const v1::ListDecisionsRequest& request,
             const engine::View& view) -> absl::StatusOr<v1::ListDecisionsResponse> {
        WEFT_RETURN_IF_ERROR(CheckRoom(request.room()));
        return ListDecisions(request, view);
      });
  BindSlow(methods, "RerunDecisions", &DocumentService::RerunDecisions);
}

}  // namespace weft::documents
