// How many orders a second one shard takes from the shop through an approval to
// the ERP, on the embedded log, without RPC. Pricing and inventory answer at once.
//
// One order is five durable turns: submitted; priced, checked and put to an
// approver; approved by a person; stock held; hold made firm and released.
//
//   approval_bench [--folder=DIR] [--seconds=5] [--callers=64]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/open.h"
#include "libs/eventlog/embedded_log.h"
#include "services/approval/app_common.h"
#include "services/approval/program.h"
#include "services/approval/tasks.h"
#include "weft/directory/v1/directory.pb.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/inventory/v1/inventory.pb.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::approval {
namespace {

using Clock = std::chrono::steady_clock;

struct Flags {
  std::string folder = std::filesystem::temp_directory_path() / "weft-approval-bench";
  double seconds = 5;
  int callers = 64;
};

constexpr char kTenant[] = "bench";

// Tells a driver thread of each order that reached a state it waits for.
class Steps final : public engine::ReadModel {
 public:
  struct Step {
    std::string order;
    std::string approval;
    v1::OrderState state = v1::ORDER_STATE_UNSPECIFIED;
  };

  void Load(const engine::ChangedRow&) override {}
  void Apply(const std::vector<engine::ChangedRow>& rows, const std::string&,
             engine::Position) override {
    for (const engine::ChangedRow& row : rows) {
      if (row.table != kOrders.id || !row.value.has_value()) continue;
      v1::OrderRow parsed;
      parsed.ParseFromArray(row.value->data() + 1, static_cast<int>(row.value->size()) - 1);
      const v1::OrderState state = parsed.order().state();
      if (state != v1::ORDER_STATE_PENDING_APPROVAL && state != v1::ORDER_STATE_SENT) continue;
      const std::lock_guard lock(mutex_);
      steps_.push_back({row.key, parsed.order().approval(), state});
      changed_.notify_one();
    }
  }
  // False when there is none within 100 ms.
  bool Next(Step& step) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::milliseconds(100),
                           [&] { return !steps_.empty(); })) {
      return false;
    }
    step = std::move(steps_.front());
    steps_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Step> steps_;
};

void Neighbours(engine::Program& program) {
  pricing::v1::CalculatePricesResponse prices;
  pricing::v1::PriceLine& line = *prices.add_lines();
  line.set_sku("X");
  line.mutable_quantity()->set_unit("EA");
  line.mutable_unit_price()->set_amount("20.00");
  line.mutable_unit_price()->set_currency_code("GBP");
  line.mutable_net()->set_amount("2000.00");
  line.mutable_net()->set_currency_code("GBP");
  line.set_decision_id("d");
  inventory::v1::Reservation reservation;
  reservation.set_name("reservations/r");
  const auto always = [](std::string answer) {
    return [answer](const engine::TaskCall&, engine::TaskDone done) { done(answer); };
  };
  program.tasks.at(kPriceTask).executor = always(prices.SerializeAsString());
  for (const char* kind : {kReserveTask, kConfirmTask, kReleaseTask}) {
    program.tasks.at(kind).executor = always(reservation.SerializeAsString());
  }
}

// Facts as the ERP connector would tell them.
class Feed {
 public:
  explicit Feed(eventlog::EventLog& log) : log_(log) {
    for (const char* topic : {engine::kTimeline, app::kErpTopic, app::kDirectoryTopic}) {
      WEFT_CHECK_OK(log_.EnsureTopic(topic, {}));
    }
  }
  template <typename Message>
  engine::Token Say(const std::string& topic, const std::string& subject,
                    const Message& message) {
    const uint32_t partition = PartitionOf(kTenant);
    eventlog::NewRecord record;
    record.key = absl::StrCat(kTenant, absl::string_view("\0", 1), subject);
    record.headers =
        engine::MakeEventHeaders({.room = "erp-connector",
                                  .number = ++numbers_[topic],
                                  .type = message.GetTypeName(),
                                  .time_text = engine::FormatEventTime(absl::UnixEpoch()),
                                  .subject = subject,
                                  .tenant = kTenant});
    record.value = message.SerializeAsString();
    std::vector<eventlog::NewRecord> records;
    records.push_back(std::move(record));
    WEFT_CHECK_OK(eventlog::AppendAndWait(log_, {topic, static_cast<int32_t>(partition)},
                                          std::move(records)));
    return {.room = "erp-connector",
            .partition = partition,
            .topic = topic,
            .number = numbers_[topic]};
  }

 private:
  eventlog::EventLog& log_;
  std::map<std::string, int64_t> numbers_;
};

int Run(const Flags& flags) {
  std::filesystem::remove_all(flags.folder);
  std::filesystem::create_directories(flags.folder);
  SystemClock clock;
  eventlog::EmbeddedLogOptions log_options;
  log_options.path = flags.folder + "/log";
  auto log = eventlog::EmbeddedLog::Open(log_options, clock);
  WEFT_CHECK_OK(log);
  Settings settings = FromConfig({}).value();
  settings.builtin.hold = HoldRule::kApproved;
  engine::Program program = MakeProgram(settings, {});
  Neighbours(program);
  Steps steps;
  program.read_models.push_back(&steps);
  engine::Options options;
  options.folder = flags.folder + "/room";
  auto shards = engine::Open(options, program, **log, clock);
  WEFT_CHECK_OK(shards);

  Feed feed(**log);
  facts::v1::AccountChanged account;
  account.set_account("A");
  account.set_currency_code("GBP");
  directory::v1::UserChanged ann;
  ann.set_user("ann");
  ann.set_manager("bob");
  directory::v1::UserChanged bob;
  bob.set_user("bob");
  bob.mutable_approval_limit()->set_amount("5000");
  bob.mutable_approval_limit()->set_currency_code("GBP");
  feed.Say(app::kDirectoryTopic, "users/ann", ann);
  for (const engine::Token& token : {feed.Say(engine::kTimeline, "accounts/A", account),
                                     feed.Say(app::kDirectoryTopic, "users/bob", bob)}) {
    std::promise<absl::Status> applied;
    (*shards)->WaitFor(kTenant, token, absl::Seconds(30),
                       [&](absl::Status status) { applied.set_value(std::move(status)); });
    WEFT_CHECK_OK(applied.get_future().get());
  }

  Principal principal;
  principal.tenant = kTenant;
  principal.roles = {"storefront"};
  principal.accounts = {"*"};
  const auto submit = [&](const std::string& method, const std::string& request_id,
                          const google::protobuf::MessageLite& request) {
    engine::Command command;
    command.method = method;
    command.request_id = request_id;
    command.principal = principal;
    command.payload = request.SerializeAsString();
    (*shards)->Submit(std::move(command),
                      [](absl::StatusOr<engine::Answer> answer) { WEFT_CHECK_OK(answer); });
  };
  int64_t started = 0;
  std::map<std::string, Clock::time_point> begun;
  const auto order = [&] {
    v1::SubmitOrderRequest request;
    request.set_account("A");
    request.set_user("ann");
    request.set_external_order_id(absl::StrCat("w", ++started));
    v1::NewLine& line = *request.add_lines();
    line.set_sku("X");
    line.mutable_quantity()->set_value("100");
    submit("weft.approval.v1.OrderService/SubmitOrder", absl::StrCat("s", started), request);
  };
  const auto start = Clock::now();
  const auto until = start + std::chrono::duration<double>(flags.seconds);
  for (int i = 0; i < flags.callers; ++i) {
    order();
  }
  std::vector<double> latencies;  // From the approver's view: asked to released.
  int64_t done = 0;
  int running = flags.callers;
  Steps::Step step;
  while (running > 0) {
    if (!steps.Next(step)) continue;
    if (step.state == v1::ORDER_STATE_PENDING_APPROVAL) {
      begun[step.order] = Clock::now();
      v1::DecideRequest decide;
      decide.set_name(step.approval);
      decide.set_decision(v1::DECISION_APPROVE);
      decide.set_user("bob");
      submit("weft.approval.v1.ApprovalService/Decide", absl::StrCat("d", step.order), decide);
      continue;
    }
    latencies.push_back(
        std::chrono::duration<double>(Clock::now() - begun.at(step.order)).count());
    begun.erase(step.order);
    ++done;
    if (Clock::now() < until) {
      order();
    } else {
      --running;
    }
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  (*shards)->Stop();
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&](double q) {
    return 1000 * latencies[static_cast<size_t>(q * static_cast<double>(latencies.size() - 1))];
  };
  std::printf("approval: %.0f orders/s, %.0f durable steps/s, decided to released p50 %.2f ms, "
              "p99 %.2f ms\n",
              static_cast<double>(done) / took, 5 * static_cast<double>(done) / took, at(0.5),
              at(0.99));
  shards->reset();
  log->reset();
  std::filesystem::remove_all(flags.folder);
  return 0;
}

}  // namespace
}  // namespace weft::approval

int main(int argc, char** argv) {
  weft::approval::Flags flags;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--folder=", 9) == 0) flags.folder = argv[i] + 9;
    if (std::strncmp(argv[i], "--seconds=", 10) == 0) flags.seconds = std::atof(argv[i] + 10);
    if (std::strncmp(argv[i], "--callers=", 10) == 0) flags.callers = std::atoi(argv[i] + 10);
  }
  return weft::approval::Run(flags);
}
