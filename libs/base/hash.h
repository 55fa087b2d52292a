// Hashes: SHA-256 and HMAC-SHA-256 (OpenSSL), and hex.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace weft {

using Sha256Digest = std::array<uint8_t, 32>;

Sha256Digest Sha256(absl::string_view bytes);
Sha256Digest HmacSha256(absl::string_view key, absl::string_view bytes);

// Lower-case hexadecimal, two digits an octet.
std::string Hex(absl::string_view bytes);
std::string Hex(const Sha256Digest& digest);

// Compares without telling by time where two strings differ.
bool EqualsConstantTime(absl::string_view a, absl::string_view b);

}  // namespace weft
