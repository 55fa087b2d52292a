#include "services/gateway/front.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/cancellation.h"
#include "libs/telemetry/trace_context.h"
#include "services/gateway/domain/headers.h"
#include "services/gateway/error_body.h"
#include "services/gateway/openapi.h"

namespace weft::gateway {
namespace {

constexpr char kJson[] = "application/json";
constexpr char kProblem[] = "application/problem+json";
constexpr char kEvents[] = "text/event-stream";
constexpr char kLines[] = "application/x-ndjson";
constexpr char kOwn[] = "gateway";
// A stream without a first message answers its head after this long, so that a
// client knows it is connected. Before it, an error still has its own status.
constexpr absl::Duration kHeadAfter = absl::Seconds(1);
// Headers that pages of other origins may read.
constexpr char kExposed[] =
    "X-Request-Id, Weft-Token, Idempotent-Replayed, ETag, Retry-After, RateLimit, RateLimit-Policy";
constexpr char kAllowedHeaders[] =
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, "
    "traceparent, Accept-Language, Grpc-Timeout, Connect-Timeout-Ms, Last-Event-ID";

absl::string_view PathOf(absl::string_view target) { return target.substr(0, target.find('?')); }

absl::string_view QueryOf(absl::string_view target) {
  const size_t mark = target.find('?');
  return mark == absl::string_view::npos ? absl::string_view() : target.substr(mark + 1);
}

std::string RequestIdOf(const HttpRequest& request) {
  const absl::string_view sent = request.Header("X-Request-Id");
  return IsRequestId(sent) ? std::string(sent) : telemetry::RandomHex(8);
}

std::string EtagOf(absl::string_view body) {
  return absl::StrCat("\"", Hex(Sha256(body)).substr(0, 24), "\"");
}

std::string WholeSeconds(absl::Duration d) {
  return absl::StrCat(std::max<int64_t>(1, absl::ToInt64Seconds(absl::Ceil(d, absl::Seconds(1)))));
}

HttpResponse ErrorResponse(const absl::Status& status, const HttpRequest& request,
                           const ErrorContext& context) {
  HttpResponse response;
  response.status = HttpStatusOf(status);
  const bool problem = Accepts(request.Header("Accept"), kProblem);
  response.headers = {{"Content-Type", problem ? kProblem : kJson},
                      {"Cache-Control", "no-store"},
                      {"X-Request-Id", context.request_id}};
  response.body = problem ? ProblemJson(status, context) : StatusJson(status, context);
  if (response.status == 401) {
    response.headers.emplace_back(
        "WWW-Authenticate", request.HasHeader("Authorization")
                                ? "Bearer realm=\"weft\", error=\"invalid_token\""
                                : "Bearer realm=\"weft\"");
  }
  if (response.status == 429 || response.status == 503) {
    if (const auto delay = RetryDelay(status); delay.has_value()) {
      response.headers.emplace_back("Retry-After", WholeSeconds(*delay));
    }
  }
  if (response.status == 405) {
    for (const auto& [key, value] : MetadataOf(status)) {
      if (key == "allow") response.headers.emplace_back("Allow", value);
    }
  }
  return response;
}

}  // namespace

// One request on its way. Owned by what it waits for.
class Front::Call final : public std::enable_shared_from_this<Call> {
 public:
  Call(Front& front, std::shared_ptr<Exchange> exchange)
      : front_(front),
        exchange_(std::move(exchange)),
        request_(exchange_->request()),
        request_id_(RequestIdOf(request_)),
        started_(front.parts_.clock->Steady()) {}

  void Start() {
    if (front_.parts_.metrics != nullptr) front_.parts_.metrics->Started();
    absl::StatusOr<std::string> message = Prepare();
    if (!message.ok()) return Fail(message.status(), kOwn);
    if (method_->streams) return Stream(*std::move(message));
    Unary(*std::move(message));
  }

 private:
  // Everything before the room is asked.
  absl::StatusOr<std::string> Prepare() {
    const FrontParts& parts = front_.parts_;
    const std::string path(PathOf(request_.target));
    const std::string verb = request_.method == "HEAD" ? "GET" : request_.method;
    WEFT_ASSIGN_OR_RETURN(Router::Match match, parts.api->router().Find(verb, path));
    match_ = match.target;
    binding_ = &parts.api->bindings()[match_];
    method_ = &parts.api->methods()[binding_->method];

    WEFT_RETURN_IF_ERROR(Identify());
    const Verdict verdict = front_.TakeToken(options_.tenant, method_->route_class);
    NoteRate(verdict);
    if (!verdict.allowed) {
      return ResourceExhausted(
          "RATE_LIMITED",
          absl::StrCat("too many requests of class ", Name(method_->route_class),
                       "; repeat after the time in Retry-After"),
          {{"route_class", std::string(Name(method_->route_class))},
           {"retry_after_ms", absl::StrCat(absl::ToInt64Milliseconds(
                                  absl::Ceil(verdict.retry_after, absl::Milliseconds(1))))}});
    }
    WEFT_RETURN_IF_ERROR(SetDeadline());

    RestRequest rest{.variables = std::move(match.variables),
                     .query = QueryOf(request_.target),
                     .body = request_.body};
    if (binding_->has_body && !request_.body.empty()) WEFT_RETURN_IF_ERROR(CheckMediaType());
    if (request_.HasHeader("Idempotency-Key")) {
      WEFT_ASSIGN_OR_RETURN(rest.idempotency_key,
                            ParseIdempotencyKey(request_.Header("Idempotency-Key")));
    }
    rest.last_event_id = std::string(request_.Header("Last-Event-ID"));
    absl::string_view if_match = request_.Header("If-Match");
    if (if_match != "*") {
      absl::ConsumePrefix(&if_match, "\"");
      absl::ConsumeSuffix(&if_match, "\"");
      rest.if_match = std::string(if_match);
      has_if_match_ = !rest.if_match.empty();
    }
    const absl::Duration before = parts.clock->Steady();
    absl::StatusOr<std::string> message = front_.transcoder_.ToMessage(*binding_, rest);
    transcoding_ = parts.clock->Steady() - before;
    return message;
  }

  // Who calls, and whether this RPC is open to them at all.
  absl::Status Identify() {
    const rpc::AccessRow* row = front_.parts_.access->Find(method_->name);
    if (row != nullptr && row->is_public) return absl::OkStatus();
    if (front_.parts_.authenticator->open()) WEFT_RETURN_IF_ERROR(CheckLocal());
    const std::string authorization(request_.Header("Authorization"));
    WEFT_ASSIGN_OR_RETURN(const Principal principal,
                          front_.parts_.authenticator->Authenticate(
                              {.authorization = authorization,
                               .user = std::string(request_.Header("Weft-User"))}));
    // A method without a row is for its room to refuse.
    if (row != nullptr) WEFT_RETURN_IF_ERROR(rpc::CheckAccess(*row, method_->name, principal));
    options_.tenant = principal.tenant;
    options_.bearer = BearerToken(authorization).value_or("");
    if (options_.bearer.empty()) {
      options_.without_token = true;
      options_.user = principal.user;
    }
    options_.traceparent = telemetry::ChildTraceparent(request_.Header("traceparent"));
    options_.request_id = request_id_;
    options_.repeatable = method_->read_only || method_->request_id != nullptr;
    return absl::OkStatus();
  }

  // Where callers need no token, a web page that the user happens to visit must
  // not become one: neither across origins nor under a name that was made to
  // point here (DNS rebinding).
  absl::Status CheckLocal() const {
    const std::string host(request_.Header("Host"));
    if (!host.empty() && !IsLoopbackHost(host)) {
      return PermissionDenied(
          "HOST_NOT_ALLOWED",
          absl::StrCat("without tokens only localhost may be asked, not '", host,
                       "'; use http://127.0.0.1"),
          {{"host", host}});
    }
    const std::string origin(request_.Header("Origin"));
    if (origin.empty() || origin == absl::StrCat("http://", host) ||
        front_.options_.cors_origins.count(origin) > 0) {
      return absl::OkStatus();
    }
    return PermissionDenied("ORIGIN_NOT_ALLOWED",
                            absl::StrCat("pages of '", origin,
                                         "' may not ask here; name the origin in cors_origins"),
                            {{"origin", origin}});
  }

  absl::Status SetDeadline() {
    const FrontOptions& limits = front_.options_;
    absl::Duration timeout = method_->streams ? limits.stream_max : limits.deadline_default;
    if (request_.HasHeader("Grpc-Timeout")) {
      WEFT_ASSIGN_OR_RETURN(timeout, ParseGrpcTimeout(request_.Header("Grpc-Timeout")));
    } else if (request_.HasHeader("Connect-Timeout-Ms")) {
      WEFT_ASSIGN_OR_RETURN(timeout, ParseConnectTimeout(request_.Header("Connect-Timeout-Ms")));
    }
    options_.timeout =
        std::min(timeout, method_->streams ? limits.stream_max : limits.deadline_max);
    if (options_.timeout <= absl::ZeroDuration()) {
      return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                   "the request leaves no time for an answer; send a longer time-out");
    }
    return absl::OkStatus();
  }

  absl::Status CheckMediaType() const {
    const std::string type = MediaType(request_.Header("Content-Type"));
    const std::string encoding = MediaType(request_.Header("Content-Encoding"));
    if ((type.empty() || type == kJson || absl::EndsWith(type, "+json")) &&
        (encoding.empty() || encoding == "identity")) {
      return absl::OkStatus();
    }
    return InvalidArgument("MEDIA_TYPE_NOT_SUPPORTED",
                           absl::StrCat("a body of type '", type, "' and encoding '", encoding,
                                        "' is not taken; send application/json as it is"),
                           {{"content_type", type}, {"content_encoding", encoding}});
  }

  void NoteRate(const Verdict& verdict) {
    if (!verdict.limited) return;
    const Rate& rate = front_.options_.rates[static_cast<size_t>(method_->route_class)];
    const double burst = std::max(rate.burst, 1.0);
    const std::string name = absl::StrCat("\"", Name(method_->route_class), "\"");
    rate_headers_ = {
        {"RateLimit-Policy", absl::StrCat(name, ";q=", static_cast<int64_t>(burst), ";w=",
                                          WholeSeconds(absl::Seconds(burst / rate.per_second)))},
        {"RateLimit", absl::StrCat(name, ";r=", static_cast<int64_t>(verdict.remaining))}};
  }

  rpc::Client* Room() const {
    const auto it = front_.parts_.rooms.find(method_->room);
    return it == front_.parts_.rooms.end() ? nullptr : it->second;
  }

  absl::Status NoRoom() const {
    return Unavailable("ROOM_UNAVAILABLE",
                       absl::StrCat("room ", method_->room, " is not connected; repeat later"),
                       {{"room", method_->room}});
  }

  // --- One answer ------------------------------------------------------------

  void Unary(std::string message) {
    rpc::Client* room = Room();
    if (room == nullptr) return Fail(NoRoom(), kOwn);
    options_.cancellation = std::make_shared<rpc::Cancellation>();
    exchange_->OnGone([cancellation = options_.cancellation] { cancellation->Cancel(); });
    room->CallRaw(method_->name, std::move(message), options_,
                  [self = shared_from_this()](absl::StatusOr<rpc::RawAnswer> answer) {
                    self->Answer(std::move(answer));
                  });
  }

  void Answer(absl::StatusOr<rpc::RawAnswer> answer) {
    if (!answer.ok()) return Fail(answer.status(), method_->room);
    HttpResponse response;
    const absl::Duration before = front_.parts_.clock->Steady();
    const absl::Status written =
        front_.transcoder_.ToJson(*method_, answer->payload, response.body);
    transcoding_ += front_.parts_.clock->Steady() - before;
    if (!written.ok()) return Fail(written, kOwn);
    response.headers = CommonHeaders(kJson);
    if (!answer->token.empty()) response.headers.emplace_back("Weft-Token", answer->token);
    if (answer->replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
    if (binding_->http_method == "GET") {
      const std::string etag = EtagOf(response.body);
      response.headers.emplace_back("ETag", etag);
      if (MatchesEtag(request_.Header("If-None-Match"), etag)) {
        response.status = 304;
        response.body.clear();
      }
    }
    Finish(response.status);
    exchange_->Respond(std::move(response));
  }

  // --- A stream --------------------------------------------------------------

  void Stream(std::string message) {
    rpc::Client* room = Room();
    if (room == nullptr) return Fail(NoRoom(), kOwn);
    events_ = Accepts(request_.Header("Accept"), kEvents);
    auto self = shared_from_this();
    exchange_->OnGone([self] { self->CancelStream(); });
    exchange_->After(std::min(kHeadAfter, front_.options_.heartbeat), [self] {
      {
        MutexLock lock(self->mutex_);
        if (self->ended_) return;
        self->BeginStream();
      }
      self->NextHeartbeat();
    });
    std::unique_ptr<rpc::StreamHandle> handle = room->StreamRaw(
        method_->name, std::move(message), options_,
        {.message = [self](std::string bytes) { self->OnMessage(bytes); },
         .end = [self](absl::Status status) { self->OnEnd(status); }});
    MutexLock lock(mutex_);
    // It may have ended before we got here; then the handle is of no use.
    if (!ended_) {
      handle_ = std::move(handle);
      if (cancelled_) handle_->Cancel();
    }
  }

  // Cancelling is enough: OnEnd still comes and closes the books.
  void CancelStream() {
    MutexLock lock(mutex_);
    cancelled_ = true;
    if (handle_ != nullptr) handle_->Cancel();
  }

  void BeginStream() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (begun_) return;
    begun_ = true;
    HttpResponse head;
    head.headers = CommonHeaders(events_ ? kEvents : kLines);
    // Proxies would keep pieces back.
    head.headers.emplace_back("X-Accel-Buffering", "no");
    exchange_->BeginStream(std::move(head));
  }

  void NextHeartbeat() {
    exchange_->After(front_.options_.heartbeat, [self = shared_from_this()] {
      {
        MutexLock lock(self->mutex_);
        if (self->ended_) return;
        if (self->events_) self->exchange_->Write(": still here\n\n");
      }
      self->NextHeartbeat();
    });
  }

  void OnMessage(const std::string& bytes) {
    std::string json;
    const absl::Status written = front_.transcoder_.ToJson(*method_, bytes, json);
    bool taken = false;
    {
      MutexLock lock(mutex_);
      if (ended_ || cancelled_) return;
      if (written.ok()) {
        BeginStream();
        ++messages_;
        std::string id = Transcoder::EventId(*method_, bytes);
        if (id.empty()) id = absl::StrCat(messages_);
        taken = exchange_->Write(events_ ? absl::StrCat("id: ", id, "\ndata: ", json, "\n\n")
                                         : absl::StrCat(json, "\n"));
        if (!taken) too_slow_ = true;
      }
    }
    if (!taken) CancelStream();
  }

  void OnEnd(absl::Status status) {
    std::unique_ptr<rpc::StreamHandle> handle;  // Dropped outside the lock.
    {
      MutexLock lock(mutex_);
      if (ended_) return;
      ended_ = true;
      handle = std::move(handle_);
      if (too_slow_) {
        status = ResourceExhausted("STREAM_TOO_SLOW",
                                   "the stream was read more slowly than it grew; connect again");
      }
      if (!begun_ && !status.ok()) {
        // Nothing was sent yet, so the error is an answer like any other.
      } else {
        BeginStream();
      }
    }
    if (!begun_) return Fail(status, method_->room);
    std::string last;
    if (!status.ok()) {
      const std::string body = StatusJson(status, Context(too_slow_ ? kOwn : method_->room));
      last = events_ ? absl::StrCat("event: error\ndata: ", body, "\n\n")
                     : absl::StrCat("{\"error\":", body, "}\n");
    }
    Finish(status.ok() ? 200 : HttpStatusOf(status));
    exchange_->EndStream(std::move(last));
  }

  // --- The end ---------------------------------------------------------------

  ErrorContext Context(absl::string_view room) const {
    return {.room = std::string(room),
            .request_id = request_id_,
            .path = std::string(PathOf(request_.target))};
  }

  Headers CommonHeaders(absl::string_view type) const {
    Headers headers = {{"Content-Type", std::string(type)},
                       {"Cache-Control", "no-store"},
                       {"X-Request-Id", request_id_}};
    headers.insert(headers.end(), rate_headers_.begin(), rate_headers_.end());
    front_.AddCors(request_, headers);
    return headers;
  }

  // The caller is shown the request id alone; what went wrong stands here.
  void LogCause(const absl::Status& status, absl::string_view room) const {
    telemetry::Logger* log = front_.parts_.log;
    const bool ours = status.code() == absl::StatusCode::kInternal ||
                      status.code() == absl::StatusCode::kUnknown ||
                      status.code() == absl::StatusCode::kDataLoss;
    if (!ours || log == nullptr || !log->Enabled(telemetry::Level::kError)) return;
    log->Log(telemetry::Level::kError, "answered INTERNAL",
             {{"room", std::string(room)}, {"cause", std::string(status.message())}},
             {.traceparent = options_.traceparent,
              .request_id = request_id_,
              .tenant = options_.tenant});
  }

  void Fail(const absl::Status& status, absl::string_view room) {
    LogCause(status, room);
    HttpResponse response = ErrorResponse(status, request_, Context(room));
    if (has_if_match_ && status.code() == absl::StatusCode::kAborted) response.status = 412;
    response.headers.insert(response.headers.end(), rate_headers_.begin(), rate_headers_.end());
    front_.AddCors(request_, response.headers);
    Finish(response.status);
    exchange_->Respond(std::move(response));
  }

  void Finish(int status) {
    const absl::Duration duration = front_.parts_.clock->Steady() - started_;
    if (HttpMetrics* metrics = front_.parts_.metrics; metrics != nullptr) {
      metrics->Finished(binding_ == nullptr ? std::nullopt : std::optional<size_t>(match_), status,
                        duration);
      if (method_ != nullptr) metrics->Transcoded(transcoding_);
    }
    Log(status, duration);
  }

  void Log(int status, absl::Duration duration) const {
    telemetry::Logger* log = front_.parts_.log;
    const telemetry::Level level =
        status >= 500 ? telemetry::Level::kWarning : telemetry::Level::kDebug;
    if (log == nullptr || !log->Enabled(level)) return;
    log->Log(level, "http request",
             {{"route", binding_ == nullptr ? std::string("none") : binding_->path},
              {"method", binding_ == nullptr ? std::string("none") : binding_->http_method},
              {"code", status},
              {"duration_ms", absl::ToDoubleMilliseconds(duration)}},
             {.traceparent = options_.traceparent,
              .request_id = request_id_,
              .tenant = options_.tenant});
  }

  Front& front_;
  const std::shared_ptr<Exchange> exchange_;
  const HttpRequest& request_;
  const std::string request_id_;
  const absl::Duration started_;
  size_t match_ = 0;  // Index of binding_.
  const Binding* binding_ = nullptr;
  const Method* method_ = nullptr;
  rpc::CallOptions options_;
  absl::Duration transcoding_;
  Headers rate_headers_;
  bool has_if_match_ = false;

  // Of a stream.
  bool events_ = false;
  Mutex mutex_;
  std::unique_ptr<rpc::StreamHandle> handle_ ABSL_GUARDED_BY(mutex_);
  int64_t messages_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Written under the lock; read without it once the stream has ended.
  bool begun_ = false;
  bool too_slow_ = false;
};

Front::Front(FrontOptions options, FrontParts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      transcoder_(*parts_.api),
      openapi_(OpenApiDocument(*parts_.api, options_.version)),
      openapi_etag_(EtagOf(openapi_)),
      limiter_(options_.rates) {}

void Front::Handle(std::shared_ptr<Exchange> exchange) {
  const absl::string_view path = PathOf(exchange->request().target);
  if (Preflight(*exchange, path) || Builtin(*exchange, path)) return;
  std::make_shared<Call>(*this, std::move(exchange))->Start();
}

HttpResponse Front::Refuse(const absl::Status& status, const HttpRequest& request) const {
  return ErrorResponse(status, request,
                       {.room = kOwn,
                        .request_id = RequestIdOf(request),
                        .path = std::string(PathOf(request.target)).substr(0, 256)});
}

bool Front::Builtin(Exchange& exchange, absl::string_view path) const {
  const HttpRequest& request = exchange.request();
  if (request.method != "GET" && request.method != "HEAD") return false;
  HttpResponse response;
  response.headers = {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}};
  if (path == "/livez") {
    response.body = "ok\n";
  } else if (path == "/readyz") {
    response.status = ready_ ? 200 : 503;
    response.body = ready_ ? "ok\n" : "stopping\n";
  } else if (path == "/v1/openapi.json") {
    response.headers = {{"Content-Type", kJson},
                        {"Cache-Control", "no-cache"},
                        {"ETag", openapi_etag_}};
    if (MatchesEtag(request.Header("If-None-Match"), openapi_etag_)) {
      response.status = 304;
    } else {
      response.body = openapi_;
    }
    AddCors(request, response.headers);
  } else {
    return false;
  }
  exchange.Respond(std::move(response));
  return true;
}

bool Front::Preflight(Exchange& exchange, absl::string_view path) const {
  const HttpRequest& request = exchange.request();
  if (request.method != "OPTIONS") return false;
  const std::vector<std::string> allowed = parts_.api->router().Allowed(path);
  if (allowed.empty()) return false;
  const std::string methods = absl::StrCat(absl::StrJoin(allowed, ", "), ", OPTIONS");
  HttpResponse response{.status = 204, .headers = {{"Allow", methods}}, .body = ""};
  const std::string origin(request.Header("Origin"));
  if (request.HasHeader("Access-Control-Request-Method") &&
      options_.cors_origins.count(origin) > 0) {
    AddCors(request, response.headers);
    response.headers.emplace_back("Access-Control-Allow-Methods", methods);
    response.headers.emplace_back("Access-Control-Allow-Headers", kAllowedHeaders);
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  exchange.Respond(std::move(response));
  return true;
}

void Front::AddCors(const HttpRequest& request, Headers& headers) const {
  if (options_.cors_origins.empty()) return;
  headers.emplace_back("Vary", "Origin");
  const std::string origin(request.Header("Origin"));
  if (origin.empty() || options_.cors_origins.count(origin) == 0) return;
  headers.emplace_back("Access-Control-Allow-Origin", origin);
  headers.emplace_back("Access-Control-Allow-Credentials", "true");
  headers.emplace_back("Access-Control-Expose-Headers", kExposed);
}

Verdict Front::TakeToken(const std::string& tenant, RouteClass route_class) {
  if (options_.rates[static_cast<size_t>(route_class)].per_second <= 0) return {};
  MutexLock lock(mutex_);
  return limiter_.Take(tenant, route_class, parts_.clock->Steady());
}

}  // namespace weft::gateway
