// Rebates through the owner's program: turnover, statements, settlements.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/error.h"
#include "services/pricing/rebates/rebates.h"
#include "services/pricing/room.h"
#include "services/pricing/testing/pricing_bench.h"
#include "weft/facts/v1/conditions.pb.h"
#include "weft/sales/v1/sales.pb.h"

namespace weft::pricing {
namespace {

using B = PricingBench;
using Agreement = facts::v1::RebateAgreementChanged;

class Rebates {
 public:
  Rebates() : program_(MakeOwner()), room_(program_) {
    rebates::Bind(methods_, room_.shards());
    // Whole years before and after lie within reach of the room's clock.
    const absl::Duration to_2027 = At("2027-01-02T00:00:00Z") - room_.now();
    if (to_2027 > absl::ZeroDuration()) room_.Advance(to_2027);
  }
  testing::RoomHarness& room() { return room_; }

  static absl::Time At(const char* rfc3339) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, rfc3339, &time, &error)) std::abort();
    return time;
  }
  template <typename Message>
  void Fact(const std::string& subject, const Message& message) {
    room_.Deliver("demo", engine::kTimeline, "erp-connector", subject, message);
  }
  void Put(const Agreement& fact) { Fact("rebate-agreements/" + fact.agreement(), fact); }
  void Account(const std::string& name, const std::string& parent = "",
               std::vector<std::string> groups = {}) {
    facts::v1::AccountChanged fact = B::Account(name, std::move(groups), "EUR");
    fact.set_parent_account(parent);
    Fact("accounts/" + name, fact);
  }
  struct Bill {
    const char* invoice;
    const char* account = "A";
    const char* net = "";
    const char* time = "2026-06-01T00:00:00Z";
    const char* credit_of = "";
    const char* sku = "M8";
    const char* currency = "EUR";
  };
  void Invoice(const Bill& bill) {
    sales::v1::OrderInvoiced fact;
    fact.set_invoice(bill.invoice);
    fact.set_account(bill.account);
    fact.set_credit_of(bill.credit_of);
    fact.set_currency_code(bill.currency);
    SetUs(*fact.mutable_time(), bill.time);
    sales::v1::InvoicedLine& line = *fact.add_lines();
    line.set_sku(bill.sku);
    line.mutable_quantity()->set_value("1");
    line.mutable_net()->set_amount(bill.net);
    line.mutable_net()->set_currency_code(bill.currency);
    room_.Deliver("demo", rebates::kErpOrdersTopic, "erp-connector",
                  absl::StrCat("invoices/", bill.invoice), fact);
  }

  static Principal Manager() {
    Principal p = testing::MakePrincipal("demo", {"pricing-manager"}, "u-pm");
    p.accounts = {"*"};
    return p;
  }
  absl::StatusOr<v1::RebateStatement> Statement(const std::string& agreement = "R",
                                                const char* at = "2026-06-15T00:00:00Z",
                                                const std::string& account = "",
                                                const Principal& who = Manager()) {
    v1::GetRebateStatementRequest request;
    request.set_agreement(agreement);
    request.set_account(account);
    SetUs(*request.mutable_at(), at);
    return Call<v1::RebateStatement>("GetRebateStatement", request, who);
  }
  // "turnover amount settled open".
  std::string Told(const std::string& agreement = "R", const char* at = "2026-06-15T00:00:00Z",
                   const std::string& account = "") {
    const auto statement = Statement(agreement, at, account);
    if (!statement.ok()) return ReasonOf(statement.status());
    return absl::StrCat(statement->turnover().amount(), " ", statement->amount().amount(), " ",
                        statement->settled().amount(), " ", statement->open().amount());
  }
  // What was settled, in order: "390.00 -45.00".
  std::string Settle(const std::string& agreement = "R") {
    v1::SettleRebatesRequest request;
    request.set_agreement(agreement);
    const auto answer = room_.Submit<v1::SettleRebatesResponse>(
        "weft.pricing.v1.RebateService/SettleRebates", Manager(), absl::StrCat("s-", ++calls_),
        request);
    if (!answer.ok()) return ReasonOf(answer.status());
    std::vector<std::string> amounts;
    for (const v1::RebateSettlement& one : answer->settlements()) {
      amounts.push_back(one.amount().amount());
    }
    return absl::StrJoin(amounts, " ");
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method, const Request& request,
                                const Principal& who = Manager()) {
    WEFT_ASSIGN_OR_RETURN(const std::string bytes,
                          methods_.CallBytes(who, "weft.pricing.v1.RebateService/" + method,
                                             request.SerializeAsString()));
    Response response;
    if (!response.ParseFromString(bytes)) return absl::InternalError("unreadable answer");
    return response;
  }

 private:
  engine::Program program_;
  testing::RoomHarness room_;
  DirectMethods methods_;
  int calls_ = 0;
};

// 0/0 %, 10,000/2 %, 20,000/3 % of the year's turnover of account A.
Agreement Yearly() {
  Agreement fact;
  fact.set_agreement("R");
  fact.set_account("A");
  fact.set_currency_code("EUR");
  fact.set_mode(Agreement::MODE_RETROACTIVE);
  fact.set_period(Agreement::PERIOD_YEAR);
  fact.mutable_target()->set_everything(true);
  for (const auto& [from, percent] :
       {std::pair("0", "0"), std::pair("10000", "2"), std::pair("20000", "3")}) {
    facts::v1::RebateTier& tier = *fact.add_tiers();
    tier.set_from_turnover(from);
    tier.set_percent(percent);
  }
  return fact;
}

TEST_CASE("PR-10: a retroactive rebate is of all eligible net, credits taken off", "[rebates][PR-10]") {
  SECTION("21,500.00 less linked credits of 2,000.00 earn 390.00") {
    Rebates r;
    r.Put(Yearly());
    r.Invoice({.invoice = "1", .net = "15000.00"});
    r.Invoice({.invoice = "2", .net = "6500.00"});
    r.Invoice({.invoice = "C1", .net = "-2000.00", .time = "2026-07-01T00:00:00Z",
               .credit_of = "2"});
    CHECK(r.Told() == "19500.00 390.00 0.00 390.00");
    CHECK(r.Settle() == "390.00");
    CHECK(r.Settle().empty());
    CHECK(r.Told() == "19500.00 390.00 390.00 0.00");
    CHECK(r.room().emitted(engine::kTimeline).size() == 1);
    r.room().Reopen();
    CHECK(r.Settle().empty());
    CHECK(r.room().emitted(engine::kTimeline).size() == 1);
  }
  SECTION("without the credits they earn 645.00") {
    Rebates r;
    r.Put(Yearly());
    r.Invoice({.invoice = "1", .net = "15000.00"});
    r.Invoice({.invoice = "2", .net = "6500.00"});
    CHECK(r.Settle() == "645.00");
    CHECK(r.Settle().empty());
  }
  SECTION("exactly 20,000.00 earn 600.00") {
    Rebates r;
    r.Put(Yearly());
    r.Invoice({.invoice = "1", .net = "20000.00"});
    CHECK(r.Settle() == "600.00");
    CHECK(r.Settle().empty());
  }
}

TEST_CASE("a statement explains each number", "[rebates]") {
  Rebates r;
  Agreement fact = Yearly();
  fact.set_mode(Agreement::MODE_INCREMENTAL);
  fact.mutable_target()->Clear();
  fact.mutable_target()->add_categories("HARDWARE");
  fact.mutable_target()->add_except_skus("M9");
  r.Put(fact);
  for (const char* sku : {"M8", "M9"}) {
    facts::v1::ItemChanged item = B::Item(sku);
    item.add_categories("BOLTS");
    r.Fact(absl::StrCat("items/", sku), item);
  }
  facts::v1::CategoryChanged bolts;
  bolts.set_category("BOLTS");
  bolts.set_parent_category("HARDWARE");
  r.Fact("categories/BOLTS", bolts);
  r.Account("A");
  r.Account("A-NORTH", "A");
  r.Account("A-NORTH-1", "A-NORTH");
  r.Account("B");
  r.Invoice({.invoice = "1", .net = "12000.00"});
  r.Invoice({.invoice = "2", .account = "A-NORTH-1", .net = "3000.50",
             .time = "2026-02-01T00:00:00Z"});
  r.Invoice({.invoice = "3", .net = "77.00", .sku = "M9"});
  r.Invoice({.invoice = "4", .net = "88.00", .sku = "PAINT"});
  r.Invoice({.invoice = "5", .net = "99.00", .currency = "USD"});
  r.Invoice({.invoice = "6", .account = "B", .net = "1000.00"});
  r.Invoice({.invoice = "7", .net = "1000.00", .time = "2025-12-31T23:59:59Z"});

  const auto statement = r.Statement();

  REQUIRE(statement.ok());
  CHECK(statement->invoiced().amount() == "15000.50");
  CHECK(statement->turnover().amount() == "15000.50");
  CHECK(statement->amount().amount() == "100.01");
  REQUIRE(statement->steps_size() == 2);
  CHECK(statement->steps(1).base().amount() == "5000.50");
  CHECK(statement->steps(1).amount().amount() == "100.0100");
  CHECK(statement->next_tier().missing().amount() == "4999.50");
  CHECK(statement->next_tier().percent() == "3");
  CHECK(statement->invoice_count() == 5);
  std::string told;
  for (const v1::RebateInvoice& invoice : statement->invoices()) {
    absl::StrAppend(&told, invoice.invoice(), " ", invoice.eligible().amount(), " ",
                    invoice.excluded().amount(), " ", absl::StrJoin(invoice.reasons(), ","), "; ");
  }
  CHECK(told ==
        "2 3000.50 0.00 ; 1 12000.00 0.00 ; 3 0.00 77.00 EXCEPTED; 4 0.00 88.00 NOT_IN_TARGET; "
        "5 0.00 99.00 OTHER_CURRENCY; ");
  CHECK(r.Told("R", "2025-06-01T00:00:00Z") == "1000.00 0.00 0.00 0.00");
}

TEST_CASE("a late credit counts in its invoice's period and is taken back", "[rebates]") {
  Rebates r;
  r.Put(Yearly());
  r.Invoice({.invoice = "1", .net = "20000.00"});
  CHECK(r.Settle() == "600.00");
  r.Invoice({.invoice = "C1", .net = "-500.00", .time = "2027-03-01T00:00:00Z", .credit_of = "1"});
  CHECK(r.Told() == "19500.00 390.00 600.00 -210.00");
  CHECK(r.Settle() == "-210.00");
  CHECK(r.Settle().empty());
  // A credit that came before its invoice counts with it once it is there.
  r.Invoice({.invoice = "C2", .net = "-100.00", .time = "2027-03-01T00:00:00Z", .credit_of = "9"});
  CHECK(r.Told() == "19500.00 390.00 390.00 0.00");
  r.Invoice({.invoice = "9", .net = "1100.00"});
  CHECK(r.Told() == "20500.00 615.00 390.00 225.00");
  // The same invoice again changes nothing.
  r.Invoice({.invoice = "9", .net = "1100.00"});
  CHECK(r.Settle() == "225.00");
  CHECK(r.Told("R", "2027-01-01T00:00:00Z") == "0.00 0.00 0.00 0.00");
}

TEST_CASE("a period is settled when it is over and late papers had their time", "[rebates]") {
  Rebates r;
  Agreement fact = Yearly();
  fact.set_period(Agreement::PERIOD_QUARTER);
  fact.set_settle_after_days(30);
  r.Put(fact);
  r.Invoice({.invoice = "1", .net = "10000.00", .time = "2026-08-01T00:00:00Z"});
  r.Invoice({.invoice = "2", .net = "20000.00", .time = "2026-11-01T00:00:00Z"});
  CHECK(r.Settle() == "200.00");  // The last quarter waits until the 31st of January.
  r.room().Advance(absl::Hours(24 * 28));
  CHECK(r.Settle().empty());
  r.room().Advance(absl::Hours(48));
  CHECK(r.Settle() == "600.00");
  CHECK(r.Settle().empty());
}

TEST_CASE("an agreement of a group is each member's own", "[rebates]") {
  Rebates r;
  Agreement fact = Yearly();
  fact.clear_account();
  fact.set_group("TRADE");
  r.Put(fact);
  r.Account("A", "", {"TRADE"});
  r.Account("B", "", {"TRADE"});
  r.Account("C", "", {"RETAIL"});
  r.Invoice({.invoice = "1", .net = "10000.00"});
  r.Invoice({.invoice = "2", .account = "B", .net = "20000.00"});
  r.Invoice({.invoice = "3", .account = "C", .net = "30000.00"});
  CHECK(r.Told() == "ACCOUNT_REQUIRED");
  CHECK(r.Told("R", "2026-06-15T00:00:00Z", "B") == "20000.00 600.00 0.00 600.00");
  CHECK(r.Told("R", "2026-06-15T00:00:00Z", "C") == "ACCOUNT_NOT_FOUND");
  CHECK(r.Settle() == "200.00 600.00");
  CHECK(r.Settle().empty());
}

TEST_CASE("what cannot be told has its reason", "[rebates]") {
  Rebates r;
  CHECK(r.Told() == "REBATE_AGREEMENT_NOT_FOUND");
  CHECK(r.Settle() == "REBATE_AGREEMENT_NOT_FOUND");
  Agreement fact = Yearly();
  SetUs(*fact.mutable_validity()->mutable_from(), "2026-01-01T00:00:00Z");
  r.Put(fact);
  CHECK(r.Told("R", "2025-06-15T00:00:00Z") == "NOT_IN_VALIDITY");
  CHECK(r.Told("R", "2026-06-15T00:00:00Z", "B") == "ACCOUNT_NOT_FOUND");
  r.Invoice({.invoice = "1", .net = "10000.00"});
  CHECK(r.Settle() == "200.00");
  fact.set_currency_code("GBP");
  r.Put(fact);
  r.Invoice({.invoice = "2", .net = "10000.00", .currency = "GBP"});
  CHECK(r.Settle() == "REBATE_CURRENCY_CHANGED");
  r.Invoice({.invoice = "3", .net = "many"});
  CHECK(r.room().parked().size() == 1);
  Principal other = Rebates::Manager();
  other.accounts = {"Z"};
  CHECK(ReasonOf(r.Statement("R", "2026-06-15T00:00:00Z", "", other).status()) ==
        "ACCOUNT_NOT_FOUND");
}

TEST_CASE("agreements are listed, of one account with those above it and its groups",
          "[rebates]") {
  Rebates r;
  r.Account("A", "TOP", {"TRADE"});
  r.Account("TOP");
  for (const auto& [number, account, group] :
       {std::tuple("R-1", "A", ""), std::tuple("R-2", "TOP", ""), std::tuple("R-3", "", "TRADE"),
        std::tuple("R-4", "Z", ""), std::tuple("R-5", "", "RETAIL")}) {
    Agreement fact = Yearly();
    fact.set_agreement(number);
    fact.set_account(account);
    fact.set_group(group);
    r.Put(fact);
  }
  const auto list = [&](const std::string& account, int size = 0, const std::string& token = "") {
    v1::ListRebatesRequest request;
    request.set_account(account);
    request.set_page_size(size);
    request.set_page_token(token);
    const auto answer = r.Call<v1::ListRebatesResponse>("ListRebates", request);
    if (!answer.ok()) return ReasonOf(answer.status());
    std::string told;
    for (const Agreement& one : answer->agreements()) absl::StrAppend(&told, one.agreement(), " ");
    return told + answer->next_page_token();
  };
  CHECK(list("A") == "R-1 R-2 R-3 ");
  CHECK(list("") == "R-1 R-2 R-3 R-4 R-5 ");
  CHECK(list("", 2) == "R-1 R-2 R-3");
  CHECK(list("", 3, "R-3") == "R-3 R-4 R-5 ");
  CHECK(list("", -1) == "PAGE_SIZE_INVALID");
  Agreement gone = Yearly();
  gone.set_agreement("R-2");
  gone.set_account("TOP");
  gone.set_deleted(true);
  r.Put(gone);
  CHECK(list("A") == "R-1 R-3 ");
}

}  // namespace
}  // namespace weft::pricing
