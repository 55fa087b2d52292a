#include "services/pricing/price_lock.h"

#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "libs/money/decimal.h"
#include "libs/money/money.h"

namespace weft::pricing {
namespace {

std::string Header(absl::string_view key_id) {
  return absl::StrCat(R"({"alg":"EdDSA","kid":")", key_id, R"(","typ":"weft-price-lock+jws"})");
}

absl::Status Malformed(absl::string_view why) {
  return InvalidArgument("LOCK_MALFORMED",
                         absl::StrCat("this is no price lock: ", why, "; send it as it was given"));
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

// Reasons that say nothing about the question itself, only that no fact prices it.
bool Heals(const std::string& reason) {
  static const auto* const kHealed = new std::set<std::string>{
      "BELOW_MINIMUM", "NOT_YET_VALID", "NO_LONGER_VALID", "NO_PRICE_IN_CURRENCY", "NO_PRICE"};
  return kHealed->count(reason) > 0;
}

struct LockedPrice {
  common::v1::Money unit_price;
  common::v1::Money net;
};

std::optional<LockedPrice> PriceOf(const v1::LockedLine& locked, const std::string& quantity) {
  Decimal asked, named;
  if (Decimal::ParseInto(quantity, asked) != DecimalError::kOk ||
      Decimal::ParseInto(locked.quantity().value(), named) != DecimalError::kOk) {
    return std::nullopt;
  }
  if (asked == named) return LockedPrice{locked.unit_price(), locked.net()};
  if (locked.quantity_rule() != v1::LOCKED_QUANTITY_TIERS) return std::nullopt;
  const v1::LadderStep* step = nullptr;
  for (const v1::LadderStep& tier : locked.tiers()) {
    Decimal from;
    if (Decimal::ParseInto(tier.minimum_quantity(), from) != DecimalError::kOk) return std::nullopt;
    if (from <= asked) step = &tier;
  }
  if (step == nullptr) return std::nullopt;
  const Currency currency = Currency::Find(step->unit_price().currency_code());
  Decimal price, net;
  if (currency.is_none() ||
      Decimal::ParseInto(step->unit_price().amount(), price) != DecimalError::kOk ||
      MulRound(price, asked, currency.minor_digits(), RoundingMode::kHalfUp, net) !=
          DecimalError::kOk) {
    return std::nullopt;
  }
  LockedPrice found{step->unit_price(), {}};
  found.net.set_amount(net.ToString());
  found.net.set_currency_code(currency.code());
  return found;
}

}  // namespace

rpc::SigningKey PriceLockKey(absl::string_view mac_key) {
  const Sha256Digest seed = HmacSha256(mac_key, "weft.pricing price lock 1");
  return rpc::SigningKey::FromSeed(
      absl::string_view(reinterpret_cast<const char*>(seed.data()), seed.size()));
}

std::string SignPriceLock(const rpc::SigningKey& key, const v1::PriceLock& lock) {
  std::string payload;
  WEFT_CHECK(google::protobuf::util::MessageToJsonString(lock, &payload).ok());
  const std::string text =
      absl::StrCat(rpc::ToBase64Url(Header(key.id())), ".", rpc::ToBase64Url(payload));
  return absl::StrCat(text, ".", rpc::ToBase64Url(key.Sign(text)));
}

absl::StatusOr<v1::PriceLock> ReadPriceLock(const rpc::JsonWebKeySet& keys,
                                            absl::string_view text) {
  if (text.size() > kMaxLockText) return Malformed("it is too long");
  const size_t last = text.rfind('.');
  const size_t first = text.find('.');
  std::string header, payload, signature;
  if (first == absl::string_view::npos || first == last ||
      !rpc::FromBase64Url(text.substr(0, first), header) ||
      !rpc::FromBase64Url(text.substr(first + 1, last - first - 1), payload) ||
      !rpc::FromBase64Url(text.substr(last + 1), signature)) {
    return Malformed("it has not three parts in base64url");
  }
  const rpc::VerificationKey* key = nullptr;
  for (const rpc::VerificationKey& candidate : keys.keys()) {
    if (header == Header(candidate.id())) key = &candidate;
  }
  if (key == nullptr) {
    const std::string any = Header("");
    const size_t id = any.find("\"\"") + 1;  // Where the key's id stands.
    const absl::string_view head = absl::string_view(any).substr(0, id);
    const absl::string_view tail = absl::string_view(any).substr(id);
    if (header.size() < any.size() || absl::string_view(header).substr(0, id) != head ||
        absl::string_view(header).substr(header.size() - tail.size()) != tail) {
      return Malformed("its header is another");
    }
    return FailedPrecondition("LOCK_KEY_UNKNOWN",
                              "the price lock was signed with a key that is not known here; lock "
                              "the prices anew",
                              {{"kid", header.substr(id, header.size() - any.size())}});
  }
  if (!key->Serves(rpc::Algorithm::kEdDsa) ||
      !key->Verify(rpc::Algorithm::kEdDsa, text.substr(0, last), signature)) {
    return FailedPrecondition("LOCK_SIGNATURE_INVALID",
                              "the price lock was changed after it was signed; lock the prices "
                              "anew");
  }
  v1::PriceLock lock;
  google::protobuf::util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;  // Of a later release of ours.
  if (!google::protobuf::util::JsonStringToMessage(payload, &lock, lenient).ok()) {
    return Malformed("its payload does not parse");
  }
  return lock;
}

absl::Status CheckPriceLock(const v1::PriceLock& lock, const LockUser& user) {
  if (!user.tenant.empty() && lock.tenant() != user.tenant) {
    return FailedPrecondition("LOCK_OTHER_TENANT", "the price lock is not of this tenant");
  }
  if (!user.account.empty() && lock.account() != user.account) {
    return FailedPrecondition("LOCK_OTHER_ACCOUNT", "the price lock is for another account");
  }
  if (user.at >= TimeOf(lock.expire_time())) {
    const std::string ended = google::protobuf::util::TimeUtil::ToString(lock.expire_time());
    return FailedPrecondition("LOCK_EXPIRED",
                              absl::StrCat("the price lock ended at ", ended,
                                           "; lock the prices anew"),
                              {{"lock", lock.id()}, {"expire_time", ended}});
  }
  return absl::OkStatus();
}

bool ApplyPriceLock(const v1::PriceLock& lock, v1::PriceLine& line) {
  if (line.has_reason() && !Heals(line.reason().reason())) return false;
  for (const v1::LockedLine& locked : lock.lines()) {
    if (locked.sku() != line.sku() || locked.quantity().unit() != line.quantity().unit()) continue;
    std::optional<LockedPrice> price = PriceOf(locked, line.quantity().value());
    if (!price.has_value()) continue;
    *line.mutable_unit_price() = std::move(price->unit_price);
    *line.mutable_net() = std::move(price->net);
    line.clear_reason();
    line.clear_next_tier();
    *line.mutable_valid_until() = lock.expire_time();
    line.set_decision_id(locked.decision_id());
    line.set_price_lock(lock.id());
    return true;
  }
  return false;
}

}  // namespace weft::pricing
