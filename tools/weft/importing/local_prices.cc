#include "tools/weft/importing/local_prices.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/erp-connector/canonical.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/fact_convert.h"
#include "services/pricing/memory/fact_memory.h"
#include "services/pricing/state.h"
#include "tools/weft/importing/messages.h"

namespace weft::cli {
namespace {

constexpr char kTenant[] = "local";

// The rows that pricing would store, without a store.
class Rows {
 public:
  Rows(pricing::FactMemory& memory, std::vector<Finding>& findings)
      : memory_(memory), findings_(findings) {}

  absl::Status Take(const std::string& message) {
    erp::Envelope envelope;
    erp::Content content;
    erp::Problem problem;
    if (!tree_.Parse(message, problem) ||
        !erp::ReadEnvelope(tree_, 0, envelope, problem)) {
      Refuse("", problem.reason, problem.message);
      return absl::OkStatus();
    }
    if (erp::InfoOf(envelope.kind).nature == erp::Nature::kControl) return absl::OkStatus();
    if (!erp::ReadContent(tree_, envelope, content, problem)) {
      Refuse(erp::KeyForPeople(envelope.key), problem.reason, problem.message);
      return absl::OkStatus();
    }
    pricing::v1::StoredFact fact;
    fact.set_generation(1);
    fact.set_offset(++offset_);
    fact.set_number(static_cast<int64_t>(pricing::StampOf(1, offset_)));
    if (const auto* item = As<facts::v1::ItemChanged>(content)) {
      *fact.mutable_item() = *item;
      Store(*item, pricing::ItemKey(item->sku()), fact);
    } else if (const auto* account = As<facts::v1::AccountChanged>(content)) {
      *fact.mutable_account() = *account;
      Store(*account, pricing::AccountKey(account->account()), fact);
    } else if (const auto* book = As<facts::v1::PriceBookChanged>(content)) {
      *fact.mutable_book() = *book;
      Store(*book, pricing::BookKey(book->book()), fact);
    } else if (const auto* price = As<facts::v1::PriceChanged>(content)) {
      *fact.mutable_price() = *price;
      Store(*price, pricing::PriceKey(*price), fact);
    } else if (const auto* contract = As<facts::v1::ContractChanged>(content)) {
      *fact.mutable_contract() = *contract;
      Store(*contract, pricing::ContractKey(*contract), fact);
    }
    return absl::OkStatus();
  }

 private:
  template <typename Message>
  static const Message* As(const erp::Content& content) {
    return dynamic_cast<const Message*>(content.event.get());
  }
  template <typename Message>
  void Store(const Message& message, const std::string& key,
             const pricing::v1::StoredFact& fact) {
    if (const absl::Status status = pricing::CheckFact(message); !status.ok()) {
      Refuse("", ReasonOf(status), std::string(status.message()));
      return;
    }
    memory_.Load({.tenant = kTenant,
                  .partition = 0,
                  .table = pricing::kCurrent.id,
                  .key = key,
                  .value = std::string(1, static_cast<char>(pricing::kCurrent.version)) +
                           fact.SerializeAsString()});
  }
  void Refuse(const std::string& subject, const std::string& reason,
              const std::string& message) {
    findings_.push_back(
        {.error = true, .code = reason, .at = {}, .subject = subject, .message = message});
  }

  pricing::FactMemory& memory_;
  std::vector<Finding>& findings_;
  erp::JsonTree tree_;
  int64_t offset_ = 0;
};

std::string RuleOf(const pricing::Facts& facts, const pricing::LineAnswer& answer) {
  switch (answer.source) {
    case pricing::Source::kBook:
    case pricing::Source::kList:
      return absl::StrCat("books/", facts.Text(answer.owner));
    default:
      return absl::StrCat("contracts/", answer.offer.name);
  }
}

}  // namespace

struct LocalPrices::Parts {
  mutable pricing::FactMemory memory;
};

LocalPrices::LocalPrices(const Load& load, std::vector<Finding>& findings)
    : parts_(std::make_unique<Parts>()) {
  Rows rows(parts_->memory, findings);
  WEFT_CHECK_OK(ForEachMessage(
      load, "local", [&](const std::string& message) { return rows.Take(message); }));
}

LocalPrices::~LocalPrices() = default;

LocalPrices::Answer LocalPrices::Price(const Question& question) const {
  const pricing::FactMemory::Snapshot facts(parts_->memory, kTenant);
  Answer answer;
  pricing::Buyer buyer;
  const absl::Status status =
      pricing::DescribeBuyer(facts,
                             {.account = question.account,
                              .channel = "",
                              .currency = question.currency,
                              .as_of_us = absl::ToUnixMicros(question.time)},
                             buyer);
  if (!status.ok()) {
    answer.rule = ReasonOf(status);
    answer.currency = Currency::Find(question.currency);
    return answer;
  }
  answer.currency = buyer.currency;
  pricing::PriceFinder finder(facts, buyer, *pricing::PricingRules::Platform());
  pricing::LineAnswer found;
  finder.Find({.sku = question.sku, .quantity = question.quantity, .unit = question.unit},
              pricing::Depth::kWinner, found);
  answer.unit = std::string(facts.Text(found.unit));
  if (found.reason != pricing::LineReason::kNone) {
    answer.rule = pricing::ReasonName(found.reason);
    return answer;
  }
  answer.priced = true;
  answer.rule = RuleOf(facts, found);
  answer.unit_price = found.unit_price;
  answer.net = found.net;
  return answer;
}

}  // namespace weft::cli
