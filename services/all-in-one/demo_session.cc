#include "services/all-in-one/demo_session.h"

#include <unistd.h>

#include <cstdio>
#include <future>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/client.h"
#include "services/all-in-one/mesh.h"
#include "tools/demo/catalogue.h"
#include "tools/demo/online_retail.h"
#include "tools/weft/progress.h"
#include "tools/weft/terminal.h"
#include "weft/erp/v1/erp.pb.h"

namespace weft {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(30);
constexpr absl::Duration kRetryPause = absl::Milliseconds(200);

rpc::CallOptions AsDemo() {
  rpc::CallOptions options;
  options.timeout = kCallTimeout;
  options.tenant = kDemoTenant;
  return options;
}

template <typename Response, typename Request>
absl::StatusOr<Response> CallAndWait(rpc::Client& client, const std::string& method,
                                     const Request& request) {
  std::promise<absl::StatusOr<Response>> answer;
  client.Call<Request, Response>(method, request, AsDemo(),
                                 [&answer](absl::StatusOr<Response> response) {
                                   answer.set_value(std::move(response));
                                 });
  return answer.get_future().get();
}

bool WorthRepeating(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded ||
         status.code() == absl::StatusCode::kResourceExhausted;
}

}  // namespace

DemoSession::DemoSession(service::Process& process, std::string data_file)
    : process_(process), data_file_(std::move(data_file)) {}

DemoSession::~DemoSession() { Stop(); }

void DemoSession::Start() {
  thread_ = std::thread([this] { Run(); });
}

void DemoSession::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  if (player_ != nullptr) player_->Stop();
  player_.reset();
}

void DemoSession::Run() {
  const absl::Status fed = Feed();
  if (!fed.ok()) {
    if (!stopping_) {
      std::fprintf(stderr, "demo: %s (%s); the mesh goes on without it\n",
                   std::string(fed.message()).c_str(), ReasonOf(fed).c_str());
    }
    return;
  }
  player_ = std::make_unique<demo::Player>(
      process_.event_log(), absl::StrCat("erp.", kDemoConnection, ".out"),
      [this](const std::string& id, const std::string& text) { return Ingest(id, text); });
  const absl::Status playing = player_->Start();
  if (!playing.ok()) {
    std::fprintf(stderr, "demo: the ERP cannot be played: %s\n",
                 std::string(playing.message()).c_str());
    return;
  }
  std::fprintf(stderr, "demo: ready; the ERP answers orders\n");
}

absl::Status DemoSession::Feed() {
  erp::v1::ListLoadsRequest loads;
  loads.set_connection(kDemoConnection);
  WEFT_ASSIGN_OR_RETURN(const auto listed,
                        CallAndWait<erp::v1::ListLoadsResponse>(
                            process_.client("erp-connector"),
                            "weft.erp.v1.ErpService/ListLoads", loads));
  for (const erp::v1::Load& load : listed.loads()) {
    if (load.state() == erp::v1::LOAD_STATE_ENDED) return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(std::vector<demo::InvoiceLine> lines, demo::ReadOnlineRetail(data_file_));
  const demo::Catalogue catalogue = demo::MakeCatalogue(std::move(lines));
  const demo::Feed feed(catalogue, {.shift = demo::ShiftTo(catalogue, absl::Now())});
  const SystemClock clock;
  cli::Terminal terminal{.in = std::cin,
                         .out = std::cout,
                         .err = std::cerr,
                         .err_is_terminal = isatty(STDERR_FILENO) == 1,
                         .steady = [&clock] { return clock.Steady(); }};
  cli::Progress progress(terminal, "auto", "demo", "messages", feed.count());
  return demo::Send(
      feed, [this](const std::string& id, const std::string& text) { return Ingest(id, text); },
      [&progress](int64_t done, int64_t /*total*/) { progress.Update(done, 0); });
}

absl::Status DemoSession::Ingest(const std::string& request_id, const std::string& text) {
  erp::v1::IngestRequest request;
  request.set_connection(kDemoConnection);
  request.set_request_id(request_id);
  request.set_text(text);
  while (true) {
    if (stopping_) return absl::CancelledError("the process stops");
    const auto answer = CallAndWait<erp::v1::IngestResponse>(
        process_.client("erp-connector"), "weft.erp.v1.ErpService/Ingest", request);
    if (answer.ok()) return absl::OkStatus();
    if (!WorthRepeating(answer.status())) return answer.status();
    absl::SleepFor(kRetryPause);  // The room is busy or starts anew; the id makes it safe.
  }
}

}  // namespace weft
