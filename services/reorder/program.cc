#include "services/reorder/program.h"

#include <utility>

#include "services/reorder/app.h"

namespace weft::reorder {

engine::Program MakeProgram(const Neighbours& neighbours) {
  engine::Program program("reorder");
  program.Command(kReorderMethod, &RecordReorder);
  program.Events(engine::kTimeline, &OnFact);
  program.Events(kSalesOrdersTopic, &OnSalesOrder);
  program.Events(kErpOrdersTopic, &OnErpOrder);
  // No undo: an order that was submitted is cancelled by whoever wants that.
  program.Task(
      kSubmitTask,
      [&neighbours](const engine::TaskCall& call, engine::TaskDone done) {
        approval::v1::SubmitOrderRequest request;
        request.ParseFromString(call.payload);
        neighbours.SubmitOrder(call.payload,
                               {.tenant = call.tenant,
                                .user = request.user(),
                                .traceparent = "",
                                .timeout = absl::Seconds(10)},
                               std::move(done));
      },
      &OnSubmitted);
  return program;
}

}  // namespace weft::reorder
