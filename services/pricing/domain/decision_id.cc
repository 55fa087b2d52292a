#include "services/pricing/domain/decision_id.h"

#include <cstring>

namespace weft::pricing {
namespace {

constexpr size_t kMacBytes = 8;
constexpr size_t kMaxBytes = kMaxDecisionId / 4 * 3;
constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum Channel : char { kNoChannel = 0, kNumbered = 1, kText = 2, kHashFollows = 16 };
constexpr size_t kHashBytes = 4;

// Room for the largest id: writers never check.
struct Writer {
  char bytes[128];
  size_t size = 0;

  void Octet(uint8_t x) { bytes[size++] = static_cast<char>(x); }
  template <typename T>
  void Varint(T x) {
    while (x >= 0x80) {
      Octet(static_cast<uint8_t>(x) | 0x80);
      x >>= 7;
    }
    Octet(static_cast<uint8_t>(x));
  }
  void Number(Stamp x) {
    Varint(x >> 48);
    Varint(x & ((uint64_t{1} << 48) - 1));
  }
};

struct Reader {
  absl::string_view rest;
  bool ok = true;

  uint8_t Octet() {
    if (rest.empty()) {
      ok = false;
      return 0;
    }
    const auto x = static_cast<uint8_t>(rest[0]);
    rest.remove_prefix(1);
    return x;
  }
  template <typename T>
  T Varint() {
    T x = 0;
    for (unsigned shift = 0; shift < 8 * sizeof(T); shift += 7) {
      const uint8_t octet = Octet();
      x |= static_cast<T>(octet & 0x7f) << shift;
      if ((octet & 0x80) == 0) return x;
    }
    ok = false;
    return x;
  }
  Stamp Number() {
    const auto generation = Varint<uint64_t>();
    return (generation << 48) | Varint<uint64_t>();
  }
};

uint64_t Mac(const SipKey& key, absl::string_view tenant, absl::string_view bytes) {
  char text[512];
  if (tenant.size() + 1 + bytes.size() <= sizeof(text)) {
    std::memcpy(text, tenant.data(), tenant.size());
    text[tenant.size()] = '\0';
    std::memcpy(text + tenant.size() + 1, bytes.data(), bytes.size());
    return SipHash(key, absl::string_view(text, tenant.size() + 1 + bytes.size()));
  }
  std::string longer(tenant);
  longer.push_back('\0');
  longer.append(bytes.data(), bytes.size());
  return SipHash(key, longer);
}

char* WriteBase64Url(absl::string_view bytes, char* text) {
  size_t i = 0;
  const auto at = [&](size_t k) { return uint32_t{static_cast<unsigned char>(bytes[k])}; };
  size_t n = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t w = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    text[n++] = kAlphabet[w >> 18];
    text[n++] = kAlphabet[w >> 12 & 63];
    text[n++] = kAlphabet[w >> 6 & 63];
    text[n++] = kAlphabet[w & 63];
  }
  if (bytes.size() - i == 1) {
    text[n++] = kAlphabet[at(i) >> 2];
    text[n++] = kAlphabet[at(i) << 4 & 63];
  } else if (bytes.size() - i == 2) {
    const uint32_t w = at(i) << 8 | at(i + 1);
    text[n++] = kAlphabet[w >> 10];
    text[n++] = kAlphabet[w >> 4 & 63];
    text[n++] = kAlphabet[w << 2 & 63];
  }
  return text + n;
}

bool DecodeBase64Url(absl::string_view text, std::string& out) {
  out.clear();
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const char* found =
        c == '\0' ? nullptr : static_cast<const char*>(std::memchr(kAlphabet, c, 64));
    if (found == nullptr) return false;
    bits = bits << 6 | static_cast<uint32_t>(found - kAlphabet);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  // One text for one id: what is left over is zero, and less than a character.
  return count < 6 && (bits & ((1u << count) - 1)) == 0;
}

}  // namespace

char* WriteDecisionId(const SipKey& key, absl::string_view tenant, const Decision& decision,
                      char* out) {
  Writer w;
  w.Varint(static_cast<uint64_t>(decision.release));
  w.Number(decision.account);
  w.Number(decision.item);
  w.Octet(static_cast<uint8_t>(decision.currency.number() >> 8));
  w.Octet(static_cast<uint8_t>(decision.currency.number()));
  w.Octet(static_cast<uint8_t>(decision.quantity.scale()));
  w.Varint(static_cast<uint64_t>(decision.quantity.coefficient_64()));
  w.Varint(static_cast<uint64_t>(decision.unit));
  const auto as_of = static_cast<uint64_t>(decision.as_of_us);
  w.Varint((as_of << 1) ^ (decision.as_of_us < 0 ? ~uint64_t{0} : 0));
  w.Number(decision.position);
  const size_t hash = decision.request_hash != 0 ? kHashBytes : 0;
  const uint8_t flag = hash != 0 ? kHashFollows : 0;
  if (decision.channel_number != 0) {
    w.Octet(kNumbered | flag);
    w.Number(decision.channel_number);
  } else if (!decision.channel.empty() &&
             w.size + 1 + decision.channel.size() + hash + kMacBytes <= kMaxBytes) {
    w.Octet(kText | flag);
    std::memcpy(w.bytes + w.size, decision.channel.data(), decision.channel.size());
    w.size += decision.channel.size();
  } else {
    w.Octet(kNoChannel | flag);
  }
  for (size_t i = 0; i < hash; ++i) w.Octet(static_cast<uint8_t>(decision.request_hash >> (8 * i)));
  const uint64_t mac = Mac(key, tenant, absl::string_view(w.bytes, w.size));
  for (size_t i = 0; i < kMacBytes; ++i) w.Octet(static_cast<uint8_t>(mac >> (8 * i)));
  return WriteBase64Url(absl::string_view(w.bytes, w.size), out);
}

void AppendDecisionId(const SipKey& key, absl::string_view tenant, const Decision& decision,
                      std::string& out) {
  char text[kMaxDecisionId];
  out.append(text, static_cast<size_t>(WriteDecisionId(key, tenant, decision, text) - text));
}

std::optional<Decision> ReadDecisionId(const SipKey& key, absl::string_view tenant,
                                       absl::string_view id, std::string& bytes) {
  if (id.size() > kMaxDecisionId || !DecodeBase64Url(id, bytes) || bytes.size() <= kMacBytes) {
    return std::nullopt;
  }
  const absl::string_view body(bytes.data(), bytes.size() - kMacBytes);
  uint64_t mac = 0;
  for (size_t i = 0; i < kMacBytes; ++i) {
    mac |= uint64_t{static_cast<unsigned char>(bytes[body.size() + i])} << (8 * i);
  }
  if (mac != Mac(key, tenant, body)) return std::nullopt;

  Reader r{body};
  Decision decision;
  decision.release = static_cast<int>(r.Varint<uint64_t>());
  decision.account = r.Number();
  decision.item = r.Number();
  const auto high = static_cast<uint16_t>(r.Octet() << 8);
  decision.currency = Currency::FromNumber(static_cast<uint16_t>(high | r.Octet()));
  const int scale = r.Octet();
  const auto coefficient = static_cast<Decimal::Coefficient>(r.Varint<uint64_t>());
  const absl::StatusOr<Decimal> quantity = Decimal::FromCoefficient(coefficient, scale);
  decision.unit = static_cast<int>(r.Varint<uint64_t>());
  const auto as_of = r.Varint<uint64_t>();
  decision.as_of_us = static_cast<int64_t>((as_of >> 1) ^ (uint64_t{0} - (as_of & 1)));
  decision.position = r.Number();
  uint8_t channel = r.Octet();
  if ((channel & kHashFollows) != 0 && r.rest.size() >= kHashBytes) {
    channel = static_cast<uint8_t>(channel & ~kHashFollows);
    const absl::string_view hash = r.rest.substr(r.rest.size() - kHashBytes);
    r.rest.remove_suffix(kHashBytes);
    for (size_t i = 0; i < kHashBytes; ++i) {
      decision.request_hash |= uint32_t{static_cast<unsigned char>(hash[i])} << (8 * i);
    }
  }
  if (channel == kNumbered) decision.channel_number = r.Number();
  if (channel == kText) decision.channel = r.rest;
  if (!r.ok || !quantity.ok()) return std::nullopt;
  decision.quantity = *quantity;
  return decision;
}

}  // namespace weft::pricing
