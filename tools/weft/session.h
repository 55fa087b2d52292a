// What every command that asks a mesh has: where it is, who asks, how answers
// are shown.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "tools/weft/terminal.h"
#include "tools/weft/transport.h"

namespace weft::cli {

enum class Output { kTable, kJson, kName, kToken, kCsv };

// Exit codes; scripts rely on them (README.md).
enum Exit {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNotFound = 3,
  kConflict = 4,
  kUnavailable = 5,
  kTimeout = 6,
  kAuth = 7,
  kInterrupted = 130,
};
int ExitOf(const absl::Status& status);

struct Common {
  std::string server = "http://127.0.0.1:8080";
  std::string token;       // Bearer; "" = none.
  std::string user;        // Whom to act for.
  std::string request_id;  // Of a mutation; "" = a new one.
  absl::Duration timeout = absl::Seconds(30);
  Output output = Output::kTable;
  std::string progress = "auto";  // auto, plain, none
};

// Calls and shows. Not thread safe.
class Session {
 public:
  Session(Common common, Terminal& terminal, Transport& transport)
      : common_(std::move(common)), terminal_(terminal), transport_(transport) {}

  const Common& common() const { return common_; }
  Terminal& terminal() { return terminal_; }
  // Whether the answer is shown as a message (PrintJson), not as a table.
  bool json() const { return common_.output != Output::kTable; }

  // GET, or POST/PUT with `body`; the answer into `response`.
  // Errors: those of the transport; those of the mesh, with reason and metadata.
  absl::Status Get(const std::string& target, google::protobuf::Message& response);
  absl::Status Post(const std::string& target, const google::protobuf::Message& body,
                    google::protobuf::Message& response);
  // A mutation: as Post, with the request id as Idempotency-Key.
  absl::Status Mutate(const std::string& target, const google::protobuf::Message& body,
                      const std::string& request_id, google::protobuf::Message& response);
  // A stream: `message` is filled anew for each element; `next` returns false to
  // end it.
  absl::Status Watch(const std::string& target, google::protobuf::Message& message,
                     const std::function<bool()>& next);
  // HTTP status and body of a call that needs no message.
  absl::StatusOr<HttpAnswer> Raw(const std::string& method, const std::string& target,
                                 const std::string& body = "");

  // The request id to use for a mutation; the same within one command.
  std::string RequestId();

  // Shows an error on `err` and returns its exit code. `noun` leads to the next
  // command ("order").
  int Fail(const absl::Status& status, const std::string& noun);
  // Of the last mutation, for a read that must see it; "" = it changed nothing.
  const std::string& token() const { return token_; }
  // Shows a message as JSON on `out`; with -o name only the names of the resources
  // in it, a line each; with -o token only token().
  void PrintJson(const google::protobuf::Message& message);

 private:
  HttpCall MakeCall(std::string method, std::string target, std::string body) const;
  absl::Status Finish(const absl::StatusOr<HttpAnswer>& answer,
                      google::protobuf::Message& response);

  const Common common_;
  Terminal& terminal_;
  Transport& transport_;
  std::string request_id_;
  std::string token_;
};

// The mesh's error of an answer's body.
absl::Status ErrorOf(const HttpAnswer& answer);

// "orders" and "x" or "orders/x" → "orders/x".
std::string Named(const std::string& collection, const std::string& id);
// As one segment of a path.
std::string Segment(const std::string& text);
// "?a=b&c=d" of what is not empty; "" of nothing.
std::string Query(const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace weft::cli
