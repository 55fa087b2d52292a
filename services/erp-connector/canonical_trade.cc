// Stock, invoices and what the ERP says about orders.
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/erp-connector/canonical_read.h"
#include "weft/sales/v1/sales.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::erp::read {
namespace {

namespace sales = weft::sales::v1;
namespace stock = weft::stock::v1;

// Most lines of a document.
constexpr uint32_t kLinesMax = 5000;

// The order a message answers, with "orders/" in front.
void ReadOrderName(Fields& data, bool required, std::string& into) {
  std::string text;
  if (data.Text("order", {.required = required, .length_max = 100}, text) && !text.empty()) {
    into = OrderName(text);
  }
}

void ReadInvoicedLines(Fields& data, const std::string& currency,
                       google::protobuf::RepeatedPtrField<sales::InvoicedLine>& lines) {
  bool cleared = false;
  const uint32_t node = data.List("lines", true, 1, kLinesMax, cleared);
  if (node == 0) return;
  lines.Clear();
  ForEachObject(data, node, "lines", [&](Fields& element, int /*index*/) {
    sales::InvoicedLine& line = *lines.Add();
    int64_t number = 0;
    element.Whole("line", {.min = 0, .max = 1000000}, number);
    line.set_line(static_cast<int32_t>(number));
    element.Text("sku", kId, *line.mutable_sku());
    element.Decimal("quantity", {.required = true}, *line.mutable_quantity()->mutable_value());
    element.Text("unit", kUnit, *line.mutable_quantity()->mutable_unit());
    element.Decimal("unitPrice", {.required = true}, *line.mutable_unit_price()->mutable_amount());
    line.mutable_unit_price()->set_currency_code(currency);
    element.Decimal("net", {.required = true}, *line.mutable_net()->mutable_amount());
    line.mutable_net()->set_currency_code(currency);
  });
}

}  // namespace

void ReadStockCount(Fields& data, Content& content) {
  auto& event = EventOf<stock::StockCounted>(content);
  data.Text("sku", kId, *event.mutable_sku());
  data.Text("location", kId, *event.mutable_location());
  data.Decimal("onHand", {.required = true}, *event.mutable_on_hand());
  data.Decimal("safety", {.sign = Sign::kNotNegative}, *event.mutable_safety());
  ReadTime(data, "watermark", true, *event.mutable_watermark());
  ReadTexts(data, "unseenMovements", 1000, kLongId, *event.mutable_unseen_movements());
  content.references.push_back({Kind::kItem, {event.sku()}});
  content.references.push_back({Kind::kLocation, {event.location()}});
}

void ReadStockMovement(Fields& data, Content& content) {
  auto& event = EventOf<stock::StockMoved>(content);
  data.Text("movement", kLongId, *event.mutable_movement());
  data.Text("sku", kId, *event.mutable_sku());
  data.Text("location", kId, *event.mutable_location());
  data.Decimal("quantity", {.required = true}, *event.mutable_quantity());
  ReadTime(data, "posted", true, *event.mutable_posted());
  ReadOrderName(data, false, *event.mutable_order());
  data.Text("shipment", {.length_max = 100}, *event.mutable_shipment());
  content.references.push_back({Kind::kItem, {event.sku()}});
  content.references.push_back({Kind::kLocation, {event.location()}});
}

// History is not checked against items and accounts: it may name what is long gone.
void ReadInvoice(Fields& data, Content& content) {
  auto& event = EventOf<sales::OrderInvoiced>(content);
  data.Text("invoice", kLongId, *event.mutable_invoice());
  data.Text("account", kId, *event.mutable_account());
  ReadOrderName(data, false, *event.mutable_order());
  data.Text("creditOf", {.length_max = 100}, *event.mutable_credit_of());
  ReadTime(data, "time", true, *event.mutable_time());
  data.Currency("currencyCode", true, *event.mutable_currency_code());
  ReadInvoicedLines(data, event.currency_code(), *event.mutable_lines());
}

void ReadOrder(Fields& data, Content& content) {
  auto& event = EventOf<sales::OrderRecorded>(content);
  data.Text("erpOrder", kLongId, *event.mutable_erp_order());
  data.Text("account", kId, *event.mutable_account());
  ReadTime(data, "time", true, *event.mutable_time());
  data.Currency("currencyCode", true, *event.mutable_currency_code());
  data.Text("buyerReference", kName, *event.mutable_buyer_reference());
  data.Text("state", kOptionalId, *event.mutable_state());
  ReadInvoicedLines(data, event.currency_code(), *event.mutable_lines());
}

void ReadOrderAcknowledged(Fields& data, Content& content) {
  auto& event = EventOf<sales::OrderAcknowledged>(content);
  ReadOrderName(data, true, *event.mutable_order());
  data.Text("erpOrder", kLongId, *event.mutable_erp_order());
  ReadTime(data, "time", true, *event.mutable_time());
  bool cleared = false;
  const uint32_t node = data.List("lines", false, 0, kLinesMax, cleared);
  if (node == 0) return;
  event.clear_lines();
  ForEachObject(data, node, "lines", [&](Fields& element, int /*index*/) {
    sales::AcknowledgedLine& line = *event.add_lines();
    int64_t number = 0;
    element.Whole("line", {.required = true, .min = 1, .max = 1000000}, number);
    line.set_line(static_cast<int32_t>(number));
    element.Decimal("confirmed", {.required = true, .sign = Sign::kNotNegative},
                    *line.mutable_confirmed());
    element.Decimal("backordered", {.sign = Sign::kNotNegative}, *line.mutable_backordered());
    element.Decimal("rejected", {.sign = Sign::kNotNegative}, *line.mutable_rejected());
    element.Text("reason", kNote, *line.mutable_reason());
    weft::common::v1::Money price;
    bool no_price = false;
    if (ReadMoney(element, "unitPrice", false, Sign::kNotNegative, price, no_price)) {
      *line.mutable_unit_price() = std::move(price);
    }
  });
}

void ReadOrderRejected(Fields& data, Content& content) {
  auto& event = EventOf<sales::OrderRejected>(content);
  ReadOrderName(data, true, *event.mutable_order());
  data.Text("reason", {.required = true, .length_max = 2000, .free_text = true},
            *event.mutable_reason());
  ReadTime(data, "time", true, *event.mutable_time());
}

void ReadOrderShipped(Fields& data, Content& content) {
  auto& event = EventOf<sales::OrderShipped>(content);
  ReadOrderName(data, true, *event.mutable_order());
  data.Text("shipment", kLongId, *event.mutable_shipment());
  ReadTime(data, "time", true, *event.mutable_time());
  data.Text("tracking", kName, *event.mutable_tracking());
  bool cleared = false;
  const uint32_t node = data.List("lines", true, 1, kLinesMax, cleared);
  if (node == 0) return;
  event.clear_lines();
  ForEachObject(data, node, "lines", [&](Fields& element, int /*index*/) {
    sales::ShippedLine& line = *event.add_lines();
    int64_t number = 0;
    element.Whole("line", {.required = true, .min = 1, .max = 1000000}, number);
    line.set_line(static_cast<int32_t>(number));
    element.Text("sku", kOptionalId, *line.mutable_sku());
    element.Text("location", kId, *line.mutable_location());
    element.Decimal("quantity", {.required = true, .sign = Sign::kPositive},
                    *line.mutable_quantity());
    element.Decimal("baseQuantity", {.sign = Sign::kPositive}, *line.mutable_base_quantity());
  });
}

void ReadOrderCancelAnswered(Fields& data, Content& content) {
  auto& event = EventOf<sales::OrderCancelAnswered>(content);
  ReadOrderName(data, true, *event.mutable_order());
  bool accepted = false;
  data.Flag("accepted", true, accepted);
  event.set_accepted(accepted);
  data.Text("reason", kNote, *event.mutable_reason());
  ReadTime(data, "time", true, *event.mutable_time());
  bool cleared = false;
  const uint32_t node = data.List("lines", false, 0, kLinesMax, cleared);
  if (node == 0) return;
  event.clear_lines();
  const JsonTree& tree = data.tree();
  int index = 0;
  for (uint32_t i = node + 1; i < tree[node].next && data.ok(); i = tree[i].next, ++index) {
    int64_t number = 0;
    const std::string place = absl::StrCat("lines[", index, "]");
    if (tree[i].kind != JsonTree::Kind::kNumber) {
      data.Fail("FIELD_TYPE", place, "must be a whole number");
    } else if (!absl::SimpleAtoi(tree[i].text, &number) || number < 1 || number > 1000000) {
      data.Fail("FIELD_RANGE", place, "is not a line number");
    }
    event.add_lines(static_cast<int32_t>(number));
  }
}

}  // namespace weft::erp::read
