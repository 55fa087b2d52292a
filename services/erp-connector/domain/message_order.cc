#include "services/erp-connector/domain/message_order.h"

namespace weft::erp {
namespace {

Placement Compare(int64_t applied, int64_t incoming) {
  if (incoming > applied) return Placement::kNewer;
  return incoming == applied ? Placement::kSame : Placement::kOlder;
}

}  // namespace

Placement Place(const Marks& applied, const Marks& incoming) {
  if (applied.version.has_value() && incoming.version.has_value()) {
    return Compare(*applied.version, *incoming.version);
  }
  if (applied.changed_at_us.has_value() && incoming.changed_at_us.has_value()) {
    return Compare(*applied.changed_at_us, *incoming.changed_at_us);
  }
  return Placement::kArrival;
}

bool SamePlaceMayDiffer(const Marks& applied, const Marks& incoming) {
  return !(applied.version.has_value() && incoming.version.has_value());
}

Marks After(const Marks& applied, const Marks& incoming) {
  Marks after = incoming;
  if (!after.version.has_value()) after.version = applied.version;
  if (!after.changed_at_us.has_value()) after.changed_at_us = applied.changed_at_us;
  return after;
}

}  // namespace weft::erp
