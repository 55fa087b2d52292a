#include "libs/rpc/token_signer.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"

namespace weft::rpc {
namespace {

constexpr absl::Duration kRoomTokenLifetime = absl::Seconds(60);
constexpr size_t kRoomTokensMax = 4096;

// Members of a JSON object, appended one after the other.
void SetRaw(const char* name, absl::string_view json, std::string& object) {
  absl::StrAppend(&object, object.empty() ? "\"" : ",\"", name, "\":", json);
}

std::string Quoted(absl::string_view text) {
  std::string json = "\"";
  telemetry::AppendJsonText(text, json);
  return json + "\"";
}

void SetText(const char* name, const std::string& value, std::string& object) {
  if (!value.empty()) SetRaw(name, Quoted(value), object);
}

void SetTexts(const char* name, const std::set<std::string>& values, std::string& object) {
  if (values.empty()) return;
  std::string list;
  for (const std::string& value : values) {
    absl::StrAppend(&list, list.empty() ? "[" : ",", Quoted(value));
  }
  SetRaw(name, list + "]", object);
}

void SetTime(const char* name, absl::Time time, std::string& object) {
  SetRaw(name, absl::StrCat(absl::ToUnixSeconds(time)), object);
}

}  // namespace

std::string SignToken(const SigningKey& key, const TokenSpec& spec) {
  std::string header;
  SetText("alg", NameOf(key.algorithm()), header);
  SetText("kid", key.id(), header);
  SetText("typ", "JWT", header);
  std::string claims;
  SetText("iss", spec.issuer, claims);
  SetText("aud", spec.audience, claims);
  SetTime("iat", spec.issued, claims);
  SetTime("nbf", spec.issued, claims);
  SetTime("exp", spec.issued + spec.lifetime, claims);
  const Principal& principal = spec.principal;
  SetText("sub", principal.subject, claims);
  SetText("weft_tenant", principal.tenant, claims);
  SetText("weft_user", principal.user, claims);
  SetText("weft_account", principal.account, claims);
  SetText("weft_channel", principal.channel, claims);
  SetText("locale", principal.language, claims);
  SetTexts("weft_roles", principal.roles, claims);
  SetTexts("weft_permissions", principal.permissions, claims);
  SetTexts("weft_accounts", principal.accounts, claims);
  SetTexts("weft_organisations", principal.organisations, claims);
  SetTexts("weft_channels", principal.channels, claims);
  const std::string text =
      absl::StrCat(ToBase64Url(absl::StrCat("{", header, "}")), ".",
                   ToBase64Url(absl::StrCat("{", claims, "}")));
  return absl::StrCat(text, ".", ToBase64Url(key.Sign(text)));
}

RoomTokens::RoomTokens(std::string room, SigningKey key, const Clock& clock)
    : room_(std::move(room)), key_(std::move(key)), clock_(clock) {}

std::string RoomTokens::For(const std::string& tenant, const std::string& user) {
  const absl::Time now = clock_.Wall();
  MutexLock lock(mutex_);
  const auto it = made_.find({tenant, user});
  // The lower bound is for a clock that was set back.
  if (it != made_.end() && now < it->second.reuse_until &&
      now >= it->second.reuse_until - kRoomTokenLifetime) {
    return it->second.token;
  }
  if (made_.size() >= kRoomTokensMax) made_.clear();
  std::string token = SignToken(key_, {.principal = {.tenant = tenant,
                                                     .subject = absl::StrCat("room:", room_),
                                                     .user = user,
                                                     .roles = {"service"},
                                                     .accounts = {"*"},
                                                     .organisations = {"*"},
                                                     .channels = {"*"}},
                                       .issued = now,
                                       .lifetime = kRoomTokenLifetime});
  made_[{tenant, user}] = {token, now + kRoomTokenLifetime / 2};
  return token;
}

}  // namespace weft::rpc
