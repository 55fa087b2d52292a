#include <catch2/catch.hpp>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/base/error.h"
#include "libs/rpc/authenticator.h"
#include "libs/rpc/jwk.h"
#include "libs/rpc/token_signer.h"
#include "libs/rpc/token_verifier.h"

namespace weft::rpc {
namespace {

constexpr char kIssuer[] = "https://id.example";

class StoppedClock final : public Clock {
 public:
  absl::Time Wall() const override { return now; }
  absl::Duration Boot() const override { return now - absl::UnixEpoch(); }
  absl::Duration Steady() const override { return now - absl::UnixEpoch(); }
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
};

Principal Buyer() {
  return {.tenant = "acme", .subject = "u-7", .user = "u-7", .account = "a-1",
          .roles = {"buyer"}};
}

const SigningKey& KeyOf(Algorithm algorithm) {
  static const SigningKey rs = SigningKey::Generate(Algorithm::kRs256);
  static const SigningKey ps = SigningKey::Generate(Algorithm::kPs256);
  static const SigningKey es = SigningKey::Generate(Algorithm::kEs256);
  static const SigningKey ed = SigningKey::Generate(Algorithm::kEdDsa);
  switch (algorithm) {
    case Algorithm::kRs256:
      return rs;
    case Algorithm::kPs256:
      return ps;
    case Algorithm::kEs256:
      return es;
    case Algorithm::kEdDsa:
      break;
  }
  return ed;
}

const SigningKey& Key() { return KeyOf(Algorithm::kEdDsa); }

JsonWebKeySet PublicOf(const SigningKey& key) { return JsonWebKeySet::Parse(key.PublicJwks()).value(); }

TokenVerifier VerifierOf(const SigningKey& key, const Clock& clock, bool rooms = false) {
  return TokenVerifier(
      {{.issuer = kIssuer, .audience = kAudience, .keys = PublicOf(key), .rooms = rooms}}, clock);
}

// A token from the texts of its header and claims.
std::string RawToken(const SigningKey& key, const std::string& header,
                     const std::string& claims) {
  const std::string text = absl::StrCat(ToBase64Url(header), ".", ToBase64Url(claims));
  return absl::StrCat(text, ".", ToBase64Url(key.Sign(text)));
}

std::string CheckOf(const absl::Status& status) {
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == "check") return value;
  }
  return "";
}

TEST_CASE("a token of each algorithm gives its principal back", "[rpc][token]") {
  const Algorithm algorithm = GENERATE(Algorithm::kRs256, Algorithm::kPs256,
                                       Algorithm::kEs256, Algorithm::kEdDsa);
  CAPTURE(NameOf(algorithm));
  StoppedClock clock;
  const TokenVerifier verifier = VerifierOf(KeyOf(algorithm), clock);
  const Principal principal{.tenant = "acme", .subject = "s", .user = "u-1",
                            .roles = {"rep", "sales-manager"}, .permissions = {"see-cost"},
                            .accounts = {"a-1", "a-2"}, .organisations = {"o-1"},
                            .channels = {"web", "rep"}, .channel = "rep", .language = "de"};

  const std::string token = SignToken(
      KeyOf(algorithm), {.issuer = kIssuer, .principal = principal, .issued = clock.now});
  const auto verified = verifier.Verify(token);

  REQUIRE(verified.ok());
  CHECK(*verified == principal);
  CHECK(*verifier.Verify(token) == principal);  // Remembered.
}

TEST_CASE("a key survives its PEM", "[rpc][token]") {
  for (const Algorithm algorithm : {Algorithm::kRs256, Algorithm::kEs256, Algorithm::kEdDsa}) {
    const auto again = SigningKey::FromPem(KeyOf(algorithm).ToPem(), algorithm);
    REQUIRE(again.ok());
    CHECK(again->id() == KeyOf(algorithm).id());
  }
  CHECK(ReasonOf(SigningKey::FromPem("no key").status()) == "KEY_INVALID");
  CHECK(ReasonOf(SigningKey::FromPem(Key().ToPem(), Algorithm::kRs256).status()) ==
        "KEY_INVALID");
}

TEST_CASE("time decides within a minute of skew", "[rpc][token]") {
  const auto [seconds, reason] = GENERATE(table<int, const char*>({
      {-61, "TOKEN_INVALID"},   // Not valid yet.
      {-60, ""},
      {0, ""},
      {60, ""},
      {119, ""},
      {120, "TOKEN_EXPIRED"},   // 60 s of life and 60 s of skew.
      {100'000, "TOKEN_EXPIRED"},
  }));
  const bool seen_before = GENERATE(false, true);
  CAPTURE(seconds, seen_before);
  StoppedClock clock;
  const TokenVerifier verifier = VerifierOf(Key(), clock);
  const std::string token =
      SignToken(Key(), {.issuer = kIssuer, .principal = Buyer(), .issued = clock.now});
  if (seen_before) REQUIRE(verifier.Verify(token).ok());

  clock.now += absl::Seconds(seconds);
  const auto verified = verifier.Verify(token);

  CHECK(ReasonOf(verified.status()) == reason);
  if (!verified.ok()) CHECK(verified.status().code() == absl::StatusCode::kUnauthenticated);
}

TEST_CASE("a token that is not right is refused, and says which check failed",
          "[rpc][token]") {
  const std::string head = absl::StrCat(R"({"alg":"EdDSA","kid":")", Key().id(), R"("})");
  const std::string good =
      R"({"iss":"https://id.example","aud":"weft","exp":1800000060,"sub":"u-7",)"
      R"("weft_tenant":"acme","weft_roles":["buyer"],"weft_account":"a-1"})";
  const auto claims = [&](const char* from, const char* to) {
    REQUIRE(absl::StrContains(good, from));
    return absl::StrReplaceAll(good, {{from, to}});
  };
  struct Case {
    std::string token;
    std::string check;
  };
  const auto raw = [](const std::string& header, const std::string& text) {
    return RawToken(Key(), header, text);
  };
  const std::string whole = raw(head, good);
  const std::string unsigned_part = whole.substr(0, whole.rfind('.') + 1);
  std::string flipped = whole;
  flipped[flipped.size() - 10] = flipped[flipped.size() - 10] == 'A' ? 'B' : 'A';
  const std::vector<Case> cases = {
      {whole, ""},
      {"", "shape"},
      {"a.b", "shape"},
      {"a.b.c.d", "shape"},
      {"!.b.c", "shape"},
      {absl::StrCat(whole, "="), "shape"},
      {std::string(10'000, 'a'), "shape"},
      {raw("[]", good), "shape"},
      {raw(R"({"alg":"EdDSA","alg":"EdDSA"})", good), "shape"},  // A member twice.
      {raw(head, claims(R"("sub":"u-7")", R"("sub":"u-7","sub":"u-8")")), "shape"},
      {raw(head, "no json"), "shape"},
      {raw(R"({"alg":"none"})", good), "alg"},
      {absl::StrCat(ToBase64Url(R"({"alg":"none"})"), ".", ToBase64Url(good), "."), "alg"},
      {raw(R"({"alg":"None"})", good), "alg"},
      {raw(R"({"alg":"HS256"})", good), "alg"},
      {raw(R"({"alg":"HS512"})", good), "alg"},
      {raw(R"({"alg":"RS384"})", good), "alg"},
      {raw(R"({"alg":"eddsa"})", good), "alg"},
      {raw("{}", good), "alg"},
      {raw(R"({"alg":7})", good), "alg"},
      {raw(R"({"alg":"EdDSA","crit":["exp"]})", good), "crit"},
      {raw(R"({"alg":"EdDSA","crit":[]})", good), "crit"},
      {raw(R"({"alg":"EdDSA","b64":false})", good), "b64"},
      {raw(R"({"alg":"EdDSA","kid":"other"})", good), "kid"},
      {raw(R"({"alg":"RS256"})", good), "signature"},  // Not this key's algorithm.
      {raw(R"({"alg":"ES256"})", good), "signature"},
      {unsigned_part, "signature"},
      {flipped, "signature"},
      {RawToken(KeyOf(Algorithm::kEs256), head, good), "signature"},
      {raw(head, claims("https://id.example", "https://id.other")), "iss"},
      {raw(head, claims(R"("iss":"https://id.example",)", "")), "iss"},
      {raw(head, claims(R"("weft",)", R"("shop",)")), "aud"},
      {raw(head, claims(R"("weft",)", R"(["shop"],)")), "aud"},
      {raw(head, claims(R"("aud":"weft",)", "")), "aud"},
      {raw(head, claims(R"("exp":1800000060,)", "")), "exp"},
      {raw(head, claims("1800000060", R"("1800000060")")), "exp"},
      {raw(head, claims("1800000060", "-1")), "exp"},
      {raw(head, claims("1800000060", "1e300")), "exp"},
      {raw(head, claims(R"("exp")", R"("nbf":1800000061,"exp")")), "nbf"},
      {raw(head, claims(R"("weft_tenant":"acme",)", "")), "weft_tenant"},
      {raw(head, claims(R"("acme")", R"(["acme"])")), "weft_tenant"},
      {raw(head, claims(R"(["buyer"])", R"([])")), "weft_roles"},
      {raw(head, claims(R"(["buyer"])", R"(["wizard"])")), "weft_roles"},
      {raw(head, claims(R"(["buyer"])", R"("buyer")")), "weft_roles"},
      {raw(head, claims(R"(["buyer"])", R"(["service"])")), "weft_roles"},
      {raw(head, claims(R"(,"weft_account":"a-1")", "")), "weft_account"},
  };
  StoppedClock clock;
  const TokenVerifier verifier = VerifierOf(Key(), clock);

  for (const Case& one : cases) {
    CAPTURE(one.token, one.check);
    const auto verified = verifier.Verify(one.token);
    CHECK(verified.ok() == one.check.empty());
    CHECK(CheckOf(verified.status()) == one.check);
    CHECK(ReasonOf(verified.status()) == (one.check.empty() ? "" : "TOKEN_INVALID"));
  }
}

TEST_CASE("only the rooms' own issuer gives the role service", "[rpc][token]") {
  const bool rooms = GENERATE(false, true);
  StoppedClock clock;
  const TokenVerifier verifier = VerifierOf(Key(), clock, rooms);
  const std::string token =
      SignToken(Key(), {.issuer = kIssuer,
                        .principal = {.tenant = "acme", .subject = "x",
                                      .roles = {"operator", "service"}},
                        .issued = clock.now});

  CHECK(verifier.Verify(token)->Has("service") == rooms);
}

TEST_CASE("an issuer speaks for its tenants only", "[rpc][token]") {
  StoppedClock clock;
  const TokenVerifier verifier({{.issuer = kIssuer, .audience = kAudience,
                                 .keys = PublicOf(Key()), .tenants = {"other"}}},
                               clock);
  const std::string token =
      SignToken(Key(), {.issuer = kIssuer, .principal = Buyer(), .issued = clock.now});

  CHECK(CheckOf(verifier.Verify(token).status()) == "weft_tenant");
}

TEST_CASE("an unknown key asks for new keys, and then the token is taken", "[rpc][token]") {
  StoppedClock clock;
  int asked = 0;
  TokenVerifier verifier({{.issuer = kIssuer, .audience = kAudience,
                           .keys = PublicOf(KeyOf(Algorithm::kEs256)),
                           .unknown_key = [&] { ++asked; }}},
                         clock);
  const std::string token =
      SignToken(Key(), {.issuer = kIssuer, .principal = Buyer(), .issued = clock.now});
  CHECK(CheckOf(verifier.Verify(token).status()) == "kid");
  CHECK(asked == 1);

  verifier.SetKeys(kIssuer, PublicOf(Key()));

  CHECK(verifier.Verify(token).ok());
}

TEST_CASE("a withdrawn key is forgotten with the tokens it signed", "[rpc][token]") {
  StoppedClock clock;
  TokenVerifier verifier = VerifierOf(Key(), clock);
  const std::string token =
      SignToken(Key(), {.issuer = kIssuer, .principal = Buyer(), .issued = clock.now});
  REQUIRE(verifier.Verify(token).ok());

  verifier.SetKeys(kIssuer, PublicOf(KeyOf(Algorithm::kEs256)));

  CHECK_FALSE(verifier.Verify(token).ok());
}

TEST_CASE("more tokens than are remembered are still verified", "[rpc][token]") {
  StoppedClock clock;
  const TokenVerifier verifier = VerifierOf(Key(), clock);
  for (int i = 0; i < 9'000; ++i) {
    Principal principal = Buyer();
    principal.subject = absl::StrCat("u-", i);
    const auto verified = verifier.Verify(
        SignToken(Key(), {.issuer = kIssuer, .principal = principal, .issued = clock.now}));
    REQUIRE(verified.ok());
    REQUIRE(verified->subject == principal.subject);
  }
}

TEST_CASE("key sets that are broken are refused", "[rpc][token]") {
  const std::string json = GENERATE(
      std::string("no json"), std::string("[]"), std::string("{}"),
      std::string(R"({"keys":{}})"),
      std::string(R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})"),  // Too short.
      std::string(R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})"),
      std::string(R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]})"));
  CAPTURE(json);

  CHECK(ReasonOf(JsonWebKeySet::Parse(json).status()) == "JWKS_INVALID");
}

TEST_CASE("keys for other uses are left out", "[rpc][token]") {
  const auto keys = JsonWebKeySet::Parse(
      R"({"keys":[{"kty":"oct","k":"AA"},{"kty":"EC","crv":"P-521"},{"kty":"RSA","use":"enc"}]})");

  REQUIRE(keys.ok());
  CHECK(keys->keys().empty());
}

TEST_CASE("a room's token stands for the causing user and is reused for half its life",
          "[rpc][token]") {
  StoppedClock clock;
  RoomTokens tokens("approval", Key(), clock);
  const TokenVerifier verifier({{.issuer = kRoomIssuer, .audience = kAudience,
                                 .keys = PublicOf(Key()), .rooms = true}},
                               clock);

  const std::string token = tokens.For("acme", "u-7");
  const auto principal = verifier.Verify(token);
  REQUIRE(principal.ok());
  CHECK(principal->tenant == "acme");
  CHECK(principal->user == "u-7");
  CHECK(principal->subject == "room:approval");
  CHECK(principal->roles == std::set<std::string>{"service"});
  CHECK(ActingAccount(*principal, "any").value() == "any");

  CHECK(tokens.For("acme", "u-7") == token);
  CHECK(tokens.For("acme", "u-8") != token);
  clock.now += absl::Seconds(31);
  CHECK(tokens.For("acme", "u-7") != token);
}

TEST_CASE("credentials decide who is calling", "[rpc][token]") {
  StoppedClock clock;
  const TokenVerifier verifier = VerifierOf(Key(), clock);
  const std::string token =
      SignToken(Key(), {.issuer = kIssuer, .principal = Buyer(), .issued = clock.now});
  const auto strict = RequireToken(verifier);
  const auto open = OpenLoopback(verifier, "demo");

  CHECK(ReasonOf(strict->Authenticate({}).status()) == "TOKEN_REQUIRED");
  CHECK(ReasonOf(strict->Authenticate({.authorization = "Basic x"}).status()) ==
        "TOKEN_INVALID");
  CHECK(strict->Authenticate({.authorization = absl::StrCat("bearer ", token)})->tenant ==
        "acme");
  // Without a token the user is named; with one, the token says.
  CHECK(open->Authenticate({.user = "u-9"})->user == "u-9");
  CHECK(open->Authenticate({.user = "u-9"})->tenant == "demo");
  CHECK(open->Authenticate({.authorization = absl::StrCat("Bearer ", token), .user = "u-9"})
            ->user == "u-7");
  CHECK(ReasonOf(open->Authenticate({.authorization = "Bearer x"}).status()) ==
        "TOKEN_INVALID");
}

}  // namespace
}  // namespace weft::rpc
