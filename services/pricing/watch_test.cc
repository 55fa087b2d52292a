// WatchPrices: what is told, to whom, and from where on.
#include <catch2/catch.hpp>
#include <deque>

#include "libs/base/error.h"
#include "services/pricing/testing/pricing_bench.h"

namespace weft::pricing {
namespace {

class HeldStream final : public rpc::RawStream {
 public:
  bool Write(std::string message) override {
    MutexLock lock(mutex_);
    messages_.push_back(std::move(message));
    changed_.NotifyAll();
    return true;
  }
  void Finish(absl::Status status) override {
    MutexLock lock(mutex_);
    status_ = std::move(status);
  }
  void OnDone(std::function<void()>) override {}
  bool done() const override { return false; }

  // The next message; an empty one after 20 s.
  v1::WatchPricesResponse Next() {
    MutexLock lock(mutex_);
    while (messages_.empty()) {
      if (!changed_.WaitFor(mutex_, absl::Seconds(20))) return {};
    }
    v1::WatchPricesResponse message;
    message.ParseFromString(messages_.front());
    messages_.pop_front();
    return message;
  }
  absl::Status status() {
    MutexLock lock(mutex_);
    return status_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> messages_;
  absl::Status status_;
};

struct Shop : PricingBench {
  Shop() {
    Put(Item("A"));
    Put(Item("B"));
    Put(Account("ROOT"));
    facts::v1::AccountChanged below = Account("BRANCH");
    below.set_parent_account("ROOT");
    Put(below);
    Put(Account("OTHER"));
    Put(Book("LIST"));
    Put(Price("LIST", "A", {{"1", "10.00"}}));
  }
  std::shared_ptr<HeldStream> Watch(const Principal& who, const v1::WatchPricesRequest& request) {
    auto stream = std::make_shared<HeldStream>();
    methods().Stream(who, "weft.pricing.v1.PricingService/WatchPrices",
                     request.SerializeAsString(), stream);
    return stream;
  }
  std::string Epoch() {
    const auto answer = Calculate(Staff(), Line("OTHER", "A", "1"));
    REQUIRE(answer.ok());
    return answer->lines(0).epoch();
  }
};

// "all", or names: items, accounts/, account:item.
std::string Told(const v1::WatchPricesResponse& message) {
  if (message.all()) return "all";
  if (message.heartbeat()) return "heartbeat";
  std::string text;
  for (const std::string& sku : message.skus()) absl::StrAppend(&text, sku, " ");
  for (const std::string& account : message.accounts()) absl::StrAppend(&text, account, "/ ");
  for (const v1::ChangedAccountItem& one : message.account_items()) {
    absl::StrAppend(&text, one.account(), ":", one.sku(), " ");
  }
  if (!text.empty()) text.pop_back();
  return text;
}

TEST_CASE("a watch tells whose prices may have moved, with the epoch they have then", "[watch]") {
  Shop shop;
  const auto all = shop.Watch(Shop::Staff(), {});
  REQUIRE(Told(all->Next()) == "all");

  SECTION("a price") {
    shop.Put(Shop::Price("LIST", "A", {{"1", "11.00"}}));
    const v1::WatchPricesResponse told = all->Next();
    CHECK(Told(told) == "A");
    CHECK(told.epoch() == shop.Epoch());
  }
  SECTION("a contract for an item") {
    shop.Put(Shop::Discount("K-1", "OTHER", "A", "20"));
    CHECK(Told(all->Next()) == "OTHER:A");
  }
  SECTION("a contract for everything") {
    facts::v1::ContractChanged everything = Shop::Discount("K-1", "OTHER", "", "20");
    everything.set_everything(true);
    shop.Put(everything);
    CHECK(Told(all->Next()) == "OTHER/");
  }
  SECTION("an account") {
    shop.Put(Shop::Account("OTHER", {"TRADE"}));
    CHECK(Told(all->Next()) == "OTHER/");
  }
  SECTION("a book") {
    shop.Put(Shop::Book("LIST", 7));
    CHECK(Told(all->Next()) == "all");
  }
}

TEST_CASE("a buyer is told under its own name, and nothing of others", "[watch]") {
  Shop shop;
  const auto own = shop.Watch(Shop::Buyer("BRANCH"), {});
  REQUIRE(Told(own->Next()) == "all");

  shop.Put(Shop::Discount("K-1", "OTHER", "A", "20"));
  shop.Put(Shop::Discount("K-2", "ROOT", "B", "20"));

  CHECK(Told(own->Next()) == "BRANCH:B");
}

TEST_CASE("a watch of items is told of these", "[watch]") {
  Shop shop;
  v1::WatchPricesRequest request;
  request.add_skus("B");
  const auto stream = shop.Watch(Shop::Staff(), request);
  REQUIRE(Told(stream->Next()) == "all");

  shop.Put(Shop::Price("LIST", "A", {{"1", "11.00"}}));
  shop.Put(Shop::Price("LIST", "B", {{"1", "11.00"}}));

  CHECK(Told(stream->Next()) == "B");
}

TEST_CASE("a watch goes on where it was left", "[watch]") {
  Shop shop;
  const v1::WatchPricesResponse first = shop.Watch(Shop::Staff(), {})->Next();
  shop.Put(Shop::Price("LIST", "A", {{"1", "11.00"}}));
  shop.Put(Shop::Price("LIST", "B", {{"1", "11.00"}}));
  v1::WatchPricesRequest request;
  request.set_resume_token(first.resume_token());

  const v1::WatchPricesResponse told = shop.Watch(Shop::Staff(), request)->Next();
  CHECK(Told(told) == "A B");

  request.set_resume_token(told.resume_token());
  CHECK(Told(shop.Watch(Shop::Staff(), request)->Next()) == "heartbeat");
}

TEST_CASE("who was away for too long reads all again", "[watch]") {
  Shop shop;
  const v1::WatchPricesResponse first = shop.Watch(Shop::Staff(), {})->Next();
  for (size_t i = 0; i < PriceChanges::kKept + 10; ++i) {
    shop.Put(Shop::Price("LIST", "A", {{"1", std::to_string(i + 1)}}));
  }
  v1::WatchPricesRequest request;
  request.set_resume_token(first.resume_token());

  CHECK(Told(shop.Watch(Shop::Staff(), request)->Next()) == "all");
}

TEST_CASE("documents that change may move every price", "[watch]") {
  Shop shop;
  std::atomic<Stamp> documents{0};
  PriceChanges changes(shop.memory());
  PriceWatchers watchers(shop.memory(), changes, shop.clock(),
                         {.documents_at = [&](const std::string&) { return documents.load(); }});
  auto stream = std::make_shared<HeldStream>();
  watchers.Add(Shop::Staff(), {}, rpc::Stream<v1::WatchPricesResponse>(stream));
  REQUIRE(Told(stream->Next()) == "all");

  documents = Stamp{1} << 48 | 1000;

  const v1::WatchPricesResponse told = stream->Next();
  CHECK(Told(told) == "all");
  CHECK(told.resume_token() == "g1.1000");
}

TEST_CASE("a watch that cannot be is refused with its reason", "[watch]") {
  Shop shop;
  v1::WatchPricesRequest request;
  SECTION("a token of somebody else") {
    request.set_resume_token("yesterday");
    CHECK(ReasonOf(shop.Watch(Shop::Staff(), request)->status()) == "RESUME_TOKEN_INVALID");
  }
  SECTION("another's account") {
    request.add_accounts("OTHER");
    CHECK(ReasonOf(shop.Watch(Shop::Buyer("BRANCH"), request)->status()) == "ACCOUNT_NOT_FOUND");
  }
  SECTION("too many names") {
    for (int i = 0; i <= kMaxWatchedAccounts; ++i) request.add_accounts("ROOT");
    CHECK(ReasonOf(shop.Watch(Shop::Staff(), request)->status()) == "TOO_MANY_NAMES");
  }
}

}  // namespace
}  // namespace weft::pricing
