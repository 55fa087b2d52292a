#include "services/gateway/domain/headers.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/base/error.h"

namespace weft::gateway {
namespace {

constexpr size_t kKeyLengthMax = 255;
constexpr size_t kRequestIdLengthMax = 128;

absl::Status BadKey(absl::string_view why) {
  return InvalidArgument("IDEMPOTENCY_KEY_MALFORMED",
                         absl::StrCat("header Idempotency-Key ", why,
                                      "; send 1 to 255 visible ASCII characters, quoted or bare"));
}

absl::Status BadTimeout(absl::string_view header, absl::string_view value) {
  return InvalidArgument("TIMEOUT_MALFORMED",
                         absl::StrCat("header ", header, " is '", value,
                                      "'; send digits and a unit such as 800m (Grpc-Timeout), or "
                                      "milliseconds (Connect-Timeout-Ms)"),
                         {{"header", std::string(header)}});
}

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool LowerHexNotZero(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); }) &&
         text.find_first_not_of('0') != absl::string_view::npos;
}

}  // namespace

int HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "";
  }
}

absl::StatusOr<std::string> ParseIdempotencyKey(absl::string_view value) {
  value = absl::StripAsciiWhitespace(value);
  std::string key;
  if (!value.empty() && value.front() == '"') {
    if (value.size() < 2 || value.back() != '"') return BadKey("has no closing quote");
    value = value.substr(1, value.size() - 2);
    for (size_t i = 0; i < value.size(); ++i) {
      if (value[i] == '"') return BadKey("has a quote inside");
      if (value[i] == '\\') {
        if (++i == value.size() || (value[i] != '"' && value[i] != '\\')) {
          return BadKey("has an unknown escape");
        }
      }
      if (value[i] < 0x20 || value[i] > 0x7E) return BadKey("has a character that is not visible ASCII");
      key.push_back(value[i]);
    }
  } else {
    for (const char c : value) {
      if (c <= 0x20 || c > 0x7E) return BadKey("has a character that is not visible ASCII");
    }
    key = std::string(value);
  }
  if (key.empty()) return BadKey("is empty");
  if (key.size() > kKeyLengthMax) return BadKey(absl::StrCat("has ", key.size(), " characters"));
  return key;
}

bool IsRequestId(absl::string_view value) {
  return !value.empty() && value.size() <= kRequestIdLengthMax &&
         std::all_of(value.begin(), value.end(), [](char c) {
           return absl::ascii_isalnum(c) ||
                  absl::string_view("._~:/+=-").find(c) != absl::string_view::npos;
         });
}

bool IsTraceparent(absl::string_view value) {
  return value.size() == 55 && absl::StartsWith(value, "00-") && value[35] == '-' &&
         value[52] == '-' && LowerHexNotZero(value.substr(3, 32)) &&
         LowerHexNotZero(value.substr(36, 16)) && absl::ascii_isxdigit(value[53]) &&
         absl::ascii_isxdigit(value[54]);
}

absl::StatusOr<absl::Duration> ParseGrpcTimeout(absl::string_view value) {
  const absl::string_view digits = value.substr(0, value.empty() ? 0 : value.size() - 1);
  int64_t count = 0;
  if (!AllDigits(digits) || digits.size() > 8 || !absl::SimpleAtoi(digits, &count)) {
    return BadTimeout("Grpc-Timeout", value);
  }
  switch (value.back()) {
    case 'H': return absl::Hours(count);
    case 'M': return absl::Minutes(count);
    case 'S': return absl::Seconds(count);
    case 'm': return absl::Milliseconds(count);
    case 'u': return absl::Microseconds(count);
    case 'n': return absl::Nanoseconds(count);
    default: return BadTimeout("Grpc-Timeout", value);
  }
}

absl::StatusOr<absl::Duration> ParseConnectTimeout(absl::string_view value) {
  int64_t count = 0;
  if (!AllDigits(value) || value.size() > 10 || !absl::SimpleAtoi(value, &count)) {
    return BadTimeout("Connect-Timeout-Ms", value);
  }
  return absl::Milliseconds(count);
}

bool Accepts(absl::string_view accept, absl::string_view type) {
  for (absl::string_view range : absl::StrSplit(accept, ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(range, ';');
    if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts[0]), type)) continue;
    bool refused = false;
    for (size_t i = 1; i < parts.size(); ++i) {
      absl::string_view parameter = absl::StripAsciiWhitespace(parts[i]);
      double weight = 1;
      if ((absl::ConsumePrefix(&parameter, "q=") || absl::ConsumePrefix(&parameter, "Q=")) &&
          absl::SimpleAtod(parameter, &weight)) {
        refused = weight <= 0;
      }
    }
    return !refused;
  }
  return false;
}

std::string MediaType(absl::string_view content_type) {
  const size_t semicolon = content_type.find(';');
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(content_type.substr(0, semicolon)));
}

bool MatchesEtag(absl::string_view if_none_match, absl::string_view etag) {
  for (absl::string_view entry : absl::StrSplit(if_none_match, ',')) {
    entry = absl::StripAsciiWhitespace(entry);
    if (entry == "*") return true;
    // If-None-Match compares weakly (RFC 9110, 13.1.2).
    absl::ConsumePrefix(&entry, "W/");
    if (entry == etag) return true;
  }
  return false;
}

bool IsLoopbackHost(absl::string_view host) {
  if (!absl::EndsWith(host, "]")) {
    const size_t colon = host.rfind(':');
    if (colon != absl::string_view::npos) {
      if (!AllDigits(host.substr(colon + 1))) return false;
      host = host.substr(0, colon);
    }
  }
  if (absl::EqualsIgnoreCase(host, "localhost") || host == "[::1]") return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::all_of(parts.begin(), parts.end(),
                     [](absl::string_view part) { return AllDigits(part) && part.size() <= 3; });
}

std::optional<std::string> BearerToken(absl::string_view authorization) {
  authorization = absl::StripAsciiWhitespace(authorization);
  if (authorization.size() < 7 || !absl::EqualsIgnoreCase(authorization.substr(0, 7), "bearer ")) {
    return std::nullopt;
  }
  return std::string(absl::StripAsciiWhitespace(authorization.substr(7)));
}

}  // namespace weft::gateway
