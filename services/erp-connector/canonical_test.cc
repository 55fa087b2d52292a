#include "services/erp-connector/canonical.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "libs/testing/paths.h"
#include "services/erp-connector/record_form.h"
#include "services/erp-connector/schema_check.h"
#include "weft/facts/v1/facts.pb.h"

namespace weft::erp {
namespace {

Problem Read(absl::string_view bytes, Envelope* out_envelope = nullptr,
             Content* out_content = nullptr) {
  JsonTree tree;
  std::string scratch;
  Unwrapped found;
  Problem problem;
  Envelope envelope;
  Content content;
  if (Unwrap(bytes, tree, scratch, found, problem) &&
      ReadEnvelope(tree, found.root, envelope, problem)) {
    LoadMessage load;
    if (InfoOf(envelope.kind).nature == Nature::kControl) {
      ReadLoad(tree, envelope, load, problem);
    } else if (!envelope.deleted) {
      if (envelope.patch) {
        // A patch is read onto what is known; here onto something complete.
        content.event = NewEvent(envelope.kind);
        if (auto* contract = dynamic_cast<weft::facts::v1::ContractChanged*>(content.event.get())) {
          contract->set_account("1");
          contract->set_sku("A");
          contract->set_discount_percent("5");
        }
      }
      ReadContent(tree, envelope, content, problem);
    }
  }
  if (out_envelope != nullptr) *out_envelope = envelope;
  if (out_content != nullptr) *out_content = std::move(content);
  return problem;
}

std::string Schema() {
  std::ifstream file(testing::SourceDir() + "/services/erp-connector/canonical.schema.json");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// `type` and `data` of a message, and the reason and path it must give; "" = good.
struct Row {
  const char* message;
  const char* reason;
  const char* path = "";
};

#define M(type, data) R"({"type":")" type R"(","id":"m1","version":1,"data":)" data "}"

const Row kRows[] = {
    {M("item", R"({"sku":"85123A","baseUnit":"EA"})"), ""},
    {M("item", R"({"sku":"85123A","baseUnit":"EA","name":"WHITE HEART","units":[{"unit":"CS","numerator":12,"denominator":1}],"categories":["A","B"],"state":"PHASE_OUT","successorSku":"X","taxClass":"S","minimumQuantity":"2","quantityStep":0.5,"cost":{"amount":"1.20","currencyCode":"GBP"},"x-own":{"a":[1]}})"), ""},
    {M("item", R"({"sku":"85123A"})"), "FIELD_REQUIRED", "$.data.baseUnit"},
    {M("item", R"({"sku":85123,"baseUnit":"EA"})"), "FIELD_TYPE", "$.data.sku"},
    {M("item", R"({"sku":"","baseUnit":"EA"})"), "FIELD_FORMAT", "$.data.sku"},
    {M("item", R"({"sku":" A","baseUnit":"EA"})"), "FIELD_FORMAT", "$.data.sku"},
    {M("item", R"({"sku":"A\nB","baseUnit":"EA"})"), "FIELD_FORMAT", "$.data.sku"},
    {M("item", R"({"sku":"12345678901234567890123456789012345678901","baseUnit":"EA"})"), "FIELD_TOO_LONG", "$.data.sku"},
    {M("item", R"({"sku":"äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüä","baseUnit":"EA"})"), ""},
    {M("item", R"({"sku":"A","baseUnit":"EA","state":"GONE"})"), "FIELD_FORMAT", "$.data.state"},
    {M("item", R"({"sku":"A","baseUnit":"EA","state":"UNSPECIFIED"})"), "FIELD_FORMAT", "$.data.state"},
    {M("item", R"({"sku":"A","baseUnit":"EA","units":[{"unit":"CS","numerator":0,"denominator":1}]})"), "FIELD_RANGE", "$.data.units[0].numerator"},
    {M("item", R"({"sku":"A","baseUnit":"EA","units":[{"unit":"CS","numerator":1.5,"denominator":1}]})"), "FIELD_FORMAT", "$.data.units[0].numerator"},
    {M("item", R"({"sku":"A","baseUnit":"EA","units":{"unit":"CS"}})"), "FIELD_TYPE", "$.data.units"},
    {M("item", R"({"sku":"A","baseUnit":"EA","quantityStep":0})"), "FIELD_RANGE", "$.data.quantityStep"},
    {M("item", R"({"sku":"A","baseUnit":"EA","quantityStep":"-1"})"), "FIELD_RANGE", "$.data.quantityStep"},
    {M("item", R"({"sku":"A","baseUnit":"EA","quantityStep":"1,5"})"), "FIELD_FORMAT", "$.data.quantityStep"},
    {M("item", R"({"sku":"A","baseUnit":"EA","quantityStep":true})"), "FIELD_TYPE", "$.data.quantityStep"},
    {M("item", R"({"sku":"A","baseUnit":"EA","weight":3})"), "FIELD_UNKNOWN", "$.data.weight"},
    {M("item", R"({"sku":"A","baseUnit":"EA","name":null})"), ""},
    {M("item", R"({"sku":"A","baseUnit":null})"), "FIELD_REQUIRED", "$.data.baseUnit"},
    {M("item", R"({"sku":"A","baseUnit":"EA","cost":{"amount":"1"}})"), "FIELD_REQUIRED", "$.data.cost.currencyCode"},
    {M("item", R"({"sku":"A","baseUnit":"EA","cost":{"amount":"1","currencyCode":"gbp"}})"), "FIELD_FORMAT", "$.data.cost.currencyCode"},
    {M("item", R"("A")"), "FIELD_TYPE", "$.data"},
    {M("account", R"({"account":"17850","currencyCode":"GBP","terms":"NET30","groups":["TRADE"],"addresses":[{"code":"MAIN","lines":["1 High St"],"countryCode":"GB"}],"orderBlocked":true,"blockReason":"overdue"})"), ""},
    {M("account", R"({"account":"17850","currencyCode":"GBP","orderBlocked":"Y"})"), "FIELD_TYPE", "$.data.orderBlocked"},
    {M("account", R"({"account":"17850","currencyCode":"GBP","groups":["A",7]})"), "FIELD_TYPE", "$.data.groups[1]"},
    {M("account", R"({"account":"17850","currencyCode":"GBP","addresses":[{"lines":["1","2","3","4","5"]}]})"), "FIELD_COUNT", "$.data.addresses[0].lines"},
    {M("credit", R"({"account":"17850","limit":{"amount":"5000","currencyCode":"GBP"},"openBalance":{"amount":-12.5,"currencyCode":"GBP"},"watermark":"2026-03-01T00:00:00Z"})"), ""},
    {M("credit", R"({"account":"17850"})"), "FIELD_REQUIRED", "$.data.watermark"},
    {M("credit", R"({"account":"17850","watermark":"2026-03-01T00:00:00Z","limit":{"amount":"-1","currencyCode":"GBP"}})"), "FIELD_RANGE", "$.data.limit.amount"},
    {M("user", R"({"user":"u-1","account":"17850","roles":[{"role":"buyer","account":"17850"}],"approvalLimit":{"amount":500,"currencyCode":"GBP"}})"), ""},
    {M("user", R"({"user":"u-1"})"), "FIELD_REQUIRED", "$.data.roles"},
    {M("user", R"({"user":"u-1","roles":[{}]})"), "FIELD_REQUIRED", "$.data.roles[0].role"},
    {M("price-book", R"({"book":"LIST","currencyCode":"GBP","priority":1,"validFrom":"2026-01-01T00:00:00+01:00"})"), ""},
    {M("price-book", R"({"book":"LIST","currencyCode":"GBP","validFrom":"2026-01-01"})"), "FIELD_FORMAT", "$.data.validFrom"},
    {M("price", R"({"book":"LIST","sku":"A","tiers":[{"minimumQuantity":1,"price":2.95},{"minimumQuantity":32,"price":"2.55"}]})"), ""},
    {M("price", R"({"book":"LIST","sku":"A","tiers":[{"minimumQuantity":1,"price":"abc"}]})"), "FIELD_FORMAT", "$.data.tiers[0].price"},
    {M("price", R"({"book":"LIST","sku":"A","tiers":[{"minimumQuantity":1,"price":-1}]})"), "FIELD_RANGE", "$.data.tiers[0].price"},
    {M("price", R"({"book":"LIST","sku":"A","tiers":[]})"), "FIELD_COUNT", "$.data.tiers"},
    {M("price", R"({"book":"LIST","sku":"A","tiers":[{"minimumQuantity":1,"price":1,"currency":"GBP"}]})"), "FIELD_UNKNOWN", "$.data.tiers[0].currency"},
    {M("price", R"({"book":"LIST","sku":"A","perQuantity":100,"tiers":[{"minimumQuantity":0,"price":11.5}]})"), ""},
    {M("price", R"({"book":"LIST","sku":"A","perQuantity":0,"tiers":[{"minimumQuantity":0,"price":11.5}]})"), "FIELD_RANGE", "$.data.perQuantity"},
    {M("contract", R"({"contract":"C1","account":"1","sku":"A","netPrice":{"currencyCode":"GBP","tiers":[{"minimumQuantity":1,"price":2}]}})"), ""},
    {M("contract", R"({"contract":"C1","group":"G","everything":true,"discountPercent":"20"})"), ""},
    {M("contract", R"({"contract":"C1","group":"G","category":"K","book":"B2"})"), ""},
    {M("contract", R"({"contract":"C1","group":"G","account":"1","everything":true,"discountPercent":"20"})"), "FIELD_CONFLICT", "$.data"},
    {M("contract", R"({"contract":"C1","group":"G","discountPercent":"20"})"), "FIELD_CONFLICT", "$.data"},
    {M("contract", R"({"contract":"C1","group":"G","everything":true})"), "FIELD_CONFLICT", "$.data"},
    {M("contract", R"({"contract":"C1","group":"G","everything":true,"book":"B","discountPercent":1})"), "FIELD_CONFLICT", "$.data"},
    {M("contract", R"({"contract":"C1","account":"1","category":"K","discountTiers":{"scaleGroup":"ALL","tiers":[{"minimumQuantity":25,"percent":3},{"minimumQuantity":100,"percent":"8"}]},"project":"TOWER-B","exceptSkus":["A"],"exceptCategories":["Z"],"channel":"edi"})"), ""},
    {M("contract", R"({"contract":"C1","account":"1","everything":true,"discountTiers":{"tiers":[]}})"), "FIELD_COUNT", "$.data.discountTiers.tiers"},
    {M("contract", R"({"contract":"C1","account":"1","everything":true,"discountPercent":5,"discountTiers":{"tiers":[{"minimumQuantity":1,"percent":3}]}})"), "FIELD_CONFLICT", "$.data"},
    {M("price", R"({"book":"LIST","sku":"A","tierMode":"GRADUATED","scaleGroup":"BOLTS","tiers":[{"minimumQuantity":0,"price":11.5}]})"), ""},
    {M("price", R"({"book":"LIST","sku":"A","tierMode":"STEPS","tiers":[{"minimumQuantity":0,"price":11.5}]})"), "FIELD_FORMAT", "$.data.tierMode"},
    {M("category", R"({"category":"BOLTS","name":"Bolts","parentCategory":"FASTENERS"})"), ""},
    {M("category", R"({"name":"Bolts"})"), "FIELD_REQUIRED", "$.data.category"},
    {M("surcharge", R"({"surcharge":"F-1","label":"Freight","kind":"FREIGHT","per":"ORDER","amount":12.5,"currencyCode":"GBP","everything":true,"exceptSkus":["A"],"groups":["TRADE"],"channel":"web","validFrom":"2026-01-01T00:00:00Z","exclusionGroup":"F","priority":2})"), ""},
    {M("surcharge", R"({"surcharge":"F-1","kind":"FREIGHT","per":"LINE_PERCENT","amount":"1.5","categories":["HAZ"]})"), ""},
    {M("surcharge", R"({"surcharge":"F-1","kind":"CARRIAGE","per":"ORDER","amount":1,"currencyCode":"GBP","everything":true})"), "FIELD_FORMAT", "$.data.kind"},
    {M("surcharge", R"({"surcharge":"F-1","kind":"FREIGHT","per":"ORDER","amount":-1,"currencyCode":"GBP","everything":true})"), "FIELD_RANGE", "$.data.amount"},
    {M("surcharge", R"({"surcharge":"F-1","kind":"FREIGHT","amount":1,"currencyCode":"GBP","everything":true})"), "FIELD_REQUIRED", "$.data.per"},
    {M("promotion", R"({"promotion":"P-1","percent":10,"categories":["BOLTS"],"coupon":"SPRING","exclusive":true,"combinationGroup":"S","minimumQuantity":5})"), ""},
    {M("promotion", R"({"promotion":"P-1","fixedPrice":{"amount":"1.99","currencyCode":"GBP"},"unit":"CS","skus":["A"]})"), ""},
    {M("promotion", R"({"promotion":"P-1","amountOff":{"amount":"-1.99","currencyCode":"GBP"},"skus":["A"]})"), "FIELD_RANGE", "$.data.amountOff.amount"},
    {M("rebate-agreement", R"({"agreement":"R-1","account":"1","everything":true,"currencyCode":"EUR","mode":"RETROACTIVE","period":"YEAR","timeZone":"Europe/Berlin","settleAfterDays":14,"tiers":[{"fromTurnover":0,"percent":0},{"fromTurnover":10000,"percent":2}]})"), ""},
    {M("rebate-agreement", R"({"agreement":"R-1","account":"1","everything":true,"currencyCode":"EUR","mode":"RETROACTIVE","period":"YEAR"})"), "FIELD_REQUIRED", "$.data.tiers"},
    {M("rebate-agreement", R"({"agreement":"R-1","account":"1","everything":true,"currencyCode":"EUR","mode":"BACKWARDS","period":"YEAR","tiers":[{"fromTurnover":0,"percent":0}]})"), "FIELD_FORMAT", "$.data.mode"},
    {M("rebate-agreement", R"({"agreement":"R-1","account":"1","everything":true,"currencyCode":"EUR","mode":"RETROACTIVE","period":"YEAR","settleAfterDays":400,"tiers":[{"fromTurnover":0,"percent":0}]})"), "FIELD_RANGE", "$.data.settleAfterDays"},
    {M("exchange-rate", R"({"fromCurrencyCode":"EUR","toCurrencyCode":"USD","rate":"1.0837","validTo":"2026-02-01T00:00:00Z"})"), ""},
    {M("exchange-rate", R"({"fromCurrencyCode":"EUR","toCurrencyCode":"USD","rate":0})"), "FIELD_RANGE", "$.data.rate"},
    {M("exchange-rate", R"({"fromCurrencyCode":"EUR","rate":1})"), "FIELD_REQUIRED", "$.data.toCurrencyCode"},
    {M("cost", R"({"sku":"A","location":"DEN","cost":{"amount":"80","currencyCode":"USD"},"perQuantity":100})"), ""},
    {M("cost", R"({"sku":"A"})"), "FIELD_REQUIRED", "$.data.cost"},
    {M("part-number", R"({"account":"1","customerSku":"their-1","sku":"A"})"), ""},
    {M("part-number", R"({"account":"1","sku":"A"})"), "FIELD_REQUIRED", "$.data.customerSku"},
    {M("location", R"({"location":"MAIN","priority":1,"closed":false})"), ""},
    {M("location", R"({"location":"MAIN","closed":0})"), "FIELD_TYPE", "$.data.closed"},
    {M("stock.count", R"({"sku":"A","location":"MAIN","onHand":-3,"watermark":"2026-03-01T00:00Z"})"), ""},
    {M("stock.count", R"({"sku":"A","location":"MAIN","onHand":5})"), "FIELD_REQUIRED", "$.data.watermark"},
    {M("stock.movement", R"({"movement":"M1","sku":"A","location":"MAIN","quantity":"-4","posted":"2026-03-01T00:00:00.123456Z","order":"o1"})"), ""},
    {M("stock.movement", R"({"movement":"M1","sku":"A","location":"MAIN","quantity":"-4","posted":"yesterday"})"), "FIELD_FORMAT", "$.data.posted"},
    {M("invoice", R"({"invoice":"536365","account":"17850","time":"2010-12-01T08:26:00Z","currencyCode":"GBP","lines":[{"sku":"85123A","quantity":6,"unitPrice":2.55,"net":15.30}]})"), ""},
    {M("invoice", R"({"invoice":"C536379","creditOf":"536365","account":"17850","time":"2010-12-01T08:26:00Z","currencyCode":"GBP","lines":[{"sku":"85123A","quantity":-6,"unitPrice":2.55,"net":-15.30}]})"), ""},
    {M("invoice", R"({"invoice":"536365","account":"17850","time":"2010-12-01T08:26:00Z","currencyCode":"GBP","lines":[]})"), "FIELD_COUNT", "$.data.lines"},
    {M("invoice", R"({"invoice":"536365","account":"17850","time":"2010-12-01T08:26:00Z","currencyCode":"GBP","lines":[{"sku":"85123A","quantity":"six","unitPrice":2.55,"net":15.30}]})"), "FIELD_FORMAT", "$.data.lines[0].quantity"},
    {M("order", R"({"erpOrder":"7","account":"17850","time":"2010-12-01T08:26:00Z","currencyCode":"GBP","state":"OPEN","lines":[{"sku":"85123A","quantity":6,"unitPrice":2.55,"net":15.30}]})"), ""},
    {M("order.acknowledged", R"({"order":"orders/o1","erpOrder":"7","time":"2026-03-01T00:00:00Z","lines":[{"line":1,"confirmed":3,"backordered":"2","rejected":1,"reason":"none left"}]})"), ""},
    {M("order.acknowledged", R"({"order":"o1","erpOrder":"7","time":"2026-03-01T00:00:00Z","lines":[{"line":0,"confirmed":3}]})"), "FIELD_RANGE", "$.data.lines[0].line"},
    {M("order.rejected", R"({"order":"o1","reason":"no such customer","time":"2026-03-01T00:00:00Z"})"), ""},
    {M("order.rejected", R"({"order":"o1","time":"2026-03-01T00:00:00Z"})"), "FIELD_REQUIRED", "$.data.reason"},
    {M("order.shipped", R"({"order":"o1","shipment":"S1","time":"2026-03-01T00:00:00Z","lines":[{"line":1,"location":"MAIN","quantity":3}]})"), ""},
    {M("order.shipped", R"({"order":"o1","shipment":"S1","time":"2026-03-01T00:00:00Z","lines":[{"line":1,"location":"MAIN","quantity":-3}]})"), "FIELD_RANGE", "$.data.lines[0].quantity"},
    {M("order.cancel-answered", R"({"order":"o1","accepted":true,"lines":[1,2],"time":"2026-03-01T00:00:00Z"})"), ""},
    {M("order.cancel-answered", R"({"order":"o1","accepted":"yes","time":"2026-03-01T00:00:00Z"})"), "FIELD_TYPE", "$.data.accepted"},
    {M("load.begin", R"({"load":"L1","entities":["item","price"]})"), ""},
    {M("load.begin", R"({"load":"L1","entities":["invoice"]})"), "FIELD_FORMAT", "$.data.entities[0]"},
    {M("load.end", R"({"load":"L1"})"), ""},
    {M("load.end", R"({})"), "FIELD_REQUIRED", "$.data.load"},
    {M("shelf", R"({})"), "TYPE_UNKNOWN", "$.type"},
    {R"({"id":"m","data":{}})", "FIELD_REQUIRED", "$.type"},
    {R"({"type":"item","data":{"sku":"A","baseUnit":"EA"}})", "FIELD_REQUIRED", "$.id"},
    {R"({"type":"item","id":"m","data":{"sku":"A","baseUnit":"EA"}})", ""},
    {R"({"type":"item","id":"m","version":-1,"data":{"sku":"A","baseUnit":"EA"}})", "FIELD_RANGE", "$.version"},
    {R"({"type":"item","id":"m","version":"8","changedAt":"2026-03-01T00:00:00Z","x-trace":1,"data":{"sku":"A","baseUnit":"EA"}})", ""},
    {R"({"type":"item","id":"m","sequence":4,"data":{"sku":"A","baseUnit":"EA"}})", "FIELD_UNKNOWN", "$.sequence"},
    {R"({"type":"item","id":"m","deleted":true,"data":{"sku":"A"}})", ""},
    {R"({"type":"item","id":"m","deleted":true,"data":{}})", "FIELD_REQUIRED", "$.data.sku"},
    {R"({"type":"item","id":"m","patch":true,"data":{"sku":"A","name":"new"}})", ""},
    {R"({"type":"item","id":"m","patch":true,"data":{"sku":"A","name":5}})", "FIELD_TYPE", "$.data.name"},
    {R"({"type":"contract","id":"m","patch":true,"data":{"contract":"C","discountPercent":7}})", ""},
    {R"({"type":"credit","id":"m","changedAt":"2026-03-01T00:00:00Z","data":{"account":"1"}})", ""},
    {R"({"type":"credit","id":"m","deleted":true,"data":{"account":"1"}})", "FIELD_CONFLICT", "$.deleted"},
    {R"({"type":"user","id":"m","patch":true,"data":{"user":"u"}})", "FIELD_CONFLICT", "$.patch"},
    {R"({"type":"item","id":"m","patch":true,"deleted":true,"data":{"sku":"A"}})", "FIELD_CONFLICT", "$.patch"},
};

}  // namespace

TEST_CASE("a message is read, or refused with the reason and the place of the mistake",
          "[canonical]") {
  for (const Row& row : kRows) {
    CAPTURE(row.message);

    const Problem problem = Read(row.message);

    CHECK(problem.reason == row.reason);
    CHECK(problem.path == row.path);
  }
}

TEST_CASE("the JSON Schema and the reader agree on every message", "[canonical]") {
  const SchemaCheck schema(Schema());
  for (const Row& row : kRows) {
    CAPTURE(row.message, row.reason, row.path);
    JsonTree tree;
    Problem problem;
    REQUIRE(tree.Parse(row.message, problem));

    CHECK(schema.Valid(tree) == (*row.reason == '\0'));
  }
}

TEST_CASE("what a schema cannot say is refused as well", "[canonical]") {
  const Row rows[] = {
      {M("price", R"({"book":"L","sku":"A","tiers":[{"minimumQuantity":9,"price":1},{"minimumQuantity":10,"price":1}]})"), ""},
      {M("price", R"({"book":"L","sku":"A","tiers":[{"minimumQuantity":1.5,"price":1},{"minimumQuantity":1.25,"price":1}]})"), "FIELD_ORDER", "$.data.tiers[1].minimumQuantity"},
      {M("price-book", R"({"book":"L","currencyCode":"GBP","validFrom":"2026-02-01T00:00:00Z","validTo":"2026-02-01T00:00:00Z"})"), "FIELD_RANGE", "$.data.validTo"},
      {M("price-book", R"({"book":"L","currencyCode":"GBP","validFrom":"2026-02-30T00:00:00Z"})"), "FIELD_FORMAT", "$.data.validFrom"},
      {M("contract", R"({"contract":"C1","group":"G","everything":true,"discountPercent":"100.01"})"), "FIELD_RANGE", "$.data.discountPercent"},
      {M("item", R"({"sku":"A","sku":"B","baseUnit":"EA"})"), "FIELD_DUPLICATE"},
      {M("contract", R"({"contract":"C1","group":"G","everything":true,"discountPercent":5,"project":"P"})"), "FIELD_CONFLICT", "$.data"},
      {M("contract", R"({"contract":"C1","account":"1","everything":true,"discountPercent":5,"project":"P","shipTo":"S"})"), "FIELD_CONFLICT", "$.data.shipTo"},
      {M("contract", R"({"contract":"C1","account":"1","everything":true,"discountTiers":{"tiers":[{"minimumQuantity":1,"percent":101}]}})"), "FIELD_RANGE", "$.data.discountTiers.tiers[0].percent"},
      {M("category", R"({"category":"A","parentCategory":"A"})"), "FIELD_CONFLICT", "$.data.parentCategory"},
      {M("surcharge", R"({"surcharge":"F","kind":"FREIGHT","per":"LINE","amount":1,"currencyCode":"GBP"})"), "FIELD_CONFLICT", "$.data"},
      {M("surcharge", R"({"surcharge":"F","kind":"FREIGHT","per":"LINE","amount":1,"everything":true})"), "FIELD_REQUIRED", "$.data.currencyCode"},
      {M("surcharge", R"({"surcharge":"F","kind":"MINIMUM_ORDER","per":"ORDER","amount":1,"currencyCode":"GBP","everything":true})"), "FIELD_REQUIRED", "$.data.belowNet"},
      {M("promotion", R"({"promotion":"P","everything":true})"), "FIELD_CONFLICT", "$.data"},
      {M("promotion", R"({"promotion":"P","percent":101,"everything":true})"), "FIELD_RANGE", "$.data.percent"},
      {M("rebate-agreement", R"({"agreement":"R","everything":true,"currencyCode":"EUR","mode":"RETROACTIVE","period":"YEAR","tiers":[{"fromTurnover":0,"percent":0}]})"), "FIELD_CONFLICT", "$.data"},
      {M("rebate-agreement", R"({"agreement":"R","account":"1","everything":true,"currencyCode":"EUR","mode":"RETROACTIVE","period":"WHOLE","tiers":[{"fromTurnover":0,"percent":0}]})"), "FIELD_REQUIRED", "$.data.validTo"},
      {M("rebate-agreement", R"({"agreement":"R","account":"1","everything":true,"currencyCode":"EUR","mode":"RETROACTIVE","period":"YEAR","timeZone":"Mars/Base","tiers":[{"fromTurnover":0,"percent":0}]})"), "FIELD_FORMAT", "$.data.timeZone"},
      {M("rebate-agreement", R"({"agreement":"R","account":"1","everything":true,"currencyCode":"EUR","mode":"RETROACTIVE","period":"YEAR","tiers":[{"fromTurnover":5,"percent":0},{"fromTurnover":5,"percent":1}]})"), "FIELD_ORDER", "$.data.tiers[1].fromTurnover"},
      {M("exchange-rate", R"({"fromCurrencyCode":"EUR","toCurrencyCode":"EUR","rate":1})"), "FIELD_CONFLICT", "$.data.toCurrencyCode"},
      {M("item", R"({"sku":"A","baseUnit":"EA","quantityStep":0.0000000000001})"), "FIELD_RANGE", "$.data.quantityStep"},
      {M("item", R"({"sku":"A","baseUnit":"EA","quantityStep":12345678901234567890123456789012345})"), "FIELD_RANGE", "$.data.quantityStep"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);

    const Problem problem = Read(row.message);

    CHECK(problem.reason == row.reason);
    CHECK(problem.path == row.path);
  }
}

TEST_CASE("a record is looked through whatever a producer wrapped it in", "[canonical]") {
  const std::string good = M("item", R"({"sku":"A","baseUnit":"EA"})");
  std::string quoted = "\"";
  for (const char c : good) {
    if (c == '"') quoted += '\\';
    quoted += c;
  }
  quoted += '"';
  const auto [bytes, reason] = GENERATE_COPY(table<std::string, std::string>({
      {good, ""},
      {"\xEF\xBB\xBF" + good, ""},
      {quoted, ""},
      {R"({"schema":{"type":"struct"},"payload":)" + good + "}", ""},
      {std::string("\0\0\0\0\x07zz", 7), "MESSAGE_NEEDS_REGISTRY"},
      {"[1]", "MESSAGE_NOT_OBJECT"},
      {"7", "MESSAGE_NOT_OBJECT"},
      {"{\"type\":", "MESSAGE_NOT_JSON"},
      {good + "x", "MESSAGE_NOT_JSON"},
      {"{\"a\":01}", "MESSAGE_NOT_JSON"},
      {"{\"a\":nul}", "MESSAGE_NOT_JSON"},
      {"{\"a\":\"\xFF\"}", "MESSAGE_NOT_JSON"},
      {"{'a':1}", "MESSAGE_NOT_JSON"},
      {std::string(40, '[') + std::string(40, ']'), "MESSAGE_TOO_DEEP"},
      {std::string(kMessageBytesMax + 1, ' '), "MESSAGE_TOO_LARGE"},
  }));
  CAPTURE(bytes.substr(0, 200));

  CHECK(Read(bytes).reason == reason);
}

TEST_CASE("no bytes and null in any wrapping are a tombstone", "[canonical]") {
  for (const char* bytes : {"", "null", "\"null\"", "\"\"", R"({"schema":null,"payload":null})"}) {
    CAPTURE(bytes);
    JsonTree tree;
    std::string scratch;
    Unwrapped found;
    Problem problem;

    REQUIRE(Unwrap(bytes, tree, scratch, found, problem));

    CHECK(found.tombstone);
  }
}

TEST_CASE("decimals keep their digits and have one spelling", "[canonical]") {
  Content content;

  const Problem problem = Read(
      M("price", R"({"book":"L","sku":"A","tiers":[{"minimumQuantity":1.0,"price":0.1234567890123456789012e10},{"minimumQuantity":"2e1","price":2.50}]})"),
      nullptr, &content);

  REQUIRE_FALSE(problem.any());
  const auto& price = dynamic_cast<const weft::facts::v1::PriceChanged&>(*content.event);
  CHECK(price.tiers(0).minimum_quantity() == "1");
  CHECK(price.tiers(0).price() == "1234567890.123456789012");
  CHECK(price.tiers(1).minimum_quantity() == "20");
  CHECK(price.tiers(1).price() == "2.5");
}

TEST_CASE("a message with a mistake still shows whose it is", "[canonical]") {
  Envelope envelope;

  const Problem problem =
      Read(M("price", R"({"book":"LIST","sku":"A","tiers":"none"})"), &envelope);

  CHECK(problem.reason == "FIELD_TYPE");
  CHECK(envelope.type == "price");
  CHECK(envelope.id == "m1");
  CHECK(KeyForPeople(envelope.key) == "LIST/A//1");
  CHECK_FALSE(envelope.queue.empty());
}

}  // namespace weft::erp
