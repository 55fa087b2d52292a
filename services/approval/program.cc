#include "services/approval/program.h"

#include "services/approval/app.h"
#include "services/approval/app_common.h"
#include "services/approval/tasks.h"

namespace weft::approval {
namespace {

template <typename Request, typename Response>
void Command(engine::Program& program, const std::string& method, const Settings& settings,
             absl::StatusOr<Response> (*handler)(const Settings&, const Request&, engine::Turn&)) {
  program.Command<Request, Response>(
      method, [settings, handler](const Request& request, engine::Turn& turn) {
        return handler(settings, request, turn);
      });
}

rpc::Client* RoomNamed(const std::map<std::string, rpc::Client*>& rooms, const char* name) {
  const auto it = rooms.find(name);
  return it == rooms.end() ? nullptr : it->second;
}

}  // namespace

engine::Program MakeProgram(const Settings& settings,
                            const std::map<std::string, rpc::Client*>& rooms) {
  engine::Program program("approval");
  const std::string quotes = kQuoteService;
  const std::string orders = kOrderService;
  Command(program, quotes + "CreateQuote", settings, &app::CreateQuote);
  Command(program, quotes + "SendQuote", settings, &app::SendQuote);
  Command(program, quotes + "AcceptQuote", settings, &app::AcceptQuote);
  Command(program, quotes + "DeclineQuote", settings, &app::DeclineQuote);
  Command(program, orders + "SubmitOrder", settings, &app::SubmitOrder);
  Command(program, orders + "CancelOrder", settings, &app::CancelOrder);
  Command(program, std::string(kApprovalService) + "Decide", settings, &app::Decide);
  Command(program, std::string(kPolicyService) + "SetPolicy", settings, &app::SetPolicy);

  const auto events = [&](const char* topic, auto handler) {
    program.Events(topic, [settings, handler](const engine::Event& event, engine::Turn& turn) {
      return handler(settings, event, turn);
    });
  };
  events(engine::kTimeline, &app::OnFact);
  events(app::kErpTopic, &app::OnErpEvent);
  events(app::kDirectoryTopic, &app::OnDirectory);
  program.Compacted(app::kDirectoryTopic);
  program.Emits(app::kSalesTopic, {});

  const auto timer = [&](const char* kind, auto handler) {
    program.Timer(kind, [settings, handler](const engine::TimerFired& fired, engine::Turn& turn) {
      handler(settings, fired, turn);
    });
  };
  timer(app::kApprovalDeadline, &app::OnApprovalDeadline);
  timer(app::kQuoteExpiry, &app::OnQuoteExpiry);
  timer(app::kErpSilent, &app::OnErpSilent);

  const auto task = [&](const char* kind, const char* room, const char* method, auto handler) {
    program.Task(kind, CallRoom(RoomNamed(rooms, room), method),
                 [settings, handler](const engine::TaskResult& result, engine::Turn& turn) {
                   handler(settings, result, turn);
                 });
  };
  constexpr char kCalculate[] = "weft.pricing.v1.PricingService/CalculatePrices";
  task(kPriceTask, "pricing", kCalculate, &app::OnPrices);
  task(kQuotePriceTask, "pricing", kCalculate, &app::OnQuotePrices);
  task(kReserveTask, "inventory-projection", "weft.inventory.v1.InventoryService/Reserve",
       &app::OnReserved);
  task(kConfirmTask, "inventory-projection", "weft.inventory.v1.InventoryService/Confirm",
       &app::OnConfirmed);
  task(kReleaseTask, "inventory-projection", "weft.inventory.v1.InventoryService/Release",
       &app::OnReleased);
  return program;
}

}  // namespace weft::approval
