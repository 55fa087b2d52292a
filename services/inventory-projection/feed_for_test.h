// Feeds the room's topics as the ERP connector would, on any log.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"
#include "libs/eventlog/event_log.h"
#include "services/inventory-projection/app.h"
#include "services/inventory-projection/convert.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::inventory {

class Feed {
 public:
  // Creates the topics. `log` outlives the feed.
  Feed(eventlog::EventLog& log, std::string tenant)
      : log_(log),
        tenant_(std::move(tenant)),
        partition_(static_cast<int32_t>(PartitionOf(tenant_))) {
    for (const char* topic : {engine::kTimeline, kMovementsTopic, kErpOrdersTopic}) {
      WEFT_CHECK_OK(log_.EnsureTopic(topic, {}));
    }
  }

  template <typename Message>
  void Say(const std::string& topic, const std::string& subject, const Message& message) {
    const std::string type = message.GetTypeName();
    const std::string time = engine::FormatEventTime(absl::Now());
    eventlog::NewRecord record;
    record.key = absl::StrCat(tenant_, absl::string_view("\0", 1), subject);
    record.headers = engine::MakeEventHeaders({.room = "erp-connector",
                                               .number = ++numbers_[topic],
                                               .type = type,
                                               .time_text = time,
                                               .subject = subject,
                                               .tenant = tenant_});
    record.value = message.SerializeAsString();
    waiting_[topic].push_back(std::move(record));
  }

  // Item `sku` with `on_hand` at one location.
  void Stock(const std::string& sku, int64_t on_hand, const std::string& location = "DEN",
             absl::Time watermark = absl::UnixEpoch() + absl::Hours(1)) {
    facts::v1::ItemChanged item;
    item.set_sku(sku);
    item.set_base_unit("EA");
    Say(engine::kTimeline, absl::StrCat("items/", sku), item);
    stock::v1::StockCounted counted;
    counted.set_sku(sku);
    counted.set_location(location);
    counted.set_on_hand(absl::StrCat(on_hand));
    *counted.mutable_watermark() = ToTimestamp(watermark);
    Say(kMovementsTopic, absl::StrCat(sku, "@", location), counted);
  }

  // Makes what was said durable. The token of the last word about stock.
  engine::Token Flush() {
    for (auto& [topic, records] : waiting_) {
      if (records.empty()) continue;
      WEFT_CHECK_OK(eventlog::AppendAndWait(log_, {topic, partition_}, std::move(records)));
      records.clear();
    }
    return {.room = "erp-connector",
            .partition = static_cast<uint32_t>(partition_),
            .topic = kMovementsTopic,
            .number = numbers_[kMovementsTopic]};
  }

 private:
  eventlog::EventLog& log_;
  const std::string tenant_;
  const int32_t partition_;
  std::map<std::string, int64_t> numbers_;
  std::map<std::string, std::vector<eventlog::NewRecord>> waiting_;
};

}  // namespace weft::inventory
