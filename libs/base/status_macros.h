// Early return on errors, and the check that stops the process.
//
//   WEFT_RETURN_IF_ERROR(expr);              expr: absl::Status
//   WEFT_ASSIGN_OR_RETURN(auto x, expr);     expr: absl::StatusOr<T>
//   WEFT_CHECK(condition) / WEFT_CHECK_OK(status)
//
// A status is expected trouble and travels; WEFT_CHECK is for invariants: when
// one is broken the process says where and stops, because going on could
// spread the damage (libs/engine restarts from what is on disk).
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weft::internal {

// Prints file, line and text on stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* what,
                              const absl::Status* status = nullptr);

inline const absl::Status& StatusOf(const absl::Status& s) { return s; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& s) {
  return s.status();
}

}  // namespace weft::internal

#define WEFT_RETURN_IF_ERROR(expr)                          \
  do {                                                      \
    if (absl::Status weft_status_ = (expr); !weft_status_.ok()) \
      return weft_status_;                                  \
  } while (false)

#define WEFT_MACRO_CONCAT_INNER_(a, b) a##b
#define WEFT_MACRO_CONCAT_(a, b) WEFT_MACRO_CONCAT_INNER_(a, b)
#define WEFT_ASSIGN_OR_RETURN_IMPL_(result, lhs, expr)  \
  auto result = (expr);                                 \
  if (!result.ok()) return std::move(result).status();  \
  lhs = *std::move(result)
#define WEFT_ASSIGN_OR_RETURN(lhs, ...)                                       \
  WEFT_ASSIGN_OR_RETURN_IMPL_(WEFT_MACRO_CONCAT_(weft_result_, __LINE__), lhs, \
                              (__VA_ARGS__))

#define WEFT_CHECK(condition)                                          \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::weft::internal::CheckFailed(__FILE__, __LINE__, #condition);   \
  } while (false)
#define WEFT_CHECK_OK(expr)                                                  \
  do {                                                                       \
    const auto& weft_checked_ = (expr);                                      \
    if (!weft_checked_.ok()) [[unlikely]]                                    \
      ::weft::internal::CheckFailed(__FILE__, __LINE__, #expr,               \
                                    &::weft::internal::StatusOf(weft_checked_)); \
  } while (false)
