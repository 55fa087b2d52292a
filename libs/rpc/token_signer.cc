#include "libs/rpc/token_signer.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"

namespace weft::rpc {
namespace {

using google::protobuf::Struct;

constexpr absl::Duration kRoomTokenLifetime = absl::Seconds(60);
constexpr size_t kRoomTokensMax = 4096;

std::string ToJson(const Struct& object) {
  std::string json;
  WEFT_CHECK(google::protobuf::util::MessageToJsonString(object, &json).ok());
  return json;
}

void SetText(const char* name, const std::string& value, Struct& claims) {
  if (!value.empty()) (*claims.mutable_fields())[name].set_string_value(value);
}

void SetTexts(const char* name, const std::set<std::string>& values, Struct& claims) {
  if (values.empty()) return;
  auto* list = (*claims.mutable_fields())[name].mutable_list_value();
  for (const std::string& value : values) list->add_values()->set_string_value(value);
}

void SetTime(const char* name, absl::Time time, Struct& claims) {
  (*claims.mutable_fields())[name].set_number_value(
      static_cast<double>(absl::ToUnixSeconds(time)));
}

}  // namespace

std::string SignToken(const SigningKey& key, const TokenSpec& spec) {
  Struct header;
  SetText("alg", NameOf(key.algorithm()), header);
  SetText("kid", key.id(), header);
  SetText("typ", "JWT", header);
  Struct claims;
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
      absl::StrCat(ToBase64Url(ToJson(header)), ".", ToBase64Url(ToJson(claims)));
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
