#include "services/pricing/service.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "services/pricing/convert.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/domain/decision_id.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/domain/ladder.h"
#include "services/pricing/line_bytes.h"
#include "services/pricing/look_ahead.h"
#include "services/pricing/past.h"
#include "services/pricing/state.h"

namespace weft::pricing {
namespace {

constexpr char kService[] = "weft.pricing.v1.PricingService/";
constexpr char kNoPosition[] = "";

// 0001-01-01 and 10000-01-01, as Timestamp has them.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kEndSecond = 253'402'300'800;

absl::Status ReadTime(const google::protobuf::Timestamp& time, const char* field, int64_t& us) {
  if (time.seconds() < kFirstSecond || time.seconds() >= kEndSecond || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return InvalidArgument("TIME_INVALID", absl::StrCat(field, " is no moment"),
                           {{"field", field}});
  }
  us = MicrosOf(time);
  return absl::OkStatus();
}

bool Allows(const std::set<std::string>& names, const std::string& name) {
  return names.count(name) > 0 || names.count("*") > 0;
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

int UnitNumber(const LineAnswer& answer) {
  if (answer.unit == answer.item->base_unit) return 0;
  for (size_t i = 0; i < answer.item->units.size(); ++i) {
    if (answer.item->units[i].unit == answer.unit) return static_cast<int>(i) + 1;
  }
  return 0;
}

LineQuestion QuestionOf(const v1::PriceRequestLine& line) {
  return LineQuestion{.sku = line.sku(),
                      .customer_sku = line.customer_sku(),
                      .quantity = line.quantity().value(),
                      .unit = line.quantity().unit()};
}

// Maps have no order on the wire unless they are told to: equal answers are equal
// bytes.
bool AppendDeterministic(const google::protobuf::MessageLite& message, std::string& out) {
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  return message.SerializeToCodedStream(&coded);
}

// As an element of field 1 of CalculatePricesResponse.
void AppendLine(const v1::PriceLine& line, std::string& out) {
  std::string bytes;
  AppendDeterministic(line, bytes);
  out.push_back(1 << 3 | 2);
  for (size_t size = bytes.size(); ; size >>= 7) {
    if (size < 0x80) {
      out.push_back(static_cast<char>(size));
      break;
    }
    out.push_back(static_cast<char>(size | 0x80));
  }
  out.append(bytes);
}

void AddListPrice(PriceFinder& finder, const LineAnswer& answer, Currency currency,
                  v1::PriceLine& line) {
  Priced list;
  Decimal shown;
  if (finder.FindListPrice(answer, list) &&
      ShownUnitPrice(list.price, list.numerator, list.denominator, currency, shown) ==
          DecimalError::kOk) {
    SetMoney(shown, currency, *line.mutable_list_price());
  }
}

void AddTiers(const Facts& facts, PriceFinder& finder, const LineAnswer& answer,
              Currency currency, v1::PriceLine& line) {
  const std::vector<LadderStep> ladder = BuildLadder(finder, answer);
  SetLadder(ladder, currency, line);
  TierHint hint;
  if (answer.reason == LineReason::kNone && HintOf(ladder, answer, currency, hint)) {
    SetHint(facts, answer, hint, currency, *line.mutable_next_tier());
  }
}

absl::Status DecisionNotFound() {
  return NotFound("DECISION_NOT_FOUND",
                  "no such decision; an id is valid for the account it was shown to");
}

}  // namespace

// What all lines of a request share.
struct Service::Ask {
  absl::string_view tenant;
  std::string account;
  std::string channel;
  absl::string_view currency;
  int64_t as_of_us = 0;
  bool past = false;
  int64_t known_us = kForEver;
  Stamp channel_number = 0;
};

Service::Service(Settings settings, FactMemory& memory, engine::Shards& shards,
                 const Clock& clock, absl::string_view mac_key)
    : settings_(std::move(settings)), memory_(memory), shards_(shards), clock_(clock) {
  const Sha256Digest digest = HmacSha256(mac_key, "weft.pricing decision id 1");
  for (int i = 0; i < 8; ++i) {
    key_.k0 = key_.k0 << 8 | digest[i];
    key_.k1 = key_.k1 << 8 | digest[8 + i];
  }
}

template <typename Request>
absl::Status Service::ReadAsk(const Principal& principal, const Request& request,
                              Ask& ask) const {
  ask.tenant = principal.tenant;
  WEFT_ASSIGN_OR_RETURN(ask.account, ActingAccount(principal, request.account()));
  WEFT_ASSIGN_OR_RETURN(ask.channel, ActingChannel(principal, request.channel()));
  ask.currency = request.currency_code();
  if (request.has_as_of()) {
    WEFT_RETURN_IF_ERROR(ReadTime(request.as_of(), "as_of", ask.as_of_us));
  } else {
    ask.as_of_us = absl::ToUnixMicros(clock_.Wall());
  }
  if (request.has_known_at()) {
    ask.past = true;
    WEFT_RETURN_IF_ERROR(ReadTime(request.known_at(), "known_at", ask.known_us));
  }
  return absl::OkStatus();
}

absl::Status Service::Describe(const Facts& facts, const Principal& principal, const Ask& ask,
                               Buyer& buyer) const {
  WEFT_RETURN_IF_ERROR(DescribeBuyer(facts,
                                     {.account = ask.account,
                                      .channel = ask.channel,
                                      .currency = ask.currency,
                                      .as_of_us = ask.as_of_us},
                                     buyer));
  // Staff of one organisation do not see another's accounts.
  if (buyer.account != nullptr && principal.account.empty() && !principal.organisations.empty() &&
      !Allows(principal.organisations, std::string(facts.Text(buyer.account->organisation)))) {
    return NotFound("ACCOUNT_NOT_FOUND", absl::StrCat("no account '", ask.account, "'"),
                    {{"account", ask.account}});
  }
  return absl::OkStatus();
}

Decision Service::MakeDecision(const Ask& ask, const Buyer& buyer, const LineAnswer& answer,
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
          .channel = ask.channel};
}

absl::Status Service::Calculate(const Principal& principal,
                                const v1::CalculatePricesRequest& request, std::string& out) {
  Ask ask;
  WEFT_RETURN_IF_ERROR(ReadAsk(principal, request, ask));
  if (request.lines().empty()) {
    return InvalidArgument("LINES_REQUIRED", "ask for at least one line", {{"field", "lines"}});
  }
  const int limit = ask.past ? std::min(settings_.max_lines, kMaxPastLines) : settings_.max_lines;
  if (request.lines_size() > limit) {
    return InvalidArgument("TOO_MANY_LINES",
                           absl::StrCat(request.lines_size(), " lines; a call takes at most ",
                                        limit, ", split the request"),
                           {{"field", "lines"}});
  }
  bool list_price = false, tiers = false, rules = false;
  for (const int include : request.include()) {
    switch (include) {
      case v1::INCLUDE_LIST_PRICE: list_price = true; break;
      case v1::INCLUDE_TIERS: tiers = true; break;
      case v1::INCLUDE_QUANTITY_RULES: rules = true; break;
      default:
        return InvalidArgument("INCLUDE_UNKNOWN",
                               absl::StrCat("include ", include, " is not known"),
                               {{"field", "include"}});
    }
  }

  const FactMemory::Snapshot now(memory_, principal.tenant);
  ask.channel_number = now.ChannelNumber(ask.channel);
  std::unique_ptr<engine::View> rows;
  std::unique_ptr<PastFacts> past;
  if (ask.past) {
    WEFT_ASSIGN_OR_RETURN(rows, shards_.Read(principal.tenant));
    past = std::make_unique<PastFacts>(*rows, Moment{.known_us = ask.known_us});
  }
  const Facts& facts = ask.past ? static_cast<const Facts&>(*past) : now;
  const auto position = [&] { return ask.past ? past->position() : now.position(); };

  LineReason for_all = LineReason::kNone;
  Buyer buyer;
  if (ask.account.empty() && settings_.LoginRequired(ask.channel)) {
    for_all = LineReason::kLoginRequired;
  } else if (!now.head().loaded()) {
    for_all = LineReason::kNotLoaded;
  }
  if (for_all == LineReason::kNone) {
    WEFT_RETURN_IF_ERROR(Describe(facts, principal, ask, buyer));
  } else {
    buyer.currency = Currency::Find(ask.currency);
  }

  // Lines are field 1: they come first, written one by one, then what is left.
  const std::string epoch = PositionText(now.position());
  const bool plain = !list_price && !tiers && !rules && !ask.past;
  const LineFrame frame{.tenant = ask.tenant,
                        .epoch = epoch,
                        .currency = buyer.currency.code(),
                        .key = &key_};
  out.reserve(out.size() + static_cast<size_t>(request.lines_size()) * 192 + 128);
  std::optional<LookAhead> ahead;
  if (plain && for_all == LineReason::kNone) ahead.emplace(now, buyer, request.lines());
  PriceFinder finder(facts, buyer);
  LineAnswer answer;
  v1::PriceLine message;
  Decimal total;
  bool complete = true;
  for (int i = 0; i < request.lines_size(); ++i) {
    LineQuestion question = QuestionOf(request.lines(i));
    if (ahead.has_value()) question.sku_symbol = ahead->At(i);
    if (for_all != LineReason::kNone) {
      answer.reason = for_all;
    } else {
      finder.Find(question, tiers ? Depth::kAll : Depth::kWinner, answer);
    }
    const bool priced = answer.reason == LineReason::kNone;
    complete = complete && priced && AddInto(total, answer.net, total) == DecimalError::kOk;
    if (plain && priced &&
        AppendPricedLine(facts, frame, question, answer, MakeDecision(ask, buyer, answer, position()),
                         out)) {
      continue;
    }
    message.Clear();
    SetLine(facts, question, answer, buyer.currency, message);
    message.set_epoch(epoch);
    if (priced) {
      AppendDecisionId(key_, ask.tenant, MakeDecision(ask, buyer, answer, position()),
                       *message.mutable_decision_id());
    }
    if (rules && answer.item != nullptr) {
      SetQuantityRules(facts, *answer.item, *message.mutable_quantity_rules());
    }
    // Of a question that has no sense by itself there is no more to say.
    if (priced || answer.reason >= LineReason::kAmountTooLarge) {
      if (list_price) AddListPrice(finder, answer, buyer.currency, message);
      if (tiers) AddTiers(facts, finder, answer, buyer.currency, message);
    }
    AppendLine(message, out);
  }
  if (ask.past) WEFT_RETURN_IF_ERROR(past->status());

  v1::CalculatePricesResponse rest;
  rest.set_account(ask.account);
  rest.set_channel(ask.channel);
  buyer.currency.AppendTo(*rest.mutable_currency_code());
  if (complete) SetMoney(total, buyer.currency, *rest.mutable_total());
  if (buyer.account != nullptr && buyer.account->tax_class != Symbol::kNone) {
    rest.set_account_tax_class(std::string(facts.Text(buyer.account->tax_class)));
  }
  common::v1::Freshness& freshness = *rest.mutable_freshness();
  freshness.set_position(ask.past ? PositionText(position()) : epoch);
  SetTime(ask.as_of_us, *freshness.mutable_as_of());
  if (now.head().source_us != 0) SetTime(now.head().source_us, *freshness.mutable_source_time());
  if (!rest.AppendToString(&out)) return Internal("the answer does not serialise");
  return absl::OkStatus();
}

void Service::ExplainLine(const Facts& facts, const Principal& principal, const Ask& ask,
                          const Buyer& buyer, const LineQuestion& question, Stamp position,
                          const std::string& epoch, v1::PriceExplanation& response) const {
  PriceFinder finder(facts, buyer);
  LineAnswer answer;
  finder.Find(question, Depth::kAll, answer);
  v1::PriceLine& line = *response.mutable_line();
  SetLine(facts, question, answer, buyer.currency, line);
  line.set_epoch(epoch);
  if (answer.reason == LineReason::kNone) {
    AppendDecisionId(key_, ask.tenant, MakeDecision(ask, buyer, answer, position),
                     *line.mutable_decision_id());
    TierHint hint;
    if (HintOf(BuildLadder(finder, answer), answer, buyer.currency, hint)) {
      SetHint(facts, answer, hint, buyer.currency, *line.mutable_next_tier());
    }
  }
  View view;
  view.staff = principal.IsStaff();
  view.cost = view.staff && principal.May("see-cost");
  SetExplanation(facts, buyer, answer, view, response);
  response.set_account(ask.account);
  response.set_channel(ask.channel);
  response.set_currency_code(buyer.currency.code());
  response.set_engine_release(kEngineRelease);
  if (buyer.account != nullptr) {
    response.set_organisation(std::string(facts.Text(buyer.account->organisation)));
    response.set_branch(std::string(facts.Text(buyer.account->branch)));
  }
  SetTime(buyer.as_of_us, *response.mutable_freshness()->mutable_as_of());
}

absl::Status Service::Explain(const Principal& principal, const v1::ExplainPriceRequest& request,
                              v1::PriceExplanation& response) {
  Ask ask;
  WEFT_RETURN_IF_ERROR(ReadAsk(principal, request, ask));
  const FactMemory::Snapshot now(memory_, principal.tenant);
  ask.channel_number = now.ChannelNumber(ask.channel);
  const LineQuestion question = QuestionOf(request.line());
  const std::string epoch = PositionText(now.position());

  LineReason for_all = LineReason::kNone;
  if (ask.account.empty() && settings_.LoginRequired(ask.channel)) {
    for_all = LineReason::kLoginRequired;
  } else if (!now.head().loaded()) {
    for_all = LineReason::kNotLoaded;
  }
  Buyer buyer;
  if (for_all != LineReason::kNone) {
    LineAnswer answer;
    answer.reason = for_all;
    SetLine(now, question, answer, Currency::Find(ask.currency), *response.mutable_line());
    response.set_account(ask.account);
    response.set_channel(ask.channel);
    return absl::OkStatus();
  }
  if (ask.past) {
    WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<engine::View> rows,
                          shards_.Read(principal.tenant));
    const PastFacts past(*rows, Moment{.known_us = ask.known_us});
    WEFT_RETURN_IF_ERROR(Describe(past, principal, ask, buyer));
    // Once to read what the line needs, so that its position is known.
    PriceFinder finder(past, buyer);
    LineAnswer answer;
    finder.Find(question, Depth::kAll, answer);
    ExplainLine(past, principal, ask, buyer, question, past.position(), epoch, response);
    response.mutable_freshness()->set_position(PositionText(past.position()));
    return past.status();
  }
  WEFT_RETURN_IF_ERROR(Describe(now, principal, ask, buyer));
  ExplainLine(now, principal, ask, buyer, question, now.position(), epoch, response);
  response.mutable_freshness()->set_position(epoch);
  if (now.head().source_us != 0) {
    SetTime(now.head().source_us, *response.mutable_freshness()->mutable_source_time());
  }
  return absl::OkStatus();
}

absl::Status Service::GetDecision(const Principal& principal, const v1::GetDecisionRequest& request,
                               v1::PriceExplanation& response) {
  std::string bytes;
  const std::optional<Decision> decision =
      ReadDecisionId(key_, principal.tenant, request.id(), bytes);
  if (!decision.has_value()) return DecisionNotFound();
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<engine::View> rows, shards_.Read(principal.tenant));
  const auto name_of = [&](char kind, Stamp number) -> absl::StatusOr<std::string> {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::NumberedName> name,
                          rows->Find(kNumbers, NumberKey(kind, number)));
    return name.has_value() ? name->name() : std::string();
  };

  // Whose it is comes first: what else is wrong with it is no one else's business.
  Ask ask;
  ask.tenant = principal.tenant;
  if (decision->account != 0) {
    WEFT_ASSIGN_OR_RETURN(ask.account, name_of('a', decision->account));
    if (!ask.account.empty() && !ActingAccount(principal, ask.account).ok()) {
      return DecisionNotFound();
    }
  }
  if (decision->release != kEngineRelease) {
    return FailedPrecondition(
        "ENGINE_GONE", absl::StrCat("it was computed by rules ", decision->release,
                                    "; this release has rules ", kEngineRelease, " only"),
        {{"engine_release", absl::StrCat(decision->release)}});
  }
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::HistoryRow> info, rows->Find(kInfo, kNoPosition));
  if (info.has_value() && decision->position < static_cast<Stamp>(info->floor())) {
    return FailedPrecondition("HISTORY_GONE",
                              absl::StrCat("the facts of position ",
                                           PositionText(decision->position),
                                           " are no longer complete"),
                              {{"position", PositionText(decision->position)}});
  }
  const FactMemory::Snapshot now(memory_, principal.tenant);
  if (decision->position > now.position()) {
    return Unavailable("NOT_YET_APPLIED", "this replica has not yet applied what it depends on");
  }

  const PastFacts past(*rows, Moment{.position = decision->position});
  WEFT_ASSIGN_OR_RETURN(const std::string sku, name_of('i', decision->item));
  const Item* item = past.FindItem(past.Find(SymbolKind::kSku, sku));
  if (item == nullptr || (decision->account != 0 && ask.account.empty())) {
    return FailedPrecondition("HISTORY_GONE", "the item or account of it is no longer known",
                              {{"position", PositionText(decision->position)}});
  }
  ask.channel_number = decision->channel_number;
  if (decision->channel_number != 0) {
    WEFT_ASSIGN_OR_RETURN(ask.channel, name_of('h', decision->channel_number));
  } else {
    ask.channel = std::string(decision->channel);
  }
  const std::string currency = decision->currency.code();
  ask.currency = currency;
  ask.as_of_us = decision->as_of_us;
  Buyer buyer;
  if (const absl::Status status = Describe(past, principal, ask, buyer); !status.ok()) {
    return absl::IsNotFound(status) ? DecisionNotFound() : status;
  }
  const size_t unit = static_cast<size_t>(decision->unit);
  const Symbol unit_symbol = unit == 0                      ? item->base_unit
                             : unit <= item->units.size() ? item->units[unit - 1].unit
                                                            : Symbol::kNone;
  const std::string quantity = decision->quantity.ToString();
  ExplainLine(past, principal, ask, buyer,
              {.sku = sku, .quantity = quantity, .unit = past.Text(unit_symbol)},
              decision->position, PositionText(decision->position), response);
  response.mutable_freshness()->set_position(PositionText(decision->position));
  return past.status();
}

namespace {

// Runs `answer` once the request's `after` is applied here; everything of the call
// lives on one arena.
template <typename Request, typename Answer>
void Register(rpc::MethodRegistry& methods, engine::Shards& shards, const char* name,
              Answer answer) {
  methods.RegisterUnary(
      absl::StrCat(kService, name),
      [&shards, answer](const rpc::CallContext& context, std::string bytes, rpc::RawReply reply) {
        // Waits for nothing the second time.
        const auto run = [answer](const Principal& principal, const std::string& in,
                                  std::string& after) -> absl::StatusOr<std::string> {
          char block[8 << 10];
          google::protobuf::ArenaOptions options;
          options.initial_block = block;
          options.initial_block_size = sizeof(block);
          google::protobuf::Arena arena(options);
          auto* request = google::protobuf::Arena::CreateMessage<Request>(&arena);
          if (!request->ParseFromString(in)) {
            return InvalidArgument("REQUEST_UNREADABLE", "the request message does not parse");
          }
          if (!request->after().empty() && after.empty()) {
            after = request->after();
            return std::string();
          }
          std::string out;
          WEFT_RETURN_IF_ERROR(answer(principal, *request, out));
          return out;
        };
        std::string after;
        absl::StatusOr<std::string> result = run(context.principal, bytes, after);
        if (after.empty()) return reply(std::move(result), {});
        const absl::StatusOr<engine::Token> token = engine::Token::FromText(after);
        if (!token.ok()) return reply(token.status(), {});
        shards.WaitFor(context.principal.tenant, *token, context.Remaining(),
                       [run, principal = context.principal, bytes = std::move(bytes), after,
                        reply](absl::Status status) mutable {
                         if (!status.ok()) return reply(std::move(status), {});
                         reply(run(principal, bytes, after), {});
                       });
      });
}

}  // namespace

void Service::Bind(rpc::MethodRegistry& methods) {
  Register<v1::CalculatePricesRequest>(
      methods, shards_, "CalculatePrices",
      [this](const Principal& principal, const v1::CalculatePricesRequest& request,
             std::string& out) { return Calculate(principal, request, out); });
  const auto explained = [](absl::Status status, const v1::PriceExplanation& told,
                            std::string& out) {
    WEFT_RETURN_IF_ERROR(status);
    return AppendDeterministic(told, out) ? absl::OkStatus()
                                          : Internal("the answer does not serialise");
  };
  Register<v1::ExplainPriceRequest>(
      methods, shards_, "ExplainPrice",
      [this, explained](const Principal& principal, const v1::ExplainPriceRequest& request,
                        std::string& out) {
        v1::PriceExplanation told;
        return explained(Explain(principal, request, told), told, out);
      });
  Register<v1::GetDecisionRequest>(
      methods, shards_, "GetDecision",
      [this, explained](const Principal& principal, const v1::GetDecisionRequest& request,
                        std::string& out) {
        v1::PriceExplanation told;
        return explained(GetDecision(principal, request, told), told, out);
      });
}

}  // namespace weft::pricing
