#include "services/approval/config.h"

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::approval {
namespace {

// 0 means the default.
absl::StatusOr<int64_t> InRange(const char* field, int64_t value, int64_t standard, int64_t max) {
  if (value == 0) return standard;
  if (value < 0 || value > max) {
    return InvalidArgument("CONFIG_INVALID",
                           absl::StrCat(field, " is ", value, ", allowed is 1 to ", max),
                           {{"field", field}});
  }
  return value;
}

}  // namespace

absl::StatusOr<Settings> FromConfig(const v1::ApprovalConfig& config) {
  Settings settings;
  settings.builtin.rule = "builtin";
  const std::string& limit = config.default_approval_limit();
  const absl::StatusOr<Decimal> parsed = Decimal::Parse(limit.empty() ? "1000" : limit);
  if (!parsed.ok() || parsed->sign() < 0) {
    return InvalidArgument("CONFIG_INVALID",
                           absl::StrCat("default_approval_limit is \"", limit,
                                        "\", it must be a decimal number, 0 or above"),
                           {{"field", "default_approval_limit"}});
  }
  settings.builtin.default_limit = *parsed;
  WEFT_ASSIGN_OR_RETURN(const int64_t hours,
                        InRange("approval_hours", config.approval_hours(), 72, 2160));
  WEFT_ASSIGN_OR_RETURN(const int64_t days, InRange("quote_days", config.quote_days(), 30, 366));
  WEFT_ASSIGN_OR_RETURN(const int64_t minutes, InRange("erp_answer_minutes",
                                                       config.erp_answer_minutes(), 240, 43200));
  WEFT_ASSIGN_OR_RETURN(const int64_t grace, InRange("hold_grace_minutes",
                                                     config.hold_grace_minutes(), 15, 1440));
  settings.builtin.approval_time = absl::Hours(hours);
  settings.builtin.quote_time = absl::Hours(24 * days);
  settings.builtin.erp_answer_time = absl::Minutes(minutes);
  settings.hold_grace = absl::Minutes(grace);
  return settings;
}

}  // namespace weft::approval
