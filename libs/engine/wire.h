// Octets in and out: the few shapes the engine's own rows are made of.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weft::engine {

// Big-endian, so that byte order is number order.
void AppendU16(std::string& out, uint16_t v);
void AppendU64(std::string& out, uint64_t v);
// Base-128, low group first.
void AppendVarint(std::string& out, uint64_t v);
// Length (base-128) and octets.
void AppendText(std::string& out, absl::string_view text);
// Microseconds since 1970 with the sign bit turned, so that earlier is smaller.
void AppendTime(std::string& out, absl::Time t);

// Takes parts off the front. After the first failure all calls fail.
class WireReader {
 public:
  explicit WireReader(absl::string_view bytes) : rest_(bytes) {}
  bool U8(uint8_t& v);
  bool U16(uint16_t& v);
  bool U64(uint64_t& v);
  bool I64(int64_t& v);  // As U64, two's complement.
  bool Varint(uint64_t& v);
  bool Text(absl::string_view& text);
  bool Text(std::string& text);
  bool Time(absl::Time& t);
  // Up to and without the next 00, which is taken too.
  bool UntilZero(absl::string_view& text);
  absl::string_view Rest() const { return rest_; }
  bool done() const { return ok_ && rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  bool Take(size_t n, absl::string_view& out);
  absl::string_view rest_;
  bool ok_ = true;
};

}  // namespace weft::engine
