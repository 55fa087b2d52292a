// Rows to what the API shows.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "services/erp-connector/config.h"
#include "services/erp-connector/domain/kind.h"
#include "weft/erp/v1/erp.pb.h"
#include "weft/erp/v1/state.pb.h"

namespace weft::erp {

v1::ParkedMessage ToProto(const v1::ParkedRow& row, bool with_data);
v1::Load ToProto(int64_t number, const v1::LoadRow& row);
v1::Export ToProto(const v1::ExportRow& row, bool with_text);
v1::Connection ToProto(const ConnectionSettings& settings, const v1::ConnectionRow& row);

// "orders/<id>" for "<id>" or "orders/<id>".
std::string OrderName(absl::string_view order);

}  // namespace weft::erp
