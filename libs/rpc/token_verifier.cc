#include "libs/rpc/token_verifier.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/json_object.h"

namespace weft::rpc {
namespace {

constexpr absl::Duration kSkew = absl::Seconds(60);
constexpr size_t kTokenBytesMax = 8 << 10;
constexpr size_t kRememberedMax = 4096;  // In each half.
constexpr size_t kClaimBytesMax = 256;
constexpr size_t kListMax = 1000;
constexpr double kTimeMax = 253402300799.0;  // The end of the year 9999.

absl::Status Invalid(absl::string_view check, absl::string_view message) {
  return Unauthenticated("TOKEN_INVALID", message, {{"check", std::string(check)}});
}

absl::StatusOr<std::unique_ptr<JsonObject>> ParsePart(absl::string_view part,
                                                      absl::string_view name) {
  std::string json;
  auto object = std::make_unique<JsonObject>();
  if (!FromBase64Url(part, json) || !object->Parse(json)) {
    return Invalid("shape", absl::StrCat("the token's ", name, " does not parse"));
  }
  return object;
}

// False when the element is no text, or a long one.
bool GetText(const simdjson::dom::element& element, std::string& text) {
  std::string_view view;
  if (element.get(view) != simdjson::SUCCESS || view.size() > kClaimBytesMax) return false;
  text = std::string(view);
  return true;
}

absl::StatusOr<std::string> Text(const JsonObject& claims, const char* name) {
  std::string text;
  const simdjson::dom::element* claim = claims.Find(name);
  if (claim != nullptr && !GetText(*claim, text)) {
    return Invalid(name, absl::StrCat("claim '", name, "' is no text of at most ",
                                      kClaimBytesMax, " bytes"));
  }
  return text;
}

absl::StatusOr<std::set<std::string>> Texts(const JsonObject& claims, const char* name) {
  std::set<std::string> texts;
  const simdjson::dom::element* claim = claims.Find(name);
  if (claim == nullptr) return texts;
  simdjson::dom::array array;
  bool good = claim->get(array) == simdjson::SUCCESS && array.size() <= kListMax;
  for (size_t i = 0; good && i < array.size(); ++i) {
    std::string text;
    good = GetText(array.at(i).value_unsafe(), text) && !text.empty();
    texts.insert(std::move(text));
  }
  if (!good) return Invalid(name, absl::StrCat("claim '", name, "' is no list of texts"));
  return texts;
}

// `missing` when the claim is absent.
absl::StatusOr<absl::Time> Instant(const JsonObject& claims, const char* name,
                                   absl::Time missing) {
  const simdjson::dom::element* claim = claims.Find(name);
  if (claim == nullptr) return missing;
  double seconds = 0;
  if (claim->get(seconds) != simdjson::SUCCESS || !(seconds >= 0) || seconds > kTimeMax) {
    return Invalid(name, absl::StrCat("claim '", name, "' is no time in seconds"));
  }
  return absl::FromUnixSeconds(static_cast<int64_t>(std::floor(seconds)));
}

bool NamesAudience(const JsonObject& claims, const std::string& audience) {
  const simdjson::dom::element* claim = claims.Find("aud");
  if (claim == nullptr) return false;
  std::string text;
  if (claim->is_string()) return GetText(*claim, text) && text == audience;
  simdjson::dom::array array;
  if (claim->get(array) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element one : array) {
    if (GetText(one, text) && text == audience) return true;
  }
  return false;
}

bool IsPersonRole(const std::string& role) {
  return role != "guest" && role != "storefront" && role != "service";
}

bool IsBuyerRole(const std::string& role) {
  return role == "buyer" || role == "buyer-approver" || role == "buyer-admin";
}

absl::StatusOr<Principal> ToPrincipal(const JsonObject& claims, const TokenIssuer& issuer) {
  Principal principal;
  WEFT_ASSIGN_OR_RETURN(principal.tenant, Text(claims, "weft_tenant"));
  WEFT_ASSIGN_OR_RETURN(principal.subject, Text(claims, "sub"));
  WEFT_ASSIGN_OR_RETURN(principal.user, Text(claims, "weft_user"));
  WEFT_ASSIGN_OR_RETURN(principal.account, Text(claims, "weft_account"));
  WEFT_ASSIGN_OR_RETURN(principal.channel, Text(claims, "weft_channel"));
  WEFT_ASSIGN_OR_RETURN(principal.language, Text(claims, "locale"));
  WEFT_ASSIGN_OR_RETURN(principal.permissions, Texts(claims, "weft_permissions"));
  WEFT_ASSIGN_OR_RETURN(principal.accounts, Texts(claims, "weft_accounts"));
  WEFT_ASSIGN_OR_RETURN(principal.organisations, Texts(claims, "weft_organisations"));
  WEFT_ASSIGN_OR_RETURN(principal.channels, Texts(claims, "weft_channels"));
  WEFT_ASSIGN_OR_RETURN(const std::set<std::string> roles, Texts(claims, "weft_roles"));
  if (principal.tenant.empty()) {
    return Invalid("weft_tenant", "the token names no tenant (claim weft_tenant)");
  }
  if (!issuer.tenants.empty() &&
      std::find(issuer.tenants.begin(), issuer.tenants.end(), principal.tenant) ==
          issuer.tenants.end()) {
    return Invalid("weft_tenant", "the token's issuer may not speak for its tenant");
  }
  // Roles we do not know are some other system's.
  for (const char* role : kRoles) {
    if (roles.count(role) > 0 && (issuer.rooms || absl::string_view(role) != "service")) {
      principal.roles.insert(role);
    }
  }
  if (principal.roles.empty()) {
    return Invalid("weft_roles", "the token has none of our roles (claim weft_roles)");
  }
  if (principal.user.empty() &&
      std::any_of(principal.roles.begin(), principal.roles.end(), IsPersonRole)) {
    principal.user = principal.subject;
  }
  const bool buyer = std::any_of(principal.roles.begin(), principal.roles.end(), IsBuyerRole);
  if (buyer && !principal.IsStaff() && !principal.Has("storefront") &&
      principal.account.empty()) {
    return Invalid("weft_account", "a buyer's token must name the account (claim weft_account)");
  }
  if (principal.Has("service") && principal.accounts.empty()) principal.accounts = {"*"};
  return principal;
}

}  // namespace

TokenVerifier::TokenVerifier(std::vector<TokenIssuer> issuers, const Clock& clock)
    : clock_(clock) {
  for (TokenIssuer& issuer : issuers) {
    issuers_.push_back(std::make_shared<const TokenIssuer>(std::move(issuer)));
  }
}

absl::Status TokenVerifier::CheckTimes(const Verified& verified) const {
  const absl::Time now = clock_.Wall();
  if (now >= verified.expires + kSkew) {
    return Unauthenticated("TOKEN_EXPIRED", "the token has expired; get a new one");
  }
  if (now < verified.not_before - kSkew) {
    return Invalid("nbf", "the token is not valid yet; check the clock of its issuer");
  }
  return absl::OkStatus();
}

absl::StatusOr<Principal> TokenVerifier::Verify(absl::string_view token) const {
  std::shared_ptr<const Verified> known;
  uint64_t generation = 0;
  {
    MutexLock lock(mutex_);
    generation = generation_;
    if (const auto it = young_.find(token); it != young_.end()) {
      known = it->second;
    } else if (const auto old = old_.find(token); old != old_.end()) {
      known = old->second;
      young_.emplace(token, known);
    }
  }
  if (known == nullptr) {
    WEFT_ASSIGN_OR_RETURN(Verified verified, Check(token));
    WEFT_RETURN_IF_ERROR(CheckTimes(verified));
    known = std::make_shared<const Verified>(std::move(verified));
    MutexLock lock(mutex_);
    if (generation == generation_) {
      if (young_.size() >= kRememberedMax) {
        old_ = std::move(young_);
        young_.clear();
      }
      young_.emplace(token, known);
    }
  }
  WEFT_RETURN_IF_ERROR(CheckTimes(*known));
  return known->principal;
}

absl::StatusOr<TokenVerifier::Verified> TokenVerifier::Check(absl::string_view token) const {
  if (token.size() > kTokenBytesMax) return Invalid("shape", "the token is too long");
  const size_t first = token.find('.');
  const size_t second =
      first == absl::string_view::npos ? first : token.find('.', first + 1);
  if (second == absl::string_view::npos ||
      token.find('.', second + 1) != absl::string_view::npos) {
    return Invalid("shape", "the token is not of the form header.claims.signature");
  }
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<JsonObject> header,
                        ParsePart(token.substr(0, first), "header"));
  WEFT_ASSIGN_OR_RETURN(const std::string name, Text(*header, "alg"));
  const absl::StatusOr<Algorithm> algorithm = AlgorithmOf(name);
  if (!algorithm.ok()) return Invalid("alg", std::string(algorithm.status().message()));
  // We understand no extension, so none may be critical.
  if (header->Has("crit")) {
    return Invalid("crit", "the token demands an extension that is not known here");
  }
  if (header->Has("b64")) return Invalid("b64", "unencoded payloads are not taken");
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<JsonObject> parsed,
                        ParsePart(token.substr(first + 1, second - first - 1), "claims"));
  const JsonObject& claims = *parsed;
  std::string signature;
  if (!FromBase64Url(token.substr(second + 1), signature)) {
    return Invalid("shape", "the token's signature does not parse");
  }
  WEFT_ASSIGN_OR_RETURN(const std::string issuer_name, Text(claims, "iss"));
  std::shared_ptr<const TokenIssuer> issuer;
  {
    MutexLock lock(mutex_);
    for (const auto& known : issuers_) {
      if (known->issuer == issuer_name) issuer = known;
    }
  }
  if (issuer == nullptr) return Invalid("iss", "the token's issuer is not one we take");

  WEFT_ASSIGN_OR_RETURN(const std::string key_id, Text(*header, "kid"));
  const absl::string_view signed_text = token.substr(0, second);
  bool verified = false;
  if (!key_id.empty()) {
    const VerificationKey* key = issuer->keys.Find(key_id);
    if (key == nullptr) {
      if (issuer->unknown_key) issuer->unknown_key();
      return Invalid("kid", "the token names a key its issuer does not publish");
    }
    verified = key->Verify(*algorithm, signed_text, signature);
  } else {
    for (const VerificationKey& key : issuer->keys.keys()) {
      verified = verified || key.Verify(*algorithm, signed_text, signature);
    }
  }
  if (!verified) return Invalid("signature", "the token's signature does not verify");
  if (!NamesAudience(claims, issuer->audience)) {
    return Invalid("aud", "the token is for another audience");
  }
  Verified result;
  WEFT_ASSIGN_OR_RETURN(result.expires, Instant(claims, "exp", absl::InfinitePast()));
  if (result.expires == absl::InfinitePast()) {
    return Invalid("exp", "the token has no expiry (claim exp)");
  }
  WEFT_ASSIGN_OR_RETURN(result.not_before, Instant(claims, "nbf", absl::InfinitePast()));
  WEFT_RETURN_IF_ERROR(CheckTimes(result));
  WEFT_ASSIGN_OR_RETURN(result.principal, ToPrincipal(claims, *issuer));
  return result;
}

void TokenVerifier::SetKeys(const std::string& issuer, JsonWebKeySet keys) {
  MutexLock lock(mutex_);
  for (auto& known : issuers_) {
    if (known->issuer != issuer) continue;
    auto changed = std::make_shared<TokenIssuer>(*known);
    changed->keys = keys;
    known = std::move(changed);
  }
  ++generation_;
  young_.clear();
  old_.clear();
}

}  // namespace weft::rpc
