#include "tools/weft/session.h"

#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/error.h"
#include "libs/telemetry/trace_context.h"

namespace weft::cli {
namespace {

namespace pb = google::protobuf;

std::string Text(const pb::Struct& object, const std::string& key) {
  const auto it = object.fields().find(key);
  return it == object.fields().end() ? "" : it->second.string_value();
}

// What to try next, by reason, then by code.
std::string NextCommand(const absl::Status& status, const std::string& noun) {
  const std::string reason = ReasonOf(status);
  if (reason == "SERVER_UNREACHABLE") return "weft up, or --server / WEFT_SERVER";
  if (reason == "TOKEN_REQUIRED" || reason == "TOKEN_EXPIRED" || reason == "TOKEN_INVALID") {
    return "weft token --help, then --token or WEFT_TOKEN";
  }
  if (reason == "ROLE_NOT_ALLOWED") return "weft token --role ROLE for a token with the role";
  if (reason == "USER_REQUIRED") return "the same command with --user USER";
  if (reason == "ACCOUNT_REQUIRED") return "the same command with --account ACCOUNT";
  if (reason == "CURRENCY_REQUIRED") return "the same command with --account or --currency";
  if (reason == "CANNOT_DECIDE_OWN") return "the same command with --user of somebody else";
  if (reason == "NOT_LOADED") return "weft erp connections";
  if (reason == "ROUTE_NOT_FOUND") return "weft status (is this mesh older than this command?)";
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return noun == "order" || noun == "approval" ? absl::StrCat("weft ", noun, " list")
                                                   : absl::StrCat("weft ", noun, " --help");
    case absl::StatusCode::kInvalidArgument:
      return absl::StrCat("weft ", noun, " --help");
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return "weft status, then the same command again";
    case absl::StatusCode::kDeadlineExceeded:
      return "the same command with --timeout 60 and the same --request-id";
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return noun == "order" || noun == "approval" ? absl::StrCat("weft ", noun, " get ID")
                                                   : "weft status";
    default:
      return "weft status";
  }
}

// The name of a resource, or of each in a list.
void PrintNames(const pb::Message& message, std::ostream& out) {
  const auto* descriptor = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  if (const auto* name = descriptor->FindFieldByName("name")) {
    out << reflection->GetString(message, name) << "\n";
    return;
  }
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    if (!field->is_repeated() || field->message_type() == nullptr) continue;
    if (field->message_type()->FindFieldByName("name") == nullptr) continue;
    for (int j = 0; j < reflection->FieldSize(message, field); ++j) {
      PrintNames(reflection->GetRepeatedMessage(message, field, j), out);
    }
    return;
  }
}

}  // namespace

int ExitOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kUsage;
    case absl::StatusCode::kNotFound:
      return kNotFound;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return kConflict;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return kUnavailable;
    case absl::StatusCode::kDeadlineExceeded:
      return kTimeout;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kAuth;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    default:
      return kFailure;
  }
}

absl::Status ErrorOf(const HttpAnswer& answer) {
  pb::Struct body;
  if (!pb::util::JsonStringToMessage(answer.body, &body).ok() ||
      body.fields().count("code") == 0) {
    return absl::UnknownError(
        absl::StrCat("the server answered HTTP ", answer.status, " without a reason"));
  }
  const auto code = static_cast<absl::StatusCode>(body.fields().at("code").number_value());
  const std::string message = Text(body, "message");
  for (const pb::Value& detail : body.fields().at("details").list_value().values()) {
    const pb::Struct& object = detail.struct_value();
    if (!absl::EndsWith(Text(object, "@type"), "google.rpc.ErrorInfo")) continue;
    ErrorMetadata metadata;
    if (const auto it = object.fields().find("metadata"); it != object.fields().end()) {
      for (const auto& [key, value] : it->second.struct_value().fields()) {
        metadata.emplace_back(key, value.string_value());
      }
    }
    std::string domain = Text(object, "domain");
    absl::string_view room = domain;
    absl::ConsumeSuffix(&room, ".weft");
    metadata.emplace_back("room", std::string(room));
    if (const auto it = answer.headers.find("x-request-id"); it != answer.headers.end()) {
      metadata.emplace_back("x-request-id", it->second);
    }
    const std::string reason = Text(object, "reason");
    return code == absl::StatusCode::kOk
               ? absl::UnknownError(message)
               : Error(code, reason.empty() ? "UNKNOWN" : reason, message, std::move(metadata));
  }
  return absl::Status(code == absl::StatusCode::kOk ? absl::StatusCode::kUnknown : code, message);
}

std::string Named(const std::string& collection, const std::string& id) {
  return absl::StartsWith(id, collection + "/") ? id : absl::StrCat(collection, "/", id);
}

std::string Segment(const std::string& text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-._~", std::string(1, c))) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
    }
  }
  return out;
}

std::string Query(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    absl::StrAppend(&out, out.empty() ? "?" : "&", name, "=", Segment(value));
  }
  return out;
}

HttpCall Session::MakeCall(std::string method, std::string target, std::string body) const {
  HttpCall call{.method = std::move(method), .target = std::move(target), .headers = {},
                .body = std::move(body)};
  call.headers.emplace_back("User-Agent", "weft");
  if (!common_.token.empty()) {
    call.headers.emplace_back("Authorization", absl::StrCat("Bearer ", common_.token));
  }
  if (!common_.user.empty()) call.headers.emplace_back("Weft-User", common_.user);
  if (!call.body.empty()) call.headers.emplace_back("Content-Type", "application/json");
  call.headers.emplace_back(
      "Grpc-Timeout", absl::StrCat(absl::ToInt64Milliseconds(common_.timeout), "m"));
  return call;
}

absl::Status Session::Finish(const absl::StatusOr<HttpAnswer>& answer, pb::Message& response) {
  if (!answer.ok()) return answer.status();
  if (answer->status != 200) return ErrorOf(*answer);
  // A newer mesh may know more fields than this command.
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  response.Clear();
  if (!pb::util::JsonStringToMessage(answer->body, &response, options).ok()) {
    return absl::UnknownError("the server's answer is not what this command expects");
  }
  if (const auto it = answer->headers.find("weft-token"); it != answer->headers.end()) {
    token_ = it->second;
  }
  return absl::OkStatus();
}

absl::Status Session::Get(const std::string& target, pb::Message& response) {
  return Finish(transport_.Do(MakeCall("GET", target, ""), common_.timeout), response);
}

absl::Status Session::Post(const std::string& target, const pb::Message& body,
                           pb::Message& response) {
  std::string json;
  if (!pb::util::MessageToJsonString(body, &json).ok()) {
    return InvalidArgument("TEXT_NOT_UTF8", "an argument is not UTF-8 text");
  }
  return Finish(transport_.Do(MakeCall("POST", target, json), common_.timeout), response);
}

absl::Status Session::Mutate(const std::string& target, const pb::Message& body,
                             const std::string& request_id, pb::Message& response) {
  std::string json;
  if (!pb::util::MessageToJsonString(body, &json).ok()) {
    return InvalidArgument("TEXT_NOT_UTF8", "an argument is not UTF-8 text");
  }
  HttpCall call = MakeCall("POST", target, json);
  call.headers.emplace_back("Idempotency-Key", absl::StrCat("\"", request_id, "\""));
  return Finish(transport_.Do(call, common_.timeout), response);
}

absl::Status Session::Watch(const std::string& target, pb::Message& message,
                            const std::function<bool()>& next) {
  HttpCall call = MakeCall("GET", target, "");
  call.headers.pop_back();  // A watch has no deadline of its own.
  absl::Status late;
  const auto answer = transport_.Stream(
      call, absl::Hours(24), [&](const std::string& line) {
        if (absl::StartsWith(line, "{\"error\":")) {
          late = ErrorOf({.status = 0, .headers = {}, .body = line.substr(9, line.size() - 10)});
          return false;
        }
        pb::util::JsonParseOptions options;
        options.ignore_unknown_fields = true;
        message.Clear();
        if (!pb::util::JsonStringToMessage(line, &message, options).ok()) {
          late = absl::UnknownError("the server's answer is not what this command expects");
          return false;
        }
        return next();
      });
  if (!answer.ok()) return answer.status();
  if (answer->status != 200) return ErrorOf(*answer);
  return late;
}

absl::StatusOr<HttpAnswer> Session::Raw(const std::string& method, const std::string& target,
                                        const std::string& body) {
  return transport_.Do(MakeCall(method, target, body), common_.timeout);
}

std::string Session::RequestId() {
  if (request_id_.empty()) {
    request_id_ = common_.request_id.empty() ? absl::StrCat("cli-", telemetry::RandomHex(12))
                                             : common_.request_id;
  }
  return request_id_;
}

int Session::Fail(const absl::Status& status, const std::string& noun) {
  std::ostream& err = terminal_.err;
  if (status.code() == absl::StatusCode::kCancelled) {
    err << "interrupted\n";
    return kInterrupted;
  }
  const std::string reason = ReasonOf(status);
  err << "error: "
      << (reason.empty() ? std::string(absl::StatusCodeToString(status.code())) : reason) << "\n"
      << "  cause:   " << status.message() << "\n";
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == "room" || key == "x-request-id" || value.empty()) continue;
    err << "  " << key << ": " << std::string(key.size() < 7 ? 7 - key.size() : 0, ' ') << value
        << "\n";
  }
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == "room") err << "  room:    " << value << "\n";
    if (key == "x-request-id") err << "  request: " << value << "\n";
  }
  if (!request_id_.empty()) err << "  repeat:  --request-id " << request_id_ << "\n";
  err << "  next:    " << NextCommand(status, noun) << "\n";
  return ExitOf(status);
}

void Session::PrintJson(const pb::Message& message) {
  if (common_.output == Output::kName) return PrintNames(message, terminal_.out);
  if (common_.output == Output::kToken) {
    if (!token_.empty()) terminal_.out << token_ << "\n";
    return;
  }
  pb::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.add_whitespace = terminal_.out_is_terminal;
  std::string json;
  // What was read as JSON can be written as JSON.
  (void)pb::util::MessageToJsonString(message, &json, options);
  while (absl::EndsWith(json, "\n")) json.pop_back();
  terminal_.out << json << "\n";
  terminal_.out.flush();
}

}  // namespace weft::cli
