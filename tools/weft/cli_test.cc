// Commands from their arguments to what they send, show and return.
#include "tools/weft/cli.h"

#include <catch2/catch.hpp>
#include <deque>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/rpc/token_verifier.h"
#include "libs/testing/paths.h"

namespace weft::cli {
namespace {

// Answers what it was told to and remembers what was asked.
class FakeTransport final : public Transport {
 public:
  struct Script {
    std::deque<absl::StatusOr<HttpAnswer>> answers;
    std::vector<HttpCall> calls;
  };
  explicit FakeTransport(Script& script) : script_(script) {}

  absl::StatusOr<HttpAnswer> Do(const HttpCall& call, absl::Duration) override {
    script_.calls.push_back(call);
    if (script_.answers.empty()) return HttpAnswer{.status = 200, .headers = {}, .body = "{}"};
    auto answer = script_.answers.front();
    script_.answers.pop_front();
    return answer;
  }
  absl::StatusOr<HttpAnswer> Stream(const HttpCall& call, absl::Duration timeout,
                                    const std::function<bool(const std::string&)>& line) override {
    auto answer = Do(call, timeout);
    if (!answer.ok() || answer->status != 200) return answer;
    std::istringstream lines(answer->body);
    std::string one;
    while (std::getline(lines, one) && line(one)) {
    }
    return answer;
  }

 private:
  Script& script_;
};

struct Result {
  int exit = 0;
  std::string out;
  std::string err;
};

struct Rig {
  FakeTransport::Script script;
  std::map<std::string, std::string> variables;
  std::string input;
  std::string server;
  std::vector<absl::Duration> sleeps;

  void Answer(int status, const std::string& body) {
    script.answers.push_back(HttpAnswer{.status = status, .headers = {}, .body = body});
  }
  Result Run(const std::vector<std::string>& arguments) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Terminal terminal{.in = in,
                      .out = out,
                      .err = err,
                      .steady = [] { return absl::ZeroDuration(); },
                      .sleep = [this](absl::Duration d) { sleeps.push_back(d); },
                      .interrupted = [] { return false; }};
    const Environment environment{
        .self = "/nowhere/weft",
        .variable = [this](const std::string& name) { return variables[name]; },
        .connect = [this](const std::string& to) -> absl::StatusOr<std::unique_ptr<Transport>> {
          server = to;
          return std::unique_ptr<Transport>(std::make_unique<FakeTransport>(script));
        }};
    const int exit = cli::Run(arguments, terminal, environment);
    return {exit, out.str(), err.str()};
  }
  std::string Header(size_t call, const std::string& name) {
    for (const auto& [key, value] : script.calls.at(call).headers) {
      if (key == name) return value;
    }
    return "";
  }
};

std::string ErrorBody(int code, const std::string& reason, const std::string& metadata = "{}") {
  return absl::StrCat(R"({"code":)", code, R"(,"message":"the cause","details":[{"@type":)",
                      R"("type.googleapis.com/google.rpc.ErrorInfo","reason":")", reason,
                      R"(","domain":"pricing.weft","metadata":)", metadata, "}]}");
}

TEST_CASE("arguments become a request", "[cli]") {
  struct Row {
    std::vector<std::string> arguments;
    std::string request;  // Method and target.
    std::string body;
  };
  const Row row = GENERATE(values<Row>({
      {{"price", "85123A", "--quantity", "600", "--account", "C-1"},
       "POST /v1/prices:calculate",
       R"({"account":"C-1","lines":[{"sku":"85123A","quantity":{"value":"600"}}]})"},
      {{"price", "X", "--after", "tok"},
       "POST /v1/prices:calculate",
       R"({"after":"tok","lines":[{"sku":"X","quantity":{"value":"1"}}]})"},
      {{"document", "simulate", "a", "--source", "decisions", "--as-of", "2026-03-01T07:00:00Z"},
       "POST /v1/documents:simulate",
       R"({"documents":[{"id":"a"}],"source":"SIMULATION_SOURCE_DECISIONS",)"
       R"("asOf":"2026-03-01T07:00:00Z"})"},
      {{"document", "shadow", "start", "RuleSet/a:3", "--share", "5", "--replace"},
       "POST /v1/documents:startShadow",
       R"({"documents":[{"kind":"RuleSet","id":"a","version":"3"}],"sharePercent":"5",)"
       R"("replace":true})"},
      {{"document", "rerun"}, "POST /v1/decisions:rerun", R"({"most":1000})"},
      {{"price", "X", "--unit", "CS", "--currency", "EUR", "--as-of", "2026-03-01T07:00:00Z",
        "--explain"},
       "POST /v1/prices:explain",
       R"({"currencyCode":"EUR","asOf":"2026-03-01T07:00:00Z","line":{"sku":"X","quantity":{"value":"1","unit":"CS"}}})"},
      {{"price", "explain", "X", "-q", "3"},
       "POST /v1/prices:explain",
       R"({"line":{"sku":"X","quantity":{"value":"3"}}})"},
      {{"price", "calculate", "A=6", "B=2:CS", "-a", "C-1", "--list-price", "--tiers"},
       "POST /v1/prices:calculate",
       R"({"account":"C-1","include":["INCLUDE_LIST_PRICE","INCLUDE_TIERS"],"lines":[)"
       R"({"sku":"A","quantity":{"value":"6"}},{"sku":"B","quantity":{"value":"2","unit":"CS"}}]})"},
      {{"price", "lock", "A=6", "-a", "C-1", "--tiers", "--reference", "Q-1"},
       "POST /v1/prices:lock",
       R"({"account":"C-1","lines":[{"sku":"A","quantity":{"value":"6"}}],"includeTiers":true,)"
       R"("reference":"Q-1"})"},
      {{"price", "lock-keys"}, "GET /v1/price-locks/keys", ""},
      {{"price", "watch", "A", "B", "-a", "C-1", "--resume", "g1.7"},
       "GET /v1/prices:watch?resumeToken=g1.7&accounts=C-1&skus=A&skus=B",
       ""},
      {{"price", "replay", "d-1", "--net", "6.00", "--currency", "GBP"},
       "POST /v1/decisions/d-1:replay",
       R"({"net":{"amount":"6.00","currencyCode":"GBP"}})"},
      {{"stock", "A", "B", "--location", "L1"},
       "POST /v1/availability:query",
       R"({"lines":[{"sku":"A"},{"sku":"B"}],"locations":["L1"]})"},
      {{"order", "submit", "A=6", "B=C=2:CS", "-a", "C-1", "--external-id", "w-7", "--request-id",
        "k"},
       "POST /v1/orders",
       R"({"externalOrderId":"w-7","account":"C-1","lines":[{"sku":"A","quantity":{"value":"6"}},)"
       R"({"sku":"B=C","quantity":{"value":"2","unit":"CS"}}]})"},
      {{"order", "get", "orders/4kz1"}, "GET /v1/orders/4kz1", ""},
      {{"order", "get", "4kz1"}, "GET /v1/orders/4kz1", ""},
      {{"order", "get", "a/b?c"}, "GET /v1/orders/a%2Fb%3Fc", ""},
      {{"order", "list", "--state", "partially-shipped", "--limit", "5"},
       "GET /v1/orders?state=ORDER_STATE_PARTIALLY_SHIPPED&pageSize=5",
       ""},
      {{"order", "cancel", "x", "--line", "2", "--reason", "late"},
       "POST /v1/orders/x:cancel",
       R"({"lines":[2],"reason":"late"})"},
      {{"order", "reorder", "x", "--submit"}, "POST /v1/orders/x:reorder", R"({"submit":true})"},
      {{"approval", "list", "--user", "bob"}, "GET /v1/approvals?user=bob&pageSize=50", ""},
      {{"approval", "get", "approvals/q"}, "GET /v1/approvals/q", ""},
      {{"approval", "approve", "q", "-m", "fine", "--user", "bob"},
       "POST /v1/approvals/q:decide",
       R"({"decision":"DECISION_APPROVE","comment":"fine","user":"bob"})"},
      {{"approval", "reject", "q"}, "POST /v1/approvals/q:decide", R"({"decision":"DECISION_REJECT"})"},
      {{"suggestion", "list", "-a", "C-1", "--within-days", "0"},
       "GET /v1/suggestions?account=C-1&dueWithinDays=0&pageSize=50",
       ""},
      {{"reorder", "suggestions", "-a", "C-1"}, "GET /v1/suggestions?account=C-1&pageSize=50", ""},
      {{"document", "list", "--kind", "RuleSet"},
       "GET /v1/documents?kind=RuleSet&pageSize=1000",
       ""},
      {{"document", "show", "RuleSet/a@4711/*/web:2"},
       "GET /v1/documents/a?kind=RuleSet&organisation=4711&channel=web&version=2",
       ""},
      {{"document", "diff", "a:3", "--from", "1"}, "GET /v1/documents/a:diff?from=1&to=3",
       ""},
      {{"document", "publish", "a:2", "-m", "spring"},
       "POST /v1/documents:publish",
       R"({"documents":[{"id":"a","version":"2"}],"reason":"spring"})"},
      {{"document", "rollback", "--to", "3"}, "POST /v1/documents:rollback", R"({"activation":"3"})"},
      {{"document", "approve", "RuleSet/a:2"},
       "POST /v1/documents/a:approve",
       R"({"id":"a","document":{"kind":"RuleSet","id":"a","version":"2"}})"},
      {{"erp", "connections"}, "GET /v1/erp/connections?pageSize=100", ""},
      {{"erp", "parked", "list", "-c", "main"}, "GET /v1/erp/parked?connection=main&pageSize=50", ""},
      {{"erp", "parked", "show", "p1"}, "GET /v1/erp/parked/p1", ""},
      {{"erp", "parked", "replay", "p1"}, "POST /v1/erp/parked/p1:replay", "{}"},
      {{"erp", "parked", "discard", "p1"}, "POST /v1/erp/parked/p1:discard", "{}"},
      {{"erp", "exports"}, "GET /v1/erp/exports?pageSize=50", ""},
  }));
  Rig rig;
  CAPTURE(row.request);

  rig.Run(row.arguments);

  REQUIRE(rig.script.calls.size() == 1);
  CHECK(rig.script.calls[0].method + " " + rig.script.calls[0].target == row.request);
  CHECK(rig.script.calls[0].body == row.body);
}

TEST_CASE("server, token and user come from flags, then from the environment", "[cli]") {
  Rig rig;
  rig.Run({"order", "get", "x"});
  CHECK(rig.server == "http://127.0.0.1:8080");
  CHECK(rig.Header(0, "Authorization").empty());

  rig.variables = {{"WEFT_SERVER", "http://env:1"}, {"WEFT_TOKEN", "env-token"}};
  rig.Run({"order", "get", "x"});
  CHECK(rig.server == "http://env:1");
  CHECK(rig.Header(1, "Authorization") == "Bearer env-token");

  rig.Run({"order", "get", "x", "--server", "http://flag:2", "--token", "flag-token", "--user",
           "ana", "--timeout", "2"});
  CHECK(rig.server == "http://flag:2");
  CHECK(rig.Header(2, "Authorization") == "Bearer flag-token");
  CHECK(rig.Header(2, "Weft-User") == "ana");
  CHECK(rig.Header(2, "Grpc-Timeout") == "2000m");
}

TEST_CASE("a mutation carries a key that is its own or the one given", "[cli]") {
  Rig rig;
  rig.Run({"order", "cancel", "x"});
  rig.Run({"order", "cancel", "x"});
  rig.Run({"order", "cancel", "x", "--request-id", "k"});

  CHECK(rig.Header(0, "Idempotency-Key").size() > 10);
  CHECK(rig.Header(0, "Idempotency-Key") != rig.Header(1, "Idempotency-Key"));
  CHECK(rig.Header(2, "Idempotency-Key") == "\"k\"");
}

TEST_CASE("a wrong command line is exit 2 and asks nothing", "[cli]") {
  const auto arguments = GENERATE(values<std::vector<std::string>>({
      {},
      {"bogus"},
      {"price"},
      {"price", "A", "--bogus"},
      {"stock"},
      {"order"},
      {"order", "submit"},
      {"order", "submit", "A"},
      {"order", "submit", "A="},
      {"order", "submit", "=5"},
      {"order", "list", "--state", "lost"},
      {"order", "watch", "x", "--until", "lost"},
      {"price", "A", "--as-of", "yesterday"},
      {"price", "A", "-o", "xml"},
      {"price", "A", "--timeout", "-1"},
      {"price", "calculate"},
      {"price", "explain"},
      {"price", "lock", "A"},
      {"price", "compare", "FILE", "-o", "csv"},
      {"import"},
      {"audit-invoices"},
      {"erp", "send"},
      {"erp", "parked"},
  }));
  Rig rig;
  CAPTURE(arguments);

  const Result result = rig.Run(arguments);

  CHECK(result.exit == 2);
  CHECK(rig.script.calls.empty());
  CHECK(result.out.empty());
  CHECK_FALSE(result.err.empty());
}

TEST_CASE("help and version are no errors", "[cli]") {
  Rig rig;
  CHECK(rig.Run({"--help"}).exit == 0);
  CHECK_THAT(rig.Run({"order", "submit", "--help"}).out, Catch::Contains("--external-id"));
  CHECK(rig.Run({"--version"}).exit == 0);
}

TEST_CASE("an error of the mesh shows reason, cause, room and the next command", "[cli]") {
  Rig rig;
  rig.script.answers.push_back(
      HttpAnswer{.status = 404,
                 .headers = {{"x-request-id", "r-1"}},
                 .body = ErrorBody(5, "ORDER_NOT_FOUND", R"({"order":"orders/x"})")});

  const Result result = rig.Run({"order", "get", "x"});

  CHECK(result.exit == 3);
  CHECK(result.out.empty());
  CHECK(result.err ==
        "error: ORDER_NOT_FOUND\n"
        "  cause:   the cause\n"
        "  order:   orders/x\n"
        "  room:    pricing\n"
        "  request: r-1\n"
        "  next:    weft order list\n");
}

TEST_CASE("codes of the mesh become exit codes", "[cli]") {
  const auto [code, exit] = GENERATE(table<int, int>({{3, 2}, {5, 3}, {6, 4}, {9, 4}, {10, 4},
                                                      {14, 5}, {8, 5}, {4, 6}, {16, 7}, {7, 7},
                                                      {13, 1}, {12, 1}}));
  CAPTURE(code);
  Rig rig;
  rig.Answer(500, ErrorBody(code, "REASON"));

  CHECK(rig.Run({"order", "get", "x"}).exit == exit);
}

TEST_CASE("trouble on the way has its own exit codes", "[cli]") {
  Rig rig;
  rig.script.answers = {Unavailable("SERVER_UNREACHABLE", "nothing listens there"),
                        Error(absl::StatusCode::kDeadlineExceeded, "SERVER_SILENT", "silent"),
                        Error(absl::StatusCode::kCancelled, "INTERRUPTED", "interrupted"),
                        HttpAnswer{.status = 502, .headers = {}, .body = "<html>"}};

  const Result away = rig.Run({"status"});
  CHECK(away.exit == 5);
  CHECK_THAT(away.err, Catch::Contains("next:    weft up"));
  CHECK(rig.Run({"order", "get", "x"}).exit == 6);
  CHECK(rig.Run({"order", "get", "x"}).exit == 130);
  CHECK(rig.Run({"order", "get", "x"}).exit == 1);
}

TEST_CASE("a failed mutation says how to repeat it without a second effect", "[cli]") {
  Rig rig;
  rig.Answer(503, ErrorBody(14, "ROOM_UNAVAILABLE"));

  const Result result = rig.Run({"order", "submit", "A=1", "--request-id", "k-9"});

  CHECK(result.exit == 5);
  CHECK_THAT(result.err, Catch::Contains("repeat:  --request-id k-9"));
}

TEST_CASE("a price is a table, or the answer itself as JSON", "[cli]") {
  const std::string body =
      R"({"lines":[{"sku":"85123A","quantity":{"value":"600","unit":"EA"},"unitPrice":)"
      R"({"amount":"14.20","currencyCode":"GBP"},"net":{"amount":"8520.00","currencyCode":"GBP"},)"
      R"("decisionId":"d-1","newField":1}],"currencyCode":"GBP"})";
  Rig rig;
  rig.Answer(200, body);
  rig.Answer(200, body);

  const Result table = rig.Run({"price", "85123A", "-q", "600"});
  const Result json = rig.Run({"price", "85123A", "-q", "600", "-o", "json"});

  CHECK(table.exit == 0);
  CHECK(table.out ==
        "SKU     QUANTITY  UNIT PRICE          NET  NOTE\n"
        "85123A    600 EA   14.20 GBP  8520.00 GBP\n"
        "decision  d-1\n");
  CHECK_THAT(json.out, Catch::StartsWith(R"({"lines":[{"sku":"85123A",)") &&
                           Catch::Contains(R"("net":{"amount":"8520.00","currencyCode":"GBP"})"));
}

TEST_CASE("no price is an answer with its reason and exit 4", "[cli]") {
  Rig rig;
  rig.Answer(200,
             R"({"lines":[{"sku":"X","reason":{"reason":"NO_PRICE_IN_CURRENCY","message":"none in EUR"}}]})");

  const Result result = rig.Run({"price", "X"});

  CHECK(result.exit == 4);
  CHECK_THAT(result.out, Catch::Contains("NO_PRICE_IN_CURRENCY: none in EUR"));
}

TEST_CASE("a list follows its pages up to the limit", "[cli]") {
  Rig rig;
  rig.Answer(200, R"({"orders":[{"name":"orders/1"},{"name":"orders/2"}],"nextPageToken":"p 2"})");
  rig.Answer(200, R"({"orders":[{"name":"orders/3"},{"name":"orders/4"}],"nextPageToken":"p3"})");

  const Result result = rig.Run({"order", "list", "--limit", "3"});

  CHECK(rig.script.calls.size() == 2);
  CHECK_THAT(rig.script.calls[1].target, Catch::EndsWith("&pageToken=p%202"));
  CHECK_THAT(result.out, Catch::Contains("orders/3") && !Catch::Contains("orders/4"));
}

TEST_CASE("an order is watched until the state that is wanted", "[cli]") {
  const std::string states =
      "{\"name\":\"orders/x\",\"state\":\"ORDER_STATE_PRICING\"}\n"
      "{\"name\":\"orders/x\",\"state\":\"ORDER_STATE_SENT\"}\n"
      "{\"name\":\"orders/x\",\"state\":\"ORDER_STATE_REJECTED\","
      "\"reason\":{\"reason\":\"ERP_REJECTED\",\"message\":\"no\"}}\n"
      "{\"name\":\"orders/x\",\"state\":\"ORDER_STATE_PRICING\"}\n";
  Rig rig;
  for (int i = 0; i < 3; ++i) rig.Answer(200, states);

  const Result sent = rig.Run({"order", "watch", "x", "--until", "sent"});
  const Result ended = rig.Run({"order", "watch", "x"});
  const Result missed = rig.Run({"order", "watch", "x", "--until", "acknowledged"});

  CHECK(sent.exit == 0);
  CHECK(sent.out == "-  pricing\n-  sent\n");
  CHECK(ended.exit == 0);
  CHECK_THAT(ended.out, Catch::EndsWith("-  rejected  ERP_REJECTED: no\n"));
  CHECK(missed.exit == 4);
}

TEST_CASE("an error at the end of a watch is an error", "[cli]") {
  Rig rig;
  rig.Answer(200, absl::StrCat("{\"name\":\"orders/x\",\"state\":\"ORDER_STATE_SENT\"}\n",
                               "{\"error\":", ErrorBody(14, "ROOM_STOPPING"), "}\n"));

  const Result result = rig.Run({"order", "watch", "x"});

  CHECK(result.exit == 5);
  CHECK_THAT(result.err, Catch::Contains("ROOM_STOPPING"));
}

TEST_CASE("a file goes in batches whose keys depend on nothing but the messages", "[cli]") {
  const weft::testing::TempDir dir;
  const std::string path = dir.path() + "/feed.jsonl";
  {
    std::ofstream out(path);
    for (int i = 0; i < 5; ++i) out << R"({"id":)" << i << "}\n" << (i == 2 ? "\n" : "");
  }
  Rig rig;
  for (int i = 0; i < 6; ++i) {
    rig.Answer(200, R"({"messages":"2","counts":{"applied":"2"}})");
  }

  const Result first = rig.Run({"erp", "send", path, "--batch", "2", "-c", "main"});
  rig.Run({"erp", "send", path, "--batch", "2", "-c", "main"});

  CHECK(first.exit == 0);
  CHECK_THAT(first.out, Catch::StartsWith("messages 6: applied 6"));
  REQUIRE(rig.script.calls.size() == 6);
  CHECK(rig.script.calls[0].target == "/v1/erp/main:ingest");
  CHECK(rig.script.calls[0].body == R"({"text":"{\"id\":0}\n{\"id\":1}\n"})");
  CHECK(rig.script.calls[2].body == R"({"text":"{\"id\":4}\n"})");
  for (size_t i = 0; i < 3; ++i) {
    CHECK(rig.Header(i, "Idempotency-Key") == rig.Header(i + 3, "Idempotency-Key"));
  }
  CHECK(rig.Header(0, "Idempotency-Key") != rig.Header(1, "Idempotency-Key"));
}

TEST_CASE("sending waits for a mesh that is away, and says how to go on when it gives up",
          "[cli]") {
  Rig rig;
  rig.input = "{\"id\":1}\n{\"id\":2}\n";
  rig.Answer(503, ErrorBody(14, "ROOM_UNAVAILABLE"));
  rig.Answer(429, ErrorBody(8, "RATE_LIMITED", R"({"retry_after_ms":"700"})"));
  rig.Answer(200, R"({"messages":"1","counts":{"applied":"1"}})");
  rig.Answer(403, ErrorBody(7, "ROLE_NOT_ALLOWED"));

  const Result result = rig.Run({"erp", "send", "-", "--batch", "1"});

  CHECK(rig.sleeps == std::vector<absl::Duration>{absl::Milliseconds(100), absl::Milliseconds(700)});
  CHECK(rig.script.calls[0].body == rig.script.calls[2].body);
  CHECK(result.exit == 7);
  CHECK_THAT(result.err,
             Catch::Contains("resume:  weft erp send - --connection canonical --skip 1"));
}

TEST_CASE("skipping goes on where sending stopped", "[cli]") {
  Rig rig;
  rig.input = "a\nb\nc\n";

  rig.Run({"erp", "send", "-", "--skip", "2"});

  REQUIRE(rig.script.calls.size() == 1);
  CHECK(rig.script.calls[0].body == R"({"text":"c\n"})");
}

TEST_CASE("messages that were parked are told and make exit 4", "[cli]") {
  Rig rig;
  rig.input = "{}\n";
  rig.Answer(200,
             R"({"messages":"1","counts":{"parked":"1"},"problems":[{"messageId":"m1","reason":)"
             R"("FIELD_MISSING","message":"no id"}]})");

  const Result result = rig.Run({"erp", "send", "-"});

  CHECK(result.exit == 4);
  CHECK_THAT(result.out, Catch::Contains("FIELD_MISSING  m1  no id"));
  CHECK_THAT(result.err, Catch::Contains("weft erp parked list"));
}

TEST_CASE("a file that cannot be read is exit 3", "[cli]") {
  Rig rig;
  CHECK(rig.Run({"erp", "send", "/nowhere/feed.jsonl"}).exit == 3);
  CHECK(rig.Run({"erp", "parked", "replay", "p", "--file", "/nowhere/m.json"}).exit == 3);
  CHECK(rig.script.calls.empty());
}

TEST_CASE("status shows each room, and is exit 5 when one is away", "[cli]") {
  Rig rig;
  for (int i = 0; i < 6; ++i) rig.Answer(i == 2 ? 503 : 400, ErrorBody(i == 2 ? 14 : 3, "R"));

  const Result result = rig.Run({"status"});

  CHECK(result.exit == 5);
  CHECK_THAT(result.out, Catch::Contains("pricing               up") &&
                             Catch::Contains("approval              away"));
}

TEST_CASE("a made key signs tokens that verify", "[cli]") {
  const weft::testing::TempDir dir;
  const std::string key = dir.path() + "/key.pem";
  Rig rig;

  const Result jwks = rig.Run({"token", "--new-key", key});
  const Result token = rig.Run({"token", "--key", key, "--tenant", "acme", "--role", "rep",
                                "operator", "--user", "ana", "--accounts", "*", "--issuer",
                                "test-issuer"});

  REQUIRE(jwks.exit == 0);
  REQUIRE(token.exit == 0);
  CHECK(rig.Run({"token", "--key", key, "--jwks"}).out == jwks.out);
  const SystemClock clock;
  const rpc::TokenVerifier verifier({{.issuer = "test-issuer",
                                      .audience = "weft",
                                      .keys = rpc::JsonWebKeySet::Parse(jwks.out).value()}},
                                    clock);
  const auto principal = verifier.Verify(token.out.substr(0, token.out.size() - 1));
  REQUIRE(principal.ok());
  CHECK(principal->tenant == "acme");
  CHECK(principal->user == "ana");
  CHECK(principal->roles == std::set<std::string>{"rep", "operator"});
  CHECK(principal->accounts == std::set<std::string>{"*"});
  // A key is never written over.
  CHECK(rig.Run({"token", "--new-key", key}).exit == 4);
}

TEST_CASE("a token needs a key, a tenant and known roles", "[cli]") {
  const weft::testing::TempDir dir;
  const std::string key = dir.path() + "/key.pem";
  Rig rig;
  rig.Run({"token", "--new-key", key});

  CHECK(rig.Run({"token", "--tenant", "t", "--role", "rep"}).exit == 3);
  CHECK(rig.Run({"token", "--key", key, "--role", "rep"}).exit == 2);
  CHECK(rig.Run({"token", "--key", key, "--tenant", "t"}).exit == 2);
  CHECK(rig.Run({"token", "--key", key, "--tenant", "t", "--role", "king"}).exit == 2);
}

TEST_CASE("up says what is missing when weftd is not there", "[cli]") {
  Rig rig;

  const Result result = rig.Run({"up", "--demo"});

  CHECK(result.exit == 1);
  CHECK_THAT(result.err, Catch::Contains("cannot start '/nowhere/weftd'"));
}

}  // namespace
}  // namespace weft::cli
