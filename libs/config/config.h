// From a YAML file (JSON is YAML) and the environment to proto messages.
//
//   service: { ... }      # weft.service.v1.ServiceConfig
//   room: { ... }         # weft.pricing.v1.PricingConfig
//
// A key is a field by its proto or JSON name. What is not known stops the start,
// with its path and the nearest known name. Values, by field type:
//
//   string, bool, numbers   as YAML has them; a number must fit its type
//   enum                    by name, or by name without the type's prefix in any case
//   bytes                   base64
//   google.protobuf.Duration    "1.5s", "250ms", "15m", "36h", "35d"
//   google.protobuf.Timestamp   RFC 3339
//   wrappers (StringValue …)    as their value
//   message, map, repeated      a mapping, a mapping, a list
//
// Environment: WEFT_ and the path in capitals, parts joined by two underscores:
// WEFT_SERVICE__ADMIN_ADDRESS=0.0.0.0:8081 sets service.admin_address. The value is
// read as YAML. It wins over the file. A variable of this form that names no
// field stops the start as well.
//
// Ranges are checked by whoever owns the message.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace weft::config {

// Messages by the path where they stand: {"service", &service}. A path may have
// several parts ("rooms.pricing").
using Sections = std::vector<std::pair<std::string, google::protobuf::Message*>>;
using Environment = std::vector<std::pair<std::string, std::string>>;

struct Options {
  // Variables of that form that are somebody else's.
  std::vector<std::string> ignored_variables;
};

// Fills the messages. Errors, all INVALID_ARGUMENT, metadata "path":
// CONFIG_UNREADABLE (no YAML; line), CONFIG_KEY_UNKNOWN (nearest),
// CONFIG_KEY_REPEATED, CONFIG_VALUE_INVALID.
absl::Status Load(const std::string& yaml, const Environment& environment,
                  const Sections& sections, const Options& options = {});

// As Load, from a file; NOT_FOUND / CONFIG_FILE_MISSING. An empty path reads no
// file: defaults and the environment.
absl::Status LoadFile(const std::string& path, const Environment& environment,
                      const Sections& sections, const Options& options = {});

// The variables of this process that begin with WEFT_.
Environment ProcessEnvironment();

// The message as YAML (block style JSON), for /config: fields whose name says
// that they carry a secret (…_secret, …_password, …_token, …_key) show "***";
// paths of files (…_file) are shown.
std::string Masked(const google::protobuf::Message& message);

// "1.5s", "250ms", "15m", "36h", "35d".
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

}  // namespace weft::config
