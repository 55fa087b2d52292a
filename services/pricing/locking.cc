// LockPrices, VerifyPriceLock and the use of a lock in a question of prices.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "services/pricing/asking.h"
#include "services/pricing/convert.h"
#include "services/pricing/service.h"

namespace weft::pricing {
namespace {

constexpr char kLockMethod[] = "weft.pricing.v1.PricingService/LockPrices";
constexpr size_t kMaxReference = 100;
constexpr absl::Duration kLockTime = absl::Hours(24);

absl::Time MomentOf(int64_t us) { return absl::FromUnixMicros(us); }

bool IsRequestId(const std::string& id) {
  return !id.empty() && id.size() <= 255 &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

void SetReason(const absl::Status& status, common::v1::Reason& out) {
  out.set_reason(ReasonOf(status));
  out.set_message(std::string(status.message()));
  for (const auto& [key, value] : MetadataOf(status)) (*out.mutable_metadata())[key] = value;
}

v1::LockedLine Locked(const v1::PriceLine& line, bool tiers) {
  v1::LockedLine locked;
  locked.set_sku(line.sku());
  locked.set_customer_sku(line.customer_sku());
  *locked.mutable_quantity() = line.quantity();
  *locked.mutable_unit_price() = line.unit_price();
  *locked.mutable_net() = line.net();
  locked.set_decision_id(line.decision_id());
  // A lock of tiers says one price for all units; graduated ones do not.
  const bool has_tiers =
      tiers && line.tiers_size() > 0 &&
      std::none_of(line.tiers().begin(), line.tiers().end(),
                   [](const v1::LadderStep& step) { return step.graduated(); });
  locked.set_quantity_rule(has_tiers ? v1::LOCKED_QUANTITY_TIERS : v1::LOCKED_QUANTITY_EXACT);
  if (has_tiers) *locked.mutable_tiers() = line.tiers();
  return locked;
}

}  // namespace

absl::Status Service::LockPrices(const Principal& principal, const v1::LockPricesRequest& request,
                                 v1::LockPricesResponse& response) {
  if (!IsRequestId(request.request_id())) {
    return InvalidArgument("REQUEST_ID_REQUIRED",
                           "a lock needs a request id of 1 to 255 visible ASCII characters: its "
                           "own id is made of it",
                           {{"field", "requestId"}});
  }
  if (request.lines_size() > kMaxLockLines) {
    return InvalidArgument("TOO_MANY_LINES",
                           absl::StrCat(request.lines_size(), " lines; a lock takes at most ",
                                        kMaxLockLines, ", make several"),
                           {{"field", "lines"}});
  }
  if (request.reference().size() > kMaxReference) {
    return InvalidArgument("FIELD_INVALID", "reference has more than 100 characters",
                           {{"field", "reference"}});
  }
  const absl::Time now = MomentOf(absl::ToUnixMicros(clock_.Wall()));
  absl::Time expire = now + std::min(kLockTime, settings_.lock_time_max);
  if (request.has_expire_time()) {
    int64_t us = 0;
    WEFT_RETURN_IF_ERROR(ReadTime(request.expire_time(), "expire_time", us));
    expire = MomentOf(us);
    if (expire <= now || expire > now + settings_.lock_time_max) {
      return InvalidArgument(
          "FIELD_INVALID",
          absl::StrCat("expireTime must lie within ",
                       absl::ToInt64Minutes(settings_.lock_time_max), " minutes from now"),
          {{"field", "expireTime"}});
    }
  }

  v1::CalculatePricesRequest question;
  question.set_account(request.account());
  question.set_channel(request.channel());
  question.set_currency_code(request.currency_code());
  question.set_user(request.user());
  if (request.has_as_of()) {
    *question.mutable_as_of() = request.as_of();
  } else {
    SetTime(absl::ToUnixMicros(now), *question.mutable_as_of());
  }
  *question.mutable_lines() = request.lines();
  if (request.include_tiers()) question.add_include(v1::INCLUDE_TIERS);
  std::string bytes;
  WEFT_RETURN_IF_ERROR(Calculate(principal, question, bytes));
  v1::CalculatePricesResponse prices;
  if (!prices.ParseFromString(bytes)) return Internal("the answer does not parse");
  if (prices.account().empty()) {
    return InvalidArgument("ACCOUNT_REQUIRED", "a lock is for one account; name it",
                           {{"field", "account"}});
  }

  v1::PriceLock& lock = *response.mutable_contents();
  for (const v1::PriceLine& line : prices.lines()) {
    if (line.has_net()) *lock.add_lines() = Locked(line, request.include_tiers());
  }
  if (lock.lines().empty()) {
    const common::v1::Reason& why = prices.lines(0).reason();
    return FailedPrecondition("NOTHING_TO_LOCK",
                              absl::StrCat("no line has a price: ", why.message()),
                              {{"cause", why.reason()}});
  }
  lock.set_id(absl::StrCat("lock-", DeriveId(principal.tenant, kLockMethod,
                                             absl::StrCat(prices.account(), "\n",
                                                          request.request_id()))));
  lock.set_tenant(principal.tenant);
  lock.set_account(prices.account());
  lock.set_channel(prices.channel());
  lock.set_currency_code(prices.currency_code());
  lock.set_position(prices.freshness().position());
  *lock.mutable_as_of() = prices.freshness().as_of();
  SetTime(absl::ToUnixMicros(now), *lock.mutable_issue_time());
  SetTime(absl::ToUnixMicros(expire), *lock.mutable_expire_time());
  lock.set_engine_release(kEngineRelease);
  lock.set_reference(request.reference());
  *response.mutable_lines() = std::move(*prices.mutable_lines());
  response.set_price_lock(SignPriceLock(lock_key_, lock));
  return absl::OkStatus();
}

absl::Status Service::VerifyPriceLock(const Principal& principal,
                                      const v1::VerifyPriceLockRequest& request,
                                      v1::PriceLockVerification& response) const {
  absl::StatusOr<v1::PriceLock> lock = ReadPriceLock(lock_keys_, request.price_lock());
  absl::Status status = lock.status();
  if (lock.ok()) {
    status = CheckPriceLock(*lock, {.tenant = principal.tenant,
                                    .account = request.account(),
                                    .at = absl::InfinitePast()});
    // Whoever may not act for its account is told no more than that.
    if (status.ok() && !ActingAccount(principal, lock->account()).ok()) {
      status = CheckPriceLock(*lock, {.tenant = "", .account = "-", .at = absl::InfinitePast()});
    }
    if (status.ok()) {
      status = CheckPriceLock(*lock, {.tenant = "", .account = "", .at = clock_.Wall()});
      *response.mutable_contents() = *std::move(lock);
    }
  }
  response.set_valid(status.ok());
  if (!status.ok()) SetReason(status, *response.mutable_reason());
  return absl::OkStatus();
}

absl::Status Service::ListPriceLockKeys(v1::ListPriceLockKeysResponse& response) const {
  // The key set as it is published elsewhere has the same members.
  return google::protobuf::util::JsonStringToMessage(lock_key_.PublicJwks(), &response).ok()
             ? absl::OkStatus()
             : Internal("the key set does not parse");
}

std::optional<v1::PriceLock> Service::UsableLock(const Principal& principal,
                                                 const std::string& text, const Ask& ask,
                                                 v1::PriceLockUse& use) const {
  absl::StatusOr<v1::PriceLock> lock = ReadPriceLock(lock_keys_, text);
  absl::Status status = lock.status();
  if (lock.ok()) {
    // A room asks for the moment its own request came in; from anyone else a lock that
    // has ended cannot be used by asking for the past.
    absl::Time at = MomentOf(ask.as_of_us);
    if (!principal.Has("service")) at = std::max(at, clock_.Wall());
    status = CheckPriceLock(*lock, {.tenant = principal.tenant, .account = "", .at = at});
    if (status.ok() && lock->account() != ask.account) {
      status = CheckPriceLock(*lock, {.tenant = "", .account = "-", .at = at});
    }
  }
  if (!status.ok()) {
    SetReason(status, *use.mutable_reason());
    return std::nullopt;
  }
  use.set_id(lock->id());
  return *std::move(lock);
}

}  // namespace weft::pricing
