#include "services/erp-connector/records.h"

#include "services/erp-connector/app.h"
#include "services/erp-connector/exports.h"
#include "services/erp-connector/topics.h"

namespace weft::erp {

void DeclareRecords(const Settings& settings, engine::Program& program) {
  for (const auto& one : settings.connections) {
    const ConnectionSettings& connection = one.second;
    program.Raw({.topic = connection.topic_in,
                 .tenant = connection.tenant,
                 .handler = [&settings, &connection](const engine::RawRecord& record,
                                                     engine::Turn& turn) {
                   return app::TakeRecord(settings, connection, record, turn);
                 }});
  }
  program.Events(kSalesOrdersTopic, [&settings](const engine::Event& event, engine::Turn& turn) {
    return OnSalesOrder(settings, event, turn);
  });
}

}  // namespace weft::erp
