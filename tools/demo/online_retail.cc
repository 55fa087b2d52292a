#include "tools/demo/online_retail.h"

#include <lzma.h>

#include <array>
#include <cstdio>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::demo {
namespace {

absl::Status Unreadable(absl::string_view what) {
  return DataLoss("DEMO_DATA_UNREADABLE", absl::StrCat("the demo data: ", what));
}

absl::StatusOr<std::string> Decompress(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) {
    return NotFound("DEMO_DATA_MISSING", absl::StrCat("cannot open ", path));
  }
  lzma_stream stream = LZMA_STREAM_INIT;
  constexpr uint64_t kMemoryMax = 256 << 20;
  if (lzma_stream_decoder(&stream, kMemoryMax, LZMA_CONCATENATED) != LZMA_OK) {
    return Unreadable("the decoder does not start");
  }
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> end(&stream, &lzma_end);
  std::string text;
  std::array<uint8_t, 64 << 10> in{};
  std::array<uint8_t, 256 << 10> out{};
  lzma_action action = LZMA_RUN;
  while (true) {
    if (stream.avail_in == 0 && action == LZMA_RUN) {
      stream.next_in = in.data();
      stream.avail_in = std::fread(in.data(), 1, in.size(), file.get());
      if (stream.avail_in == 0) action = LZMA_FINISH;
    }
    stream.next_out = out.data();
    stream.avail_out = out.size();
    const lzma_ret result = lzma_code(&stream, action);
    text.append(reinterpret_cast<const char*>(out.data()), out.size() - stream.avail_out);
    if (result == LZMA_STREAM_END) return text;
    if (result != LZMA_OK) return Unreadable("not a whole xz file");
  }
}

// Takes one CSV field off `rest`; quotes are doubled inside quotes.
std::string TakeField(absl::string_view& rest) {
  std::string field;
  if (!rest.empty() && rest[0] == '"') {
    rest.remove_prefix(1);
    while (!rest.empty()) {
      if (rest[0] != '"') {
        field += rest[0];
        rest.remove_prefix(1);
      } else if (rest.size() > 1 && rest[1] == '"') {
        field += '"';
        rest.remove_prefix(2);
      } else {
        rest.remove_prefix(1);
        break;
      }
    }
    if (!rest.empty() && rest[0] == ',') rest.remove_prefix(1);
    return field;
  }
  const size_t end = std::min(rest.find(','), rest.size());
  field = std::string(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return field;
}

// "2.55" → 2550. False for more than three decimals.
bool ParseMilli(absl::string_view text, int64_t& milli) {
  bool negative = false;
  if (!text.empty() && text[0] == '-') {
    negative = true;
    text.remove_prefix(1);
  }
  const size_t point = std::min(text.find('.'), text.size());
  int64_t whole = 0;
  if (!absl::SimpleAtoi(text.substr(0, point), &whole)) return false;
  int64_t fraction = 0;
  if (point < text.size()) {
    std::string digits(text.substr(point + 1));
    if (digits.empty() || digits.size() > 3) return false;
    digits.append(3 - digits.size(), '0');
    if (!absl::SimpleAtoi(digits, &fraction)) return false;
  }
  milli = whole * 1000 + fraction;
  if (negative) milli = -milli;
  return true;
}

}  // namespace

absl::StatusOr<std::vector<InvoiceLine>> ReadOnlineRetail(const std::string& path) {
  WEFT_ASSIGN_OR_RETURN(const std::string text, Decompress(path));
  absl::TimeZone london;
  if (!absl::LoadTimeZone("Europe/London", &london)) return Unreadable("no time zone data");
  std::vector<InvoiceLine> lines;
  lines.reserve(550'000);
  absl::string_view rest = text;
  bool header = true;
  std::string last_time_text;
  absl::Time last_time;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    absl::string_view row = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    if (header || row.empty()) {
      header = false;
      continue;
    }
    InvoiceLine line;
    line.invoice = TakeField(row);
    line.sku = absl::AsciiStrToUpper(TakeField(row));
    line.description = std::string(absl::StripAsciiWhitespace(TakeField(row)));
    if (!absl::SimpleAtoi(TakeField(row), &line.quantity)) return Unreadable("a quantity");
    const std::string time_text = TakeField(row);
    if (time_text != last_time_text) {
      absl::CivilMinute minute;
      if (!absl::ParseCivilTime(time_text, &minute)) return Unreadable("a date");
      last_time = absl::FromCivil(absl::CivilSecond(minute), london);
      last_time_text = time_text;
    }
    line.time = last_time;
    if (!ParseMilli(TakeField(row), line.price_milli)) return Unreadable("a price");
    line.account = TakeField(row);
    line.country = TakeField(row);
    lines.push_back(std::move(line));
  }
  return lines;
}

bool IsGoods(const std::string& sku) {
  if (sku.size() < 5) return false;
  for (size_t i = 0; i < 5; ++i) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(sku[i]))) return false;
  }
  return true;
}

}  // namespace weft::demo
