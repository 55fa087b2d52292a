#include "services/pricing/asking.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "libs/base/error.h"
#include "services/pricing/convert.h"

namespace weft::pricing {
namespace {

// 0001-01-01 and 10000-01-01, as Timestamp has them.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kEndSecond = 253'402'300'800;

bool Allows(const std::set<std::string>& names, const std::string& name) {
  return names.count(name) > 0 || names.count("*") > 0;
}

int UnitNumber(const LineAnswer& answer) {
  if (answer.unit == answer.item->base_unit) return 0;
  for (size_t i = 0; i < answer.item->units.size(); ++i) {
    if (answer.item->units[i].unit == answer.unit) return static_cast<int>(i) + 1;
  }
  return 0;
}

}  // namespace

absl::Status ReadTime(const google::protobuf::Timestamp& time, const char* field, int64_t& us) {
  if (time.seconds() < kFirstSecond || time.seconds() >= kEndSecond || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return InvalidArgument("TIME_INVALID", absl::StrCat(field, " is no moment"),
                           {{"field", field}});
  }
  us = MicrosOf(time);
  return absl::OkStatus();
}

absl::Status TooManyCoupons(int coupons) {
  return InvalidArgument("TOO_MANY_COUPONS",
                         absl::StrCat(coupons, " coupons; a request takes at most ", kCouponsMax,
                                      ", leave out those that are not for it"),
                         {{"field", "coupons"}});
}

absl::StatusOr<std::string> ActingChannel(const Principal& principal, const std::string& named) {
  if (named.empty()) return principal.channel;
  if (named == principal.channel || Allows(principal.channels, named) ||
      principal.Has("service")) {
    return named;
  }
  return NotFound("CHANNEL_NOT_FOUND",
                  absl::StrCat("channel '", named.substr(0, 60),
                               "' is not known; name one your token allows"),
                  {{"channel", named.substr(0, 60)}});
}

absl::Status Describe(const Facts& facts, const Principal& principal, const Ask& ask,
                      Buyer& buyer) {
  WEFT_RETURN_IF_ERROR(DescribeBuyer(facts,
                                     {.account = ask.account,
                                      .channel = ask.channel,
                                      .currency = ask.currency,
                                      .as_of_us = ask.as_of_us,
                                      .project = ask.project,
                                      .ship_to = ask.ship_to},
                                     buyer));
  buyer.coupons = ask.coupons;
  // Staff of one organisation do not see another's accounts.
  if (buyer.account != nullptr && principal.account.empty() && !principal.organisations.empty() &&
      !Allows(principal.organisations, std::string(facts.Text(buyer.account->organisation)))) {
    return NotFound("ACCOUNT_NOT_FOUND", absl::StrCat("no account '", ask.account, "'"),
                    {{"account", ask.account}});
  }
  return absl::OkStatus();
}

LineQuestion QuestionOf(const v1::PriceRequestLine& line) {
  return LineQuestion{.sku = line.sku(),
                      .customer_sku = line.customer_sku(),
                      .quantity = line.quantity().value(),
                      .unit = line.quantity().unit()};
}

Decision MakeDecision(const Ask& ask, const Buyer& buyer, const LineAnswer& answer,
                      Stamp position) {
  return {.release = kEngineRelease,
          .account = buyer.account == nullptr ? 0 : buyer.account->number,
          .item = answer.item->number,
          .currency = buyer.currency,
          .quantity = answer.quantity,
          .unit = UnitNumber(answer),
          .as_of_us = buyer.as_of_us,
          .position = position,
          .channel_number = ask.channel_number,
          .channel = ask.channel,
          .request_hash = answer.reads_request ? ask.request_hash : 0};
}

uint32_t RequestHash(const SipKey& key, const Ask& ask,
                     const google::protobuf::RepeatedPtrField<v1::PriceRequestLine>& lines) {
  std::string text;
  const auto add = [&](absl::string_view part) {
    absl::StrAppend(&text, part.size(), ":", part);
  };
  add(ask.project);
  add(ask.ship_to);
  for (const std::string& coupon : ask.coupons) add(coupon);
  for (const v1::PriceRequestLine& line : lines) {
    add(line.sku());
    add(line.customer_sku());
    add(line.quantity().value());
    add(line.quantity().unit());
  }
  return static_cast<uint32_t>(SipHash(key, text)) | 1;
}

bool AppendDeterministic(const google::protobuf::MessageLite& message, std::string& out) {
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  return message.SerializeToCodedStream(&coded);
}

}  // namespace weft::pricing
