#include "services/erp-connector/app.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/testing/room_harness.h"
#include "services/erp-connector/domain/payload.h"
#include "services/erp-connector/ingest_call.h"
#include "services/erp-connector/inlet.h"
#include "services/erp-connector/json_tree.h"
#include "services/erp-connector/program.h"
#include "services/erp-connector/state.h"
#include "services/erp-connector/topics.h"
#include "weft/directory/v1/directory.pb.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/sales/v1/sales.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::erp {
namespace {

namespace facts = weft::facts::v1;
namespace sales = weft::sales::v1;

constexpr char kTenant[] = "acme";

struct Given {
  v1::ConnectionMode mode = v1::CONNECTION_MODE_LIVE;
  bool takes_orders = true;
};

Settings MakeSettings(const Given& given) {
  v1::ErpConfig config;
  v1::ConnectionConfig& connection = *config.add_connections();
  connection.set_name("main");
  connection.set_tenant(kTenant);
  connection.set_mode(given.mode);
  connection.set_takes_orders(given.takes_orders);
  const absl::StatusOr<Settings> settings = CheckConfig(config);
  REQUIRE(settings.ok());
  return *settings;
}

class World {
 public:
  explicit World(const Given& given = {})
      : settings(MakeSettings(given)), program(MakeProgram(settings)), room(program) {}

  v1::IngestResponse Ingest(const std::string& text) {
    v1::IngestRequest request;
    request.set_connection("main");
    request.set_request_id(absl::StrCat("r", ++requests_));
    request.set_text(text);
    const auto response = room.Submit<v1::IngestResponse>(
        absl::StrCat(kErpService, "Ingest"), testing::MakePrincipal(kTenant, {"erp-admin"}),
        request.request_id(), request);
    REQUIRE(response.ok());
    return *response;
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method, Request request) {
    request.set_request_id(absl::StrCat("r", ++requests_));
    return room.Submit<Response>(absl::StrCat(kErpService, method),
                                 testing::MakePrincipal(kTenant, {"erp-admin"}),
                                 request.request_id(), request);
  }

  absl::StatusOr<v1::ReplayParkedResponse> Replay(const std::string& id,
                                                  const std::string& text = "") {
    v1::ReplayParkedRequest request;
    request.set_id(id);
    request.set_text(text);
    return Call<v1::ReplayParkedResponse>("ReplayParked", request);
  }

  v1::ConnectionRow Connection() {
    return room.Read(kTenant)->Find(kConnections, ConnectionKey("main"))->value();
  }
  v1::LoadRow Load(int64_t number) {
    return room.Read(kTenant)->Get(kLoads, NumberKey(number)).value();
  }
  v1::ExportRow Export(const std::string& order) {
    return room.Read(kTenant)->Get(kExports, OrderKey(order)).value();
  }

  template <typename Event>
  std::vector<Event> Events(const std::string& topic) {
    std::vector<Event> events;
    for (const auto& emitted : room.emitted(topic)) {
      if (emitted.type == Event::descriptor()->full_name()) {
        events.push_back(emitted.As<Event>());
      }
    }
    return events;
  }

  Settings settings;
  engine::Program program;
  testing::RoomHarness room;

 private:
  int requests_ = 0;
};

std::string Item(absl::string_view sku, int version, absl::string_view name = "thing") {
  return absl::StrCat(R"({"type":"item","id":"i-)", sku, "-", version, R"(","version":)", version,
                      R"(,"data":{"sku":")", sku, R"(","baseUnit":"EA","name":")", name, "\"}}");
}

std::string Price(absl::string_view sku, int version, absl::string_view price) {
  return absl::StrCat(R"({"type":"price","id":"p-)", sku, "-", version, R"(","version":)", version,
                      R"(,"data":{"book":"LIST","sku":")", sku,
                      R"(","tiers":[{"minimumQuantity":1,"price":)", price, "}]}}");
}

std::string Book() {
  return R"({"type":"price-book","id":"b1","version":1,"data":{"book":"LIST","currencyCode":"GBP"}})";
}

std::string LoadBegin(absl::string_view load, absl::string_view entities = R"(["item"])") {
  return absl::StrCat(R"({"type":"load.begin","id":"lb-)", load, R"(","data":{"load":")", load,
                      R"(","entities":)", entities, "}}");
}
std::string LoadEnd(absl::string_view load) {
  return absl::StrCat(R"({"type":"load.end","id":"le-)", load, R"(","data":{"load":")", load,
                      "\"}}");
}

sales::OrderReleased Released(const std::string& id) {
  sales::OrderReleased order;
  order.set_order("orders/" + id);
  order.set_channel("web");
  order.set_external_order_id("ext-" + id);
  order.set_account("17850");
  order.set_currency_code("GBP");
  order.mutable_accept_time()->set_seconds(1'700'000'000);
  for (int i = 1; i <= 2; ++i) {
    sales::OrderLine& line = *order.add_lines();
    line.set_line(i);
    line.set_sku("85123A");
    line.mutable_quantity()->set_value("6");
    line.mutable_unit_price()->set_amount("2.55");
    line.mutable_net()->set_amount("15.30");
    line.set_base_quantity("6");
  }
  order.mutable_total()->set_amount("30.60");
  order.mutable_total()->set_currency_code("GBP");
  order.set_notes("say \"hello\"\n");
  return order;
}

void Release(World& world, const std::string& id) {
  world.room.Deliver(kTenant, kSalesOrdersTopic, "approval", "orders/" + id, Released(id));
}

std::string Acknowledge(const std::string& id, int version = 1) {
  return absl::StrCat(R"({"type":"order.acknowledged","id":"ack-)", id, version,
                      R"(","version":)", version, R"(,"data":{"order":")", id,
                      R"(","erpOrder":"SO-1","time":"2026-03-01T00:00:00Z"}})");
}

TEST_CASE("facts are written anew in pages, as they were said last", "[erp][reseed]") {
  World world;
  world.Ingest(Price("S1", 1, "2.5"));
  world.Ingest(Price("S1", 2, "3.5"));
  world.Ingest(Price("S2", 1, "7.5"));
  world.room.ClearEmitted();
  v1::ReseedFactsRequest request;
  request.set_connection("main");
  request.set_page_size(1);
  int64_t emitted = 0;
  for (int page = 0; page < 10; ++page) {
    const auto response = world.Call<v1::ReseedFactsResponse>("ReseedFacts", request);
    REQUIRE(response.ok());
    emitted += response->emitted();
    request.set_page_token(response->next_page_token());
    if (request.page_token().empty()) break;
  }

  const auto prices = world.Events<facts::PriceChanged>(engine::kTimeline);
  REQUIRE(prices.size() == 2);
  CHECK(emitted == 2);
  CHECK(prices[0].tiers(0).price() == "3.5");
  CHECK(prices[1].tiers(0).price() == "7.5");
}

TEST_CASE("people are written anew, those who were erased are not", "[erp][reseed]") {
  World world;
  for (const char* user : {"u-7", "u-8"}) {
    world.Ingest(absl::StrCat(R"({"type":"user","id":"a)", user, R"(","version":1,"data":{"user":")",
                              user, R"(","displayName":"One of us","roles":[]}})"));
  }
  world.Ingest(R"({"type":"user","id":"b","version":2,"deleted":true,"data":{"user":"u-8"}})");
  const auto before = world.room.emitted(kDirectoryTopic);
  world.room.ClearEmitted();
  v1::ReseedFactsRequest request;
  request.set_connection("main");
  const auto response = world.Call<v1::ReseedFactsResponse>("ReseedFacts", request);

  REQUIRE(response.ok());
  CHECK(response->emitted() == 1);
  CHECK(response->left_out() == 0);
  const auto people = world.room.emitted(kDirectoryTopic);
  REQUIRE(people.size() == 1);
  CHECK(people[0].subject == "users/u-7");
  CHECK(people[0].payload == before[0].payload);
}

TEST_CASE("a reseed of what is not there, or from a place that is not, is refused",
          "[erp][reseed]") {
  World world;
  v1::ReseedFactsRequest request;
  request.set_connection("nowhere");
  CHECK(ReasonOf(world.Call<v1::ReseedFactsResponse>("ReseedFacts", request).status()) ==
        "CONNECTION_UNKNOWN");
  request.set_connection("main");
  request.set_page_token("!");
  CHECK(ReasonOf(world.Call<v1::ReseedFactsResponse>("ReseedFacts", request).status()) ==
        "PAGE_TOKEN_INVALID");
  request.clear_page_token();
  request.set_page_size(-1);
  CHECK(ReasonOf(world.Call<v1::ReseedFactsResponse>("ReseedFacts", request).status()) ==
        "PAGE_SIZE_INVALID");
}

}  // namespace

// ---- Identity and order ------------------------------------------------------

TEST_CASE("an older version never overwrites a newer one, and a repeat has one effect", "[erp]") {
  World world;

  world.Ingest(Item("A", 8, "eight"));
  const auto after = world.Ingest(absl::StrCat(Item("A", 7, "seven"), "\n", Item("A", 8, "eight")));

  CHECK(after.counts().older() == 1);
  CHECK(after.counts().repeated() == 1);
  const auto items = world.Events<facts::ItemChanged>(engine::kTimeline);
  REQUIRE(items.size() == 1);
  CHECK(items[0].name() == "eight");
}

TEST_CASE("one malformed message among ten thousand is parked and only its key waits", "[erp]") {
  World world;
  std::string text = Book() + "\n";
  for (int i = 0; i < 10'000; ++i) {
    absl::StrAppend(&text, Price(absl::StrCat("S", i), 1, i == 4711 ? "\"abc\"" : "2.5"), "\n");
  }
  absl::StrAppend(&text, Price("S4711", 2, "3.5"), "\n", Price("S4712", 2, "3.5"), "\n");

  const auto response = world.Ingest(text);

  CHECK(response.messages() == 10'003);
  CHECK(response.counts().applied() == 1 + 9'999 + 1);
  CHECK(response.counts().parked() == 1);
  CHECK(response.counts().waiting() == 1);
  REQUIRE(response.problems_size() == 2);
  CHECK(response.problems(0).index() == 4712);
  CHECK(response.problems(0).reason() == "FIELD_FORMAT");
  CHECK(response.problems(0).path() == "$.data.tiers[0].price");
  CHECK(response.problems(1).reason() == "WAITS_BEHIND_PARKED");
  CHECK(world.room.emitted("erp.main.in.dlq").size() == 1);
  CHECK(world.Connection().parked() == 1);
  CHECK(world.Connection().waiting() == 1);

  SECTION("what waits cannot overtake") {
    CHECK(world.Replay(response.problems(1).parked_id()).status().message() != "");
    CHECK(world.Connection().waiting() == 1);
  }
  SECTION("replayed as it is, it stays parked") {
    const auto replayed = world.Replay(response.problems(0).parked_id());
    REQUIRE(replayed.ok());
    CHECK(replayed->parked().attempts() == 2);
    CHECK(world.Connection().parked() == 1);
  }
  SECTION("replayed with the mistake put right, those behind it follow in order") {
    world.room.ClearEmitted();
    const auto replayed =
        world.Replay(response.problems(0).parked_id(), Price("S4711", 1, "2.5"));
    REQUIRE(replayed.ok());
    CHECK(replayed->counts().applied() == 2);
    const auto prices = world.Events<facts::PriceChanged>(engine::kTimeline);
    REQUIRE(prices.size() == 2);
    CHECK(prices[0].tiers(0).price() == "2.5");
    CHECK(prices[1].tiers(0).price() == "3.5");
    CHECK(world.Connection().parked() == 0);
    CHECK(world.Connection().waiting() == 0);
  }
  SECTION("discarded, those behind it follow") {
    v1::DiscardParkedRequest discard;
    discard.set_id(response.problems(0).parked_id());
    const auto discarded = world.Call<v1::ReplayParkedResponse>("DiscardParked", discard);
    REQUIRE(discarded.ok());
    CHECK(discarded->counts().applied() == 1);
    CHECK(world.Connection().waiting() == 0);
  }
}

TEST_CASE("a long queue behind a parked message drains to its end", "[erp]") {
  World world;
  std::string text = Price("S", 1, "\"abc\"");
  for (int version = 2; version <= 1'502; ++version) {
    absl::StrAppend(&text, "\n", Price("S", version, absl::StrCat(version)));
  }
  const auto response = world.Ingest(text);
  REQUIRE(response.counts().waiting() == 1'501);

  REQUIRE(world.Replay(response.problems(0).parked_id(), Price("S", 1, "1")).ok());

  CHECK(world.Connection().waiting() == 0);
  CHECK(world.Events<facts::PriceChanged>(engine::kTimeline).size() == 1'502);
}

TEST_CASE("a message that no key can be read from holds back its record key only", "[erp]") {
  World world;

  world.room.DeliverRaw("erp.main.in", "k1", "{broken");
  world.room.DeliverRaw("erp.main.in", "k1", Item("A", 1));
  world.room.DeliverRaw("erp.main.in", "k2", Item("B", 1));
  world.room.DeliverRaw("erp.main.in", "", "{broken too");
  world.room.DeliverRaw("erp.main.in", "", Item("C", 1));

  CHECK(world.Connection().parked() == 2);
  CHECK(world.Connection().waiting() == 1);
  CHECK(world.Events<facts::ItemChanged>(engine::kTimeline).size() == 2);
  CHECK(world.room.parked().empty());
}

TEST_CASE("any order of arrival with any repeats ends at the newest state", "[erp]") {
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr int kItems = 12;
  constexpr int kVersions = 9;
  std::vector<std::string> messages;
  for (int item = 0; item < kItems; ++item) {
    for (int version = 1; version <= kVersions; ++version) {
      const bool deleted = item % 3 == 0 && version == kVersions;
      const std::string sku = absl::StrCat("S", item);
      messages.push_back(deleted ? absl::StrCat(R"({"type":"item","id":"d)", item,
                                                R"(","deleted":true,"version":)", version,
                                                R"(,"data":{"sku":")", sku, "\"}}")
                                 : Item(sku, version, absl::StrCat("v", version)));
      if (random() % 3 == 0) messages.push_back(messages.back());
    }
  }
  std::shuffle(messages.begin(), messages.end(), random);

  World world;
  for (const std::string& message : messages) {
    world.room.DeliverRaw("erp.main.in", "", message);
    if (random() % 50 == 0) world.room.Reopen();
  }

  std::map<std::string, facts::ItemChanged> last;
  for (const auto& event : world.Events<facts::ItemChanged>(engine::kTimeline)) {
    last[event.sku()] = event;
  }
  for (int item = 0; item < kItems; ++item) {
    const std::string sku = absl::StrCat("S", item);
    CAPTURE(sku);
    const auto row = world.room.Read(kTenant)->Find(
        kObjects, ObjectKey("main", ObjectPart(Kind::kItem, {sku})));
    REQUIRE(row->has_value());
    CHECK((*row)->version() == kVersions);
    if (item % 3 == 0) {
      CHECK((*row)->deleted());
      CHECK((last.count(sku) == 0 || last[sku].deleted()));
    } else {
      CHECK(last[sku].name() == absl::StrCat("v", kVersions));
    }
  }
  CHECK(LiveOf(world.Connection(), Kind::kItem) == kItems - kItems / 3);
}

TEST_CASE("a delete before the create keeps a late create from reviving the object", "[erp]") {
  World world;

  world.Ingest(R"({"type":"item","id":"d","deleted":true,"version":5,"data":{"sku":"A"}})");
  world.Ingest(Item("A", 4));
  CHECK(world.room.emitted(engine::kTimeline).empty());
  world.Ingest(Item("A", 6));

  CHECK(world.room.emitted(engine::kTimeline).size() == 1);
}

TEST_CASE("stock counts are ordered by the moment in the books", "[erp]") {
  World world;
  const auto count = [&](int on_hand, const char* time) {
    world.Ingest(absl::StrCat(R"({"type":"stock.count","id":"c","changedAt":")", time,
                              R"(","data":{"sku":"A","location":"MAIN","onHand":)", on_hand,
                              R"(,"watermark":")", time, "\"}}"));
  };

  count(100, "2026-03-01T01:00:00Z");
  count(90, "2026-03-01T02:00:00Z");
  count(95, "2026-03-01T01:30:00Z");
  count(90, "2026-03-01T02:00:00Z");
  count(80, "2026-03-01T03:00:00Z");

  const auto counts = world.Events<weft::stock::v1::StockCounted>(kStockTopic);
  REQUIRE(counts.size() == 3);
  CHECK(counts[2].on_hand() == "80");
}

TEST_CASE("an unchanged fact emits nothing, however it is spelled", "[erp]") {
  World world;
  world.Ingest(Price("A", 1, "2.50"));

  const auto response = world.Ingest(Price("A", 2, "\"2.5\""));

  CHECK(response.counts().unchanged() == 1);
  CHECK(world.Events<facts::PriceChanged>(engine::kTimeline).size() == 1);
  CHECK(world.Ingest(Price("A", 1, "9")).counts().older() == 1);
}

TEST_CASE("a patch changes what it names and nothing else", "[erp]") {
  World world;
  world.Ingest(
      R"({"type":"item","id":"1","version":1,"data":{"sku":"A","baseUnit":"EA","name":"old","taxClass":"S","categories":["X"]}})");

  world.Ingest(
      R"({"type":"item","id":"2","version":2,"patch":true,"data":{"sku":"A","name":"new","taxClass":null}})");
  const auto unknown = world.Ingest(
      R"({"type":"item","id":"3","version":1,"patch":true,"data":{"sku":"B","name":"new"}})");

  const auto items = world.Events<facts::ItemChanged>(engine::kTimeline);
  REQUIRE(items.size() == 2);
  CHECK(items[1].name() == "new");
  CHECK(items[1].tax_class().empty());
  CHECK(items[1].base_unit() == "EA");
  CHECK(items[1].categories_size() == 1);
  REQUIRE(unknown.problems_size() == 1);
  CHECK(unknown.problems(0).reason() == "PATCH_WITHOUT_OBJECT");
}

TEST_CASE("messages without version follow arrival, and their ids tell repeats", "[erp]") {
  World world;
  const auto item = [](const char* id, const char* name) {
    return absl::StrCat(R"({"type":"item","id":")", id,
                        R"(","data":{"sku":"A","baseUnit":"EA","name":")", name, "\"}}");
  };

  world.Ingest(item("1", "first"));
  world.Ingest(item("2", "second"));
  const auto repeat = world.Ingest(item("1", "first"));

  CHECK(repeat.counts().repeated() == 1);
  CHECK(world.Events<facts::ItemChanged>(engine::kTimeline).back().name() == "second");
}

TEST_CASE("what happened is told once and cannot be told differently", "[erp]") {
  World world;
  const auto invoice = [](const char* quantity) {
    return absl::StrCat(
        R"({"type":"invoice","id":"m","data":{"invoice":"536365","account":"17850","time":"2010-12-01T08:26:00Z","currencyCode":"GBP","lines":[{"sku":"85123A","quantity":)",
        quantity, R"(,"unitPrice":2.55,"net":15.30}]}})");
  };

  CHECK(world.Ingest(invoice("6")).counts().applied() == 1);
  CHECK(world.Ingest(invoice("6.0")).counts().repeated() == 1);
  const auto other = world.Ingest(invoice("7"));

  CHECK(other.problems(0).reason() == "IDENTITY_REUSED");
  CHECK(world.Events<sales::OrderInvoiced>(kErpOrdersTopic).size() == 1);
}

TEST_CASE("erasing a person leaves nothing of them in the rows", "[erp]") {
  World world;
  const std::string user =
      R"({"type":"user","id":"u1","version":1,"data":{"user":"u-7","displayName":"Somebody Unlikely","roles":[]}})";

  world.Ingest(user);
  CHECK(world.Ingest(user).counts().repeated() == 1);
  world.Ingest(R"({"type":"user","id":"u2","version":2,"deleted":true,"data":{"user":"u-7"}})");
  CHECK(world.room.Dump().find("Unlikely") == std::string::npos);

  const auto people = world.room.emitted(kDirectoryTopic);
  REQUIRE(people.size() == 2);
  CHECK_FALSE(people[0].tombstone);
  CHECK(people[1].tombstone);
  CHECK(people[1].subject == "users/u-7");
}

TEST_CASE("an empty record deletes what its key names, or is parked", "[erp]") {
  World world;
  world.Ingest(Item("A", 1));

  world.room.DeliverRaw("erp.main.in", "item/A", "null");
  world.room.DeliverRaw("erp.main.in", "42", "null");

  CHECK(world.Events<facts::ItemChanged>(engine::kTimeline).back().deleted());
  CHECK(world.Connection().parked() == 1);
}

// ---- References --------------------------------------------------------------

TEST_CASE("references to what has not arrived are listed and heal", "[erp]") {
  World world;

  const auto early = world.Ingest(Price("A", 1, "2"));

  CHECK(early.counts().applied() == 1);
  CHECK(world.Connection().unresolved() == 2);
  world.Ingest(Book());
  CHECK(world.Connection().unresolved() == 1);
  world.Ingest(Item("A", 1));
  CHECK(world.Connection().unresolved() == 0);
  CHECK(world.Events<facts::PriceChanged>(engine::kTimeline).size() == 1);
}

TEST_CASE("a reference that its source drops is no longer missing", "[erp]") {
  World world;
  world.Ingest(
      R"({"type":"account","id":"1","version":1,"data":{"account":"1","currencyCode":"GBP","parentAccount":"P"}})");
  REQUIRE(world.Connection().unresolved() == 1);

  world.Ingest(R"({"type":"account","id":"2","version":2,"data":{"account":"1","currencyCode":"GBP"}})");

  CHECK(world.Connection().unresolved() == 0);
}

// ---- Loads -------------------------------------------------------------------

TEST_CASE("a full load deletes what it leaves out, up to the share allowed", "[erp]") {
  World world;
  std::string first = LoadBegin("L1");
  for (int i = 0; i < 3'000; ++i) absl::StrAppend(&first, "\n", Item(absl::StrCat("S", i), 1));
  world.Ingest(first + "\n" + LoadEnd("L1"));
  REQUIRE(world.Load(1).state() == v1::LOAD_STATE_ENDED);
  CHECK(world.Connection().loaded());
  world.room.ClearEmitted();

  const auto [left_out, deleted, state] = GENERATE(table<int, int64_t, v1::LoadState>({
      {0, 0, v1::LOAD_STATE_ENDED},
      {300, 300, v1::LOAD_STATE_ENDED},
      {301, 0, v1::LOAD_STATE_HELD},
  }));
  CAPTURE(left_out);
  std::string second = LoadBegin("L2");
  for (int i = left_out; i < 3'000; ++i) {
    absl::StrAppend(&second, "\n", Item(absl::StrCat("S", i), 1));
  }
  world.Ingest(second + "\n" + LoadEnd("L2"));

  CHECK(world.Load(2).state() == state);
  CHECK(world.Load(2).counts(0).deleted() == deleted);
  CHECK(static_cast<int64_t>(world.Events<facts::ItemChanged>(engine::kTimeline).size()) == deleted);
  CHECK(LiveOf(world.Connection(), Kind::kItem) == 3'000 - deleted);
  const auto loads = world.Events<facts::LoadChanged>(engine::kTimeline);
  CHECK(loads.size() == (state == v1::LOAD_STATE_ENDED ? 2 : 1));

  if (state == v1::LOAD_STATE_HELD) {
    v1::ResolveLoadRequest resolve;
    resolve.set_id("2");
    SECTION("somebody says delete") {
      resolve.set_resolution(v1::LOAD_RESOLUTION_DELETE);
      REQUIRE(world.Call<v1::Load>("ResolveLoad", resolve).ok());
      CHECK(world.Load(2).state() == v1::LOAD_STATE_ENDED);
      CHECK(LiveOf(world.Connection(), Kind::kItem) == 3'000 - left_out);
    }
    SECTION("somebody says keep") {
      resolve.set_resolution(v1::LOAD_RESOLUTION_KEEP);
      REQUIRE(world.Call<v1::Load>("ResolveLoad", resolve).ok());
      CHECK(world.Load(2).state() == v1::LOAD_STATE_ENDED);
      CHECK(LiveOf(world.Connection(), Kind::kItem) == 3'000);
    }
  }
}

TEST_CASE("a load deletes only kinds that it covers", "[erp]") {
  World world;
  world.Ingest(absl::StrJoin({Item("A", 1), Book(), Price("A", 1, "2")}, "\n"));

  world.Ingest(absl::StrJoin({LoadBegin("L1"), Item("A", 1), LoadEnd("L1")}, "\n"));

  CHECK(LiveOf(world.Connection(), Kind::kPrice) == 1);
  CHECK(world.Load(1).state() == v1::LOAD_STATE_ENDED);
}

TEST_CASE("a load that did not begin cannot end, and one that ended is a repeat", "[erp]") {
  World world;

  const auto response = world.Ingest(absl::StrJoin(
      {LoadEnd("L0"), LoadBegin("L1"), LoadEnd("L1"), LoadBegin("L1"), LoadEnd("L1")}, "\n"));

  CHECK(response.problems(0).reason() == "LOAD_NOT_OPEN");
  CHECK(response.counts().repeated() == 2);
  CHECK(world.Events<facts::LoadChanged>(engine::kTimeline).size() == 2);
}

// ---- Orders out ----------------------------------------------------------------

TEST_CASE("an order goes out once, whatever is repeated", "[erp]") {
  World world;

  Release(world, "o1");
  Release(world, "o1");
  world.room.Reopen();
  Release(world, "o1");

  const auto out = world.room.emitted("erp.main.out");
  REQUIRE(out.size() == 1);
  CHECK(out[0].key == "orders/o1");
  CHECK(out[0].payload.find(R"("notes":"say \"hello\"\u000a")") != std::string::npos);
  JsonTree tree;
  Problem problem;
  CHECK(tree.Parse(out[0].payload, problem));
  CHECK(world.Export("orders/o1").state() == v1::EXPORT_STATE_SENT);
}

TEST_CASE("the mode says whether an order is shown, held or sent", "[erp]") {
  const auto [mode, state, sent] = GENERATE(table<v1::ConnectionMode, v1::ExportState, size_t>({
      {v1::CONNECTION_MODE_OBSERVE, v1::EXPORT_STATE_OBSERVED, 0},
      {v1::CONNECTION_MODE_HOLD, v1::EXPORT_STATE_HELD, 0},
      {v1::CONNECTION_MODE_LIVE, v1::EXPORT_STATE_SENT, 1},
  }));
  World world({.mode = mode});

  Release(world, "o1");

  CHECK(world.Export("orders/o1").state() == state);
  CHECK(world.room.emitted("erp.main.out").size() == sent);
  v1::SendExportRequest send;
  send.set_order("o1");
  CHECK(world.Call<v1::Export>("SendExport", send).ok() == (sent == 0));
  CHECK(world.room.emitted("erp.main.out").size() == 1);
}

TEST_CASE("an order without a connection that takes it is reported, not lost", "[erp]") {
  World world({.takes_orders = false});

  Release(world, "o1");

  const auto stuck = world.Events<sales::OrderExportStuck>(kErpOrdersTopic);
  REQUIRE(stuck.size() == 1);
  CHECK(stuck[0].reason() == "NO_ORDER_CONNECTION");
}

TEST_CASE("what the ERP says about an order comes back once each", "[erp]") {
  World world;
  Release(world, "o1");
  const std::string shipped =
      R"({"type":"order.shipped","id":"s1","data":{"order":"o1","shipment":"S1","time":"2026-03-02T00:00:00Z","lines":[{"line":1,"location":"MAIN","quantity":6}]}})";
  const std::string invoiced =
      R"({"type":"invoice","id":"v1","data":{"invoice":"I1","order":"orders/o1","account":"17850","time":"2026-03-03T00:00:00Z","currencyCode":"GBP","lines":[{"line":1,"sku":"85123A","quantity":6,"unitPrice":2.55,"net":15.3}]}})";

  for (int i = 0; i < 2; ++i) {
    world.Ingest(absl::StrJoin({Acknowledge("o1"), shipped, invoiced}, "\n"));
  }

  CHECK(world.Events<sales::OrderAcknowledged>(kErpOrdersTopic).size() == 1);
  const auto shipments = world.Events<sales::OrderShipped>(kErpOrdersTopic);
  REQUIRE(shipments.size() == 1);
  CHECK(shipments[0].lines(0).sku() == "85123A");
  CHECK(shipments[0].lines(0).base_quantity() == "6");
  CHECK(world.Events<sales::OrderInvoiced>(kErpOrdersTopic).size() == 1);
  const v1::ExportRow row = world.Export("orders/o1");
  CHECK(row.state() == v1::EXPORT_STATE_ACKNOWLEDGED);
  CHECK(row.erp_order() == "SO-1");
  CHECK(row.shipments_size() == 1);
  CHECK(row.invoices_size() == 1);
  CHECK(world.Connection().parked() == 0);
}

TEST_CASE("answers that cannot be are parked with the reason", "[erp]") {
  World world;
  Release(world, "o1");
  const auto [message, reason] = GENERATE(table<const char*, const char*>({
      {R"({"type":"order.acknowledged","id":"a","data":{"order":"other","erpOrder":"1","time":"2026-03-01T00:00:00Z"}})",
       "ORDER_UNKNOWN"},
      {R"({"type":"order.acknowledged","id":"a","data":{"order":"o1","erpOrder":"1","time":"2026-03-01T00:00:00Z","lines":[{"line":9,"confirmed":1}]}})",
       "ORDER_LINE_UNKNOWN"},
      {R"({"type":"invoice","id":"a","data":{"invoice":"I","order":"o1","account":"1","time":"2026-03-01T00:00:00Z","currencyCode":"GBP","lines":[{"sku":"A","quantity":1,"unitPrice":1,"net":1}]}})",
       "ORDER_ACCOUNT_DIFFERS"},
  }));
  CAPTURE(message);

  const auto response = world.Ingest(message);

  REQUIRE(response.problems_size() == 1);
  CHECK(response.problems(0).reason() == reason);
  CHECK(world.room.emitted(kErpOrdersTopic).empty());
}

TEST_CASE("after a rejection nothing but silence is believed", "[erp]") {
  World world;
  Release(world, "o1");
  world.Ingest(
      R"({"type":"order.rejected","id":"r","data":{"order":"o1","reason":"closed","time":"2026-03-01T00:00:00Z"}})");

  const auto response = world.Ingest(Acknowledge("o1"));

  CHECK(world.Export("orders/o1").state() == v1::EXPORT_STATE_REJECTED);
  CHECK(response.problems(0).reason() == "ORDER_STATE_CONFLICT");
}

TEST_CASE("an order that is not acknowledged in time is uncertain and never sent again", "[erp]") {
  World world;
  Release(world, "o1");

  world.room.Advance(absl::Hours(23));
  CHECK(world.Export("orders/o1").state() == v1::EXPORT_STATE_SENT);
  world.room.Advance(absl::Hours(2));

  CHECK(world.Export("orders/o1").state() == v1::EXPORT_STATE_UNCERTAIN);
  const auto stuck = world.Events<sales::OrderExportStuck>(kErpOrdersTopic);
  REQUIRE(stuck.size() == 1);
  CHECK(stuck[0].reason() == "EXPORT_UNCERTAIN");
  CHECK(world.room.emitted("erp.main.out").size() == 1);
  world.Ingest(Acknowledge("o1"));
  CHECK(world.Export("orders/o1").state() == v1::EXPORT_STATE_ACKNOWLEDGED);
}

TEST_CASE("a cancel goes to the ERP when the order did, and is answered here when not", "[erp]") {
  const bool live = GENERATE(true, false);
  World world({.mode = live ? v1::CONNECTION_MODE_LIVE : v1::CONNECTION_MODE_HOLD});
  Release(world, "o1");
  sales::OrderCancelRequested cancel;
  cancel.set_order("orders/o1");
  cancel.set_reason("changed mind");

  world.room.Deliver(kTenant, kSalesOrdersTopic, "approval", "orders/o1", cancel);

  if (live) {
    CHECK(world.room.emitted("erp.main.out").size() == 2);
    CHECK(world.Export("orders/o1").cancel_pending());
    world.Ingest(
        R"({"type":"order.cancel-answered","id":"c1","data":{"order":"o1","accepted":true,"time":"2026-03-01T00:00:00Z"}})");
  }
  const auto answers = world.Events<sales::OrderCancelAnswered>(kErpOrdersTopic);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].accepted());
  CHECK(world.Export("orders/o1").state() == v1::EXPORT_STATE_CANCELLED);
}

// ---- Calls -------------------------------------------------------------------

TEST_CASE("a large call is cut into turns and answered as one", "[erp]") {
  World world;
  v1::IngestRequest request;
  request.set_connection("main");
  request.set_request_id("big");
  std::string text = "[";
  for (int i = 0; i < 9'000; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ",\n",
                    i == 5'000 ? R"({"type":"item","id":"bad","data":{}})"
                               : Item(absl::StrCat("S", i), 1));
  }
  request.set_text(text + "]");
  rpc::CallContext context;
  context.principal = testing::MakePrincipal(kTenant, {"erp-admin"});
  context.deadline = absl::InfiniteFuture();

  absl::StatusOr<v1::IngestResponse> answer = absl::UnknownError("not answered");
  for (int i = 0; i < 2; ++i) {
    StartIngest(world.room.shards(), context, request,
                [&](absl::StatusOr<v1::IngestResponse> a, rpc::ReplyInfo info) {
                  answer = std::move(a);
                  CHECK(info.replayed == (i == 1));
                });
    REQUIRE(answer.ok());
    CHECK(answer->messages() == 9'000);
    CHECK(answer->counts().applied() == 8'999);
    REQUIRE(answer->problems_size() == 1);
    CHECK(answer->problems(0).index() == 5'000);
  }
  CHECK(world.Connection().counts().applied() == 8'999);
}

TEST_CASE("a payload is cut into messages however they are strung together", "[erp]") {
  const auto [payload, messages] = GENERATE(table<std::string, std::vector<std::string>>({
      {"", {}},
      {"{\"a\":1}", {"{\"a\":1}"}},
      {"{\n \"a\": 1\n}", {"{\n \"a\": 1\n}"}},
      {"{\"a\":1}\n\n{\"b\":\"}\"}\r\n", {"{\"a\":1}", "{\"b\":\"}\"}"}},
      {"{\"a\":1}\n{\"b\"\n{\"c\":1}", {"{\"a\":1}", "{\"b\"", "{\"c\":1}"}},
      {" [ {\"a\":[1,2]} , {\"b\":\"],\\\"\"} ] ", {"{\"a\":[1,2]}", "{\"b\":\"],\\\"\"}"}},
      {"[]", {}},
      {"{\"a\":1} {\"b\":2}", {"{\"a\":1}", "{\"b\":2}"}},
      {"\x1e{\"a\":\n1}\x1e{", {"{\"a\":\n1}", "{"}},
      {"{\"a\":", {"{\"a\":"}},
  }));
  CAPTURE(payload);

  const auto split = SplitPayload(payload);

  REQUIRE(split.ok());
  CHECK(std::vector<std::string>(split->begin(), split->end()) == messages);
}

TEST_CASE("a payload whose brackets do not close is refused", "[erp]") {
  for (const char* payload : {"[{\"a\":1}", "[{\"a\":1},", "[1]x", "[1 2]", "[{]", "{\"a\":1}{"}) {
    CAPTURE(payload);
    CHECK_FALSE(SplitPayload(payload).ok());
  }
}

}  // namespace weft::erp
