#include "services/pricing/domain/decision_writer.h"

#include <bit>
#include <cstring>

namespace weft::pricing {
namespace {

constexpr size_t kMacBytes = 8;
constexpr size_t kTenantMax = 64;
constexpr char kNumberedChannel = 1;
constexpr char kHashFollows = 16;

char* Varint(uint64_t x, char* p) {
  while (x >= 0x80) {
    *p++ = static_cast<char>(x | 0x80);
    x >>= 7;
  }
  *p++ = static_cast<char>(x);
  return p;
}

char* Number(Stamp x, char* p) {
  return Varint(x & ((uint64_t{1} << 48) - 1), Varint(x >> 48, p));
}

uint64_t BigEndian(uint64_t x) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(x) : x;
}

// Base64url of 6 octets as 8 characters at a time. Reads up to 8 octets behind the end,
// which must be 0, and writes whole groups; returns the end of the text.
char* WriteBase64Url(const char* bytes, size_t size, char* out) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  for (size_t i = 0; i < size; i += 6) {
    uint64_t word;
    std::memcpy(&word, bytes + i, 8);
    word = BigEndian(word) >> 16;
    // 48 bits, first to last, become eight octets of 6 bits each.
    word = (word >> 24 << 32) | (word & 0xffffff);
    word = ((word & 0x00fff00000fff000) << 4) | (word & 0x00000fff00000fff);
    word = ((word & 0x0fc00fc00fc00fc0) << 2) | (word & 0x003f003f003f003f);
    // In each octet 1 where it is at least `least`.
    const auto from = [&](uint64_t least) {
      return (word + (0x80 - least) * kOnes) >> 7 & kOnes;
    };
    // A to Z, a to z, 0 to 9, '-', '_'.
    const uint64_t last = from(63);
    const uint64_t text = word + 'A' * kOnes + 6 * from(26) + 49 * last - 75 * from(52) -
                          13 * from(62);
    const uint64_t stored = BigEndian(text);
    std::memcpy(out + i / 6 * 8, &stored, 8);
  }
  return out + size / 3 * 4 + (size % 3 == 0 ? 0 : size % 3 + 1);
}

}  // namespace

DecisionWriter::DecisionWriter(const SipKey& key, absl::string_view tenant,
                               const Decision& shared)
    : key_(key), tenant_(tenant), shared_(shared) {
  plain_ = tenant.size() <= kTenantMax && (shared.channel_number != 0 || shared.channel.empty());
  if (!plain_) return;
  std::memcpy(bytes_, tenant.data(), tenant.size());
  bytes_[tenant.size()] = '\0';
  body_ = tenant.size() + 1;
  char* p = Varint(static_cast<uint64_t>(shared.release), bytes_ + body_);
  p = Number(shared.account, p);
  own_ = static_cast<size_t>(p - bytes_);
  const auto as_of = static_cast<uint64_t>(shared.as_of_us);
  p = Varint((as_of << 1) ^ (shared.as_of_us < 0 ? ~uint64_t{0} : 0), tail_);
  p = Number(shared.position, p);
  channel_kind_ = static_cast<size_t>(p - tail_);
  *p++ = shared.channel_number != 0 ? kNumberedChannel : 0;
  if (shared.channel_number != 0) p = Number(shared.channel_number, p);
  tail_size_ = static_cast<size_t>(p - tail_);
}

char* DecisionWriter::Write(Stamp item, const Decimal& quantity, int unit, uint32_t request_hash,
                            char* out) {
  if (!plain_) {
    Decision decision = shared_;
    decision.item = item;
    decision.quantity = quantity;
    decision.unit = unit;
    decision.request_hash = request_hash;
    return WriteDecisionId(key_, tenant_, decision, out);
  }
  char* p = Number(item, bytes_ + own_);
  *p++ = static_cast<char>(shared_.currency.number() >> 8);
  *p++ = static_cast<char>(shared_.currency.number());
  *p++ = static_cast<char>(quantity.scale());
  p = Varint(static_cast<uint64_t>(quantity.coefficient_64()), p);
  p = Varint(static_cast<uint64_t>(unit), p);
  std::memcpy(p, tail_, sizeof(tail_));  // Of a fixed size: quicker than of the right one.
  char* const kind = p + channel_kind_;
  p += tail_size_;
  if (request_hash != 0) {
    *kind = static_cast<char>(*kind | kHashFollows);
    for (int i = 0; i < 4; ++i) *p++ = static_cast<char>(request_hash >> (8 * i));
  }
  const uint64_t mac =
      SipHash(key_, absl::string_view(bytes_, static_cast<size_t>(p - bytes_)));
  for (size_t i = 0; i < kMacBytes; ++i) *p++ = static_cast<char>(mac >> (8 * i));
  std::memset(p, 0, 8);
  return WriteBase64Url(bytes_ + body_, static_cast<size_t>(p - bytes_) - body_, out);
}

}  // namespace weft::pricing
