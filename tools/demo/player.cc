#include "tools/demo/player.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/erp-connector/json_tree.h"
#include "services/erp-connector/json_writer.h"

namespace weft::demo {
namespace {

using erp::JsonTree;
using erp::JsonWriter;

constexpr absl::Duration kPollTimeout = absl::Milliseconds(500);
constexpr absl::Duration kRetryPause = absl::Milliseconds(200);
constexpr size_t kRecordsMax = 100;

std::string Text(const JsonTree& tree, uint32_t object, absl::string_view name) {
  const uint32_t member = tree.Member(object, name);
  return member == 0 ? "" : std::string(tree[member].text);
}

JsonWriter Envelope(absl::string_view type, const std::string& id) {
  JsonWriter json;
  json.BeginObject().Text("type", type).Text("id", id).BeginObject("data");
  return json;
}

std::string End(JsonWriter& json) { return json.EndObject().EndObject().Take(); }

// Where a line's stock is held: {location, base quantity}.
using Source = std::pair<std::string, std::string>;
std::vector<Source> SourcesOf(const JsonTree& tree, uint32_t line) {
  std::vector<Source> sources;
  const uint32_t list = tree.Member(line, "sources");
  if (list != 0) {
    for (uint32_t i = list + 1; i < tree[list].next; i = tree[i].next) {
      sources.emplace_back(Text(tree, i, "location"), Text(tree, i, "baseQuantity"));
    }
  }
  if (sources.empty()) {
    const std::string base = Text(tree, line, "baseQuantity");
    sources.emplace_back(kLocations[0], base.empty() ? Text(tree, line, "quantity") : base);
  }
  return sources;
}

std::vector<std::string> AnswerPlaced(const JsonTree& tree, uint32_t data) {
  const std::string order = Text(tree, data, "order");
  const std::string id(absl::StripPrefix(order, "orders/"));
  const std::string time = Text(tree, data, "time");
  const std::string shipment = absl::StrCat("SH-", id);
  const uint32_t lines = tree.Member(data, "lines");
  std::vector<std::string> answers;

  JsonWriter acknowledged = Envelope("order.acknowledged", absl::StrCat("ack-", id));
  acknowledged.Text("order", order).Text("erpOrder", absl::StrCat("SO-", id)).Text("time", time);
  answers.push_back(End(acknowledged));
  if (lines == 0) return answers;

  JsonWriter shipped = Envelope("order.shipped", absl::StrCat("ship-", id));
  shipped.Text("order", order).Text("shipment", shipment).Text("time", time).BeginArray("lines");
  std::vector<std::string> movements;
  for (uint32_t line = lines + 1; line < tree[lines].next; line = tree[line].next) {
    const std::string number = Text(tree, line, "line");
    const std::string base = Text(tree, line, "baseQuantity");
    const bool in_base = base.empty() || base == Text(tree, line, "quantity");
    const std::vector<Source> sources = SourcesOf(tree, line);
    for (size_t i = 0; i < sources.size(); ++i) {
      // A line in a unit of its own ships from one place as it was ordered.
      if (!in_base && i > 0) break;
      const std::string& moved = in_base ? sources[i].second : base;
      shipped.BeginObject()
          .Raw("line", number)
          .Text("sku", Text(tree, line, "sku"))
          .Text("location", sources[i].first)
          .Text("quantity", in_base ? moved : Text(tree, line, "quantity"))
          .Text("baseQuantity", moved)
          .EndObject();
      const std::string movement = absl::StrCat("MV-", id, "-", number, "-", i + 1);
      JsonWriter json = Envelope("stock.movement", movement);
      json.Text("movement", movement)
          .Text("sku", Text(tree, line, "sku"))
          .Text("location", sources[i].first)
          .Text("quantity", absl::StrCat("-", moved))
          .Text("posted", time)
          .Text("order", order)
          .Text("shipment", shipment);
      movements.push_back(End(json));
    }
  }
  shipped.EndArray();
  answers.push_back(End(shipped));
  answers.insert(answers.end(), movements.begin(), movements.end());

  JsonWriter invoiced = Envelope("invoice", absl::StrCat("invoice-", id));
  invoiced.Text("invoice", absl::StrCat("IV-", id))
      .Text("order", order)
      .Text("account", Text(tree, data, "account"))
      .Text("time", time)
      .Text("currencyCode", Text(tree, data, "currencyCode"))
      .BeginArray("lines");
  for (uint32_t line = lines + 1; line < tree[lines].next; line = tree[line].next) {
    invoiced.BeginObject()
        .Raw("line", Text(tree, line, "line"))
        .Text("sku", Text(tree, line, "sku"))
        .Text("quantity", Text(tree, line, "quantity"))
        .TextIf("unit", Text(tree, line, "unit"))
        .Text("unitPrice", Text(tree, line, "unitPrice"))
        .Text("net", Text(tree, line, "net"))
        .EndObject();
  }
  invoiced.EndArray();
  answers.push_back(End(invoiced));
  return answers;
}

// The moment of the order would be better, but a cancel does not carry it; any
// fixed one keeps the answer the same when it is said again.
constexpr char kCancelTime[] = "2000-01-01T00:00:00Z";

std::vector<std::string> AnswerCancel(const JsonTree& tree, uint32_t data,
                                      const std::string& message_id) {
  JsonWriter json = Envelope("order.cancel-answered", absl::StrCat("answer-", message_id));
  json.Text("order", Text(tree, data, "order"))
      .Raw("accepted", "false")
      .Text("reason", "the goods have left already")
      .Text("time", kCancelTime);
  return {End(json)};
}

}  // namespace

absl::StatusOr<std::vector<std::string>> AnswerOrder(absl::string_view text) {
  JsonTree tree;
  erp::Problem problem;
  if (!tree.Parse(text, problem)) return InvalidArgument("ORDER_UNREADABLE", problem.message);
  const uint32_t data = tree.Member(0, "data");
  const std::string type = Text(tree, 0, "type");
  if (data == 0) return InvalidArgument("ORDER_UNREADABLE", "the message has no data");
  if (type == "order.place") return AnswerPlaced(tree, data);
  if (type == "order.cancel") return AnswerCancel(tree, data, Text(tree, 0, "id"));
  return std::vector<std::string>();
}

Player::Player(eventlog::EventLog& log, std::string topic, IngestFunction ingest)
    : log_(log), topic_(std::move(topic)), ingest_(std::move(ingest)) {}

Player::~Player() { Stop(); }

absl::Status Player::Start() {
  WEFT_ASSIGN_OR_RETURN(const int32_t partitions, log_.PartitionCount(topic_));
  std::vector<eventlog::StartPosition> positions;
  for (int32_t partition = 0; partition < partitions; ++partition) {
    const eventlog::TopicPartition where{topic_, partition};
    WEFT_ASSIGN_OR_RETURN(const eventlog::Watermarks marks, log_.GetWatermarks(where));
    positions.push_back({.where = where, .next_offset = marks.begin, .last_applied = {}});
  }
  WEFT_ASSIGN_OR_RETURN(reader_, log_.OpenReader(std::move(positions)));
  stopping_ = false;
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Player::Stop() {
  stopping_ = true;
  if (reader_ != nullptr) reader_->Wake();
  if (thread_.joinable()) thread_.join();
}

void Player::Run() {
  while (!stopping_) {
    const auto batches = reader_->Poll(kPollTimeout, kRecordsMax);
    if (!batches.ok()) {
      absl::SleepFor(kRetryPause);
      continue;
    }
    for (const eventlog::Batch& batch : *batches) {
      for (const eventlog::Record& record : batch.records) {
        if (!record.value.has_value()) continue;
        const auto answers = AnswerOrder(*record.value);
        if (!answers.ok() || answers->empty()) continue;
        const std::string request_id =
            absl::StrCat("player-", batch.where.partition, "-", record.offset);
        const std::string text = absl::StrJoin(*answers, "\n");
        // The ERP connector may be starting; an order waits for its answer.
        while (!stopping_ && !ingest_(request_id, text).ok()) absl::SleepFor(kRetryPause);
        ++answered_;
      }
    }
  }
}

}  // namespace weft::demo
