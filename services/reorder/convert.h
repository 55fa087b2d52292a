// Protos to domain values and back; nothing else knows both.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "libs/engine/shards.h"
#include "services/reorder/domain/item.h"
#include "services/reorder/domain/proposal.h"
#include "services/reorder/domain/rhythm.h"
#include "weft/common/v1/common.pb.h"
#include "weft/reorder/v1/reorder.pb.h"
#include "weft/reorder/v1/state.pb.h"

namespace weft::reorder {

google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);
common::v1::Money ToProto(const Money& money);
// nullopt for a text that is no money.
std::optional<Money> FromProto(const common::v1::Money& money);
std::optional<Decimal> ParseDecimal(const std::string& text);

Item ToItem(const v1::ItemRow& row);
// Lines of a source; those whose quantity does not parse are left out by the records.
std::vector<SourceLine> ToLines(const v1::SourceRow& row);
v1::ReorderLine ToProto(const ProposedLine& line);
v1::Rhythm ToProto(const Rhythm& rhythm);
void FillFreshness(const engine::View& view, common::v1::Freshness& freshness);

}  // namespace weft::reorder
