#include "services/pricing/app.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/pricing/fact_convert.h"
#include "services/pricing/state.h"
#include "weft/facts/v1/conditions.pb.h"
#include "weft/facts/v1/facts.pb.h"

namespace weft::pricing::app {
namespace {

using engine::Event;
using engine::Turn;

// The letter of decision ids' numbers, or 0 for facts that have none.
char NumberLetter(const v1::StoredFact& fact) {
  if (fact.has_item()) return 'i';
  if (fact.has_account()) return 'a';
  return 0;
}

const std::string& NumberedText(const v1::StoredFact& fact) {
  return fact.has_item() ? fact.item().sku() : fact.account().account();
}

// Versions of `key` that were replaced before `before_us` go for good. What depended on
// them can no longer be told: the history is complete from the last of them on.
absl::Status Forget(const std::string& key, int64_t before_us, Turn& turn) {
  v1::HistoryRow lost;
  std::vector<std::string> rows;
  WEFT_RETURN_IF_ERROR(
      turn.Scan(kHistory, key, [&](absl::string_view row, const v1::StoredFact& old) {
        if (old.until_us() >= before_us) return true;
        rows.emplace_back(row);
        lost.set_floor(std::max(lost.floor(), old.until()));
        lost.set_floor_us(std::max(lost.floor_us(), old.until_us()));
        return true;
      }));
  if (rows.empty()) return absl::OkStatus();
  for (const std::string& row : rows) turn.Delete(kHistory, row);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::HistoryRow> known, turn.Find(kInfo, ""));
  if (known.has_value()) {
    lost.set_floor(std::max(lost.floor(), known->floor()));
    lost.set_floor_us(std::max(lost.floor_us(), known->floor_us()));
  }
  turn.Put(kInfo, "", lost);
  return absl::OkStatus();
}

// The row at `key` stops being current: it goes to the history.
absl::Status Retire(const std::string& key, v1::StoredFact old, Stamp now, int64_t now_us,
                    Turn& turn, absl::Duration keep) {
  const Stamp from = StampOf(old);
  old.set_until(static_cast<int64_t>(now));
  old.set_until_us(now_us);
  turn.Put(kHistory, HistoryKey(key, from), old);
  turn.Delete(kCurrent, key);
  if (keep == absl::InfiniteDuration()) return absl::OkStatus();
  return Forget(key, now_us - absl::ToInt64Microseconds(keep), turn);
}

v1::StoredFact NewFact(const Event& event, const Turn& turn) {
  v1::StoredFact fact;
  fact.set_generation(turn.position().generation);
  fact.set_offset(event.offset);
  fact.set_recorded_us(absl::ToUnixMicros(event.append_time));
  return fact;
}

bool SameFact(v1::StoredFact a, const v1::StoredFact& b) {
  a.set_generation(b.generation());
  a.set_offset(b.offset());
  a.set_recorded_us(b.recorded_us());
  a.set_number(b.number());
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

// Puts `fact` (nothing, when `deleted`) at `key`.
absl::Status Store(const std::string& key, v1::StoredFact fact, bool deleted, Turn& turn,
                   absl::Duration keep) {
  const Stamp now = StampOf(fact);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::StoredFact> old, turn.Find(kCurrent, key));
  if (!old.has_value() && deleted) return absl::OkStatus();
  fact.set_number(old.has_value() ? old->number() : static_cast<int64_t>(now));
  if (old.has_value()) {
    if (!deleted && SameFact(fact, *old)) return absl::OkStatus();
    WEFT_RETURN_IF_ERROR(Retire(key, *old, now, fact.recorded_us(), turn, keep));
  }
  if (deleted) return absl::OkStatus();
  turn.Put(kCurrent, key, fact);
  if (const char letter = NumberLetter(fact); letter != 0 && !old.has_value()) {
    v1::NumberedName name;
    name.set_name(NumberedText(fact));
    turn.Put(kNumbers, NumberKey(letter, now), name);
  }
  return absl::OkStatus();
}

absl::Status StoreContract(v1::StoredFact fact, Turn& turn, absl::Duration keep) {
  const facts::v1::ContractChanged contract = fact.contract();
  const Stamp now = StampOf(fact);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ContractPlace> place,
                        turn.Find(kPlaces, contract.contract()));
  if (contract.deleted()) {
    if (!place.has_value()) return absl::OkStatus();
    turn.Delete(kPlaces, contract.contract());
    return Store(place->key(), std::move(fact), true, turn, keep);
  }
  const std::string key = ContractKey(contract);
  if (place.has_value() && place->key() != key) {
    // It went to another owner or target.
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::StoredFact> old,
                          turn.Find(kCurrent, place->key()));
    if (old.has_value()) {
      WEFT_RETURN_IF_ERROR(Retire(place->key(), *old, now, fact.recorded_us(), turn, keep));
    }
  }
  if (!place.has_value() || place->key() != key) {
    v1::ContractPlace moved;
    moved.set_key(key);
    turn.Put(kPlaces, contract.contract(), moved);
  }
  return Store(key, std::move(fact), false, turn, keep);
}

absl::Status NumberChannel(const std::string& channel, Stamp now, Turn& turn) {
  if (channel.empty()) return absl::OkStatus();
  const std::string key = ChannelKey(channel);
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::NumberedName> known, turn.Find(kNumbers, key));
  if (known.has_value()) return absl::OkStatus();
  v1::NumberedName name;
  name.set_name(channel);
  name.set_number(static_cast<int64_t>(now));
  turn.Put(kNumbers, key, name);
  turn.Put(kNumbers, NumberKey('h', now), name);
  return absl::OkStatus();
}

bool CoversPrices(const facts::v1::LoadChanged& load) {
  if (load.entities().empty()) return true;
  for (const std::string& entity : load.entities()) {
    if (entity == "price" || entity == "prices") return true;
  }
  return false;
}

absl::Status StoreLoad(const facts::v1::LoadChanged& load, const v1::StoredFact& at, Turn& turn) {
  if (!CoversPrices(load)) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::LoadRow> old, turn.Find(kLoads, load.connection()));
  v1::LoadRow row = old.value_or(v1::LoadRow());
  row.set_began(true);
  if (load.ended()) row.set_ended(true);
  row.set_position(static_cast<int64_t>(StampOf(at)));
  row.set_recorded_us(at.recorded_us());
  turn.Put(kLoads, load.connection(), row);
  return absl::OkStatus();
}

template <typename Message>
absl::Status Parse(const Event& event, Message& message) {
  if (!message.ParseFromString(event.payload)) {
    return DataLoss("EVENT_UNREADABLE",
                    absl::StrCat("event ", event.subject, " does not parse as ", event.type));
  }
  return absl::OkStatus();
}

// A fact that is stored as it comes: `part` is the member of `fact` that holds it.
template <typename Message, typename KeyOf>
absl::Status StorePlain(const Event& event, v1::StoredFact fact,
                        Message* (v1::StoredFact::*part)(), const KeyOf& key_of, Turn& turn,
                        absl::Duration keep) {
  Message& message = *(fact.*part)();
  WEFT_RETURN_IF_ERROR(Parse(event, message));
  WEFT_RETURN_IF_ERROR(CheckFact(message));
  const std::string key = key_of(message);
  const bool deleted = message.deleted();
  return Store(key, std::move(fact), deleted, turn, keep);
}

}  // namespace

absl::Status OnFact(const Event& event, Turn& turn, absl::Duration keep) {
  if (event.tombstone) return absl::OkStatus();  // A deletion comes as a fact of its own.
  v1::StoredFact fact = NewFact(event, turn);
  if (event.type == "weft.facts.v1.PriceChanged") {
    return StorePlain(event, std::move(fact), &v1::StoredFact::mutable_price, &PriceKey, turn,
                      keep);
  }
  if (event.type == "weft.facts.v1.ContractChanged") {
    WEFT_RETURN_IF_ERROR(Parse(event, *fact.mutable_contract()));
    WEFT_RETURN_IF_ERROR(CheckFact(fact.contract()));
    return StoreContract(std::move(fact), turn, keep);
  }
  if (event.type == "weft.facts.v1.ItemChanged") {
    const auto key = [](const facts::v1::ItemChanged& item) { return ItemKey(item.sku()); };
    return StorePlain(event, std::move(fact), &v1::StoredFact::mutable_item, key, turn, keep);
  }
  if (event.type == "weft.facts.v1.AccountChanged") {
    facts::v1::AccountChanged& account = *fact.mutable_account();
    WEFT_RETURN_IF_ERROR(Parse(event, account));
    WEFT_RETURN_IF_ERROR(CheckFact(account));
    // Addresses, names and blocks are no business of prices, and may be personal.
    account.clear_name();
    account.clear_addresses();
    account.clear_terms();
    account.clear_order_blocked();
    account.clear_block_reason();
    const std::string key = AccountKey(account.account());
    const bool deleted = account.deleted();
    return Store(key, std::move(fact), deleted, turn, keep);
  }
  if (event.type == "weft.facts.v1.PriceBookChanged") {
    facts::v1::PriceBookChanged& book = *fact.mutable_book();
    WEFT_RETURN_IF_ERROR(Parse(event, book));
    WEFT_RETURN_IF_ERROR(CheckFact(book));
    if (!book.deleted()) {
      WEFT_RETURN_IF_ERROR(NumberChannel(book.channel(), StampOf(fact), turn));
    }
    const std::string key = BookKey(book.book());
    const bool deleted = book.deleted();
    return Store(key, std::move(fact), deleted, turn, keep);
  }
  if (event.type == "weft.facts.v1.PartNumberChanged") {
    const auto key = [](const facts::v1::PartNumberChanged& number) {
      return PartNumberKey(number.account(), number.customer_sku());
    };
    return StorePlain(event, std::move(fact), &v1::StoredFact::mutable_part_number, key, turn,
                      keep);
  }
  if (event.type == "weft.facts.v1.CategoryChanged") {
    const auto key = [](const facts::v1::CategoryChanged& category) {
      return CategoryKey(category.category());
    };
    return StorePlain(event, std::move(fact), &v1::StoredFact::mutable_category, key, turn, keep);
  }
  if (event.type == "weft.facts.v1.SurchargeChanged") {
    const auto key = [](const facts::v1::SurchargeChanged& surcharge) {
      return SurchargeKey(surcharge.surcharge());
    };
    return StorePlain(event, std::move(fact), &v1::StoredFact::mutable_surcharge, key, turn, keep);
  }
  if (event.type == "weft.facts.v1.PromotionChanged") {
    const auto key = [](const facts::v1::PromotionChanged& promotion) {
      return PromotionKey(promotion.promotion());
    };
    return StorePlain(event, std::move(fact), &v1::StoredFact::mutable_promotion, key, turn, keep);
  }
  if (event.type == "weft.facts.v1.ExchangeRateChanged") {
    return StorePlain(event, std::move(fact), &v1::StoredFact::mutable_rate, &RateKey, turn, keep);
  }
  if (event.type == "weft.facts.v1.CostChanged") {
    return StorePlain(event, std::move(fact), &v1::StoredFact::mutable_cost, &CostKey, turn, keep);
  }
  if (event.type == "weft.facts.v1.LoadChanged") {
    facts::v1::LoadChanged load;
    WEFT_RETURN_IF_ERROR(Parse(event, load));
    return StoreLoad(load, fact, turn);
  }
  return absl::OkStatus();
}

}  // namespace weft::pricing::app
