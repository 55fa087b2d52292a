// Quotes: drafted and priced, sent, then accepted, declined or run out of time.
#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "services/approval/app.h"
#include "services/approval/app_common.h"
#include "services/approval/domain/quote_state.h"
#include "services/approval/tasks.h"

namespace weft::approval::app {
namespace {

constexpr absl::Duration kQuoteTimeMax = absl::Hours(24 * 366);

absl::StatusOr<v1::Quote> LoadQuote(const engine::Turn& turn, const std::string& name) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::Quote> quote,
                        turn.Find(kQuotes, IdOf(name, "quotes")));
  if (!quote.has_value() || !MaySee(turn.principal(), quote->account())) {
    return NotFound("QUOTE_NOT_FOUND", absl::StrCat("there is no quote ", name),
                    {{"quote", name}});
  }
  return *std::move(quote);
}

// Stores the next revision; earlier ones stay readable.
void Store(engine::Turn& turn, const std::string& id, v1::Quote& quote) {
  quote.set_revision(quote.revision() + 1);
  quote.set_etag(EtagOf(quote.revision()));
  *quote.mutable_update_time() = ToProto(turn.now());
  turn.Put(kQuotes, id, quote);
  turn.Put(kQuoteRevisions, PairKey(id, quote.revision()), quote);
}

absl::Status Move(engine::Turn& turn, v1::Quote& quote, QuoteState to, AuditNote note) {
  if (!CanMove(static_cast<QuoteState>(quote.state()), to)) {
    const char* state = QuoteStateName(static_cast<QuoteState>(quote.state()));
    return FailedPrecondition("QUOTE_STATE",
                              absl::StrCat(quote.name(), " is ", state, " and cannot become ",
                                           QuoteStateName(to)),
                              {{"state", state}});
  }
  quote.set_state(static_cast<v1::QuoteState>(to));
  note.subject = quote.name();
  note.subject_revision = quote.revision() + 1;
  return Audit(turn, note);
}

absl::Status Priced(const engine::TaskResult& result, engine::Turn& turn) {
  const std::string id = IdOfTask(result.key);
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::Quote> quote, turn.Find(kQuotes, id));
  if (!quote.has_value() || quote->state() != v1::QUOTE_STATE_PRICING) return absl::OkStatus();
  const absl::StatusOr<std::vector<PricedLine>> priced = ReadPrices(result, quote->lines_size());
  quote->clear_reason();
  if (!priced.ok()) {
    const std::string reason = ReasonOf(priced.status());
    quote->mutable_reason()->set_reason(reason.empty() ? "PRICE_CHECK_FAILED" : reason);
    quote->mutable_reason()->set_message(std::string(priced.status().message()));
  } else {
    StorePrices(*priced, *quote->mutable_lines());
    // A quote is made from what holds now: nothing was expected before.
    const std::optional<Ending> refusal =
        CheckPrices(*priced, std::vector<Expected>(priced->size()));
    const absl::StatusOr<Money> total =
        TotalOf(quote->lines(), quote->charges(), quote->currency_code());
    if (refusal.has_value()) {
      *quote->mutable_reason() = ToProto(*refusal);
    } else if (total.ok()) {
      *quote->mutable_total() = ToProto(*total);
    } else {
      quote->mutable_reason()->set_reason("PRICE_CHECK_FAILED");
      quote->mutable_reason()->set_message(std::string(total.status().message()));
    }
  }
  WEFT_RETURN_IF_ERROR(Move(turn, *quote, QuoteState::kDraft,
                            {.action = "quote.priced",
                             .detail = quote->reason().reason(),
                             .actor = "room"}));
  Store(turn, id, *quote);
  return absl::OkStatus();
}

absl::Status Expire(const engine::TimerFired& timer, engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::Quote> quote, turn.Find(kQuotes, timer.key));
  if (!quote.has_value() || quote->state() != v1::QUOTE_STATE_SENT) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(Move(turn, *quote, QuoteState::kExpired,
                            {.action = "quote.expired", .actor = "room"}));
  Store(turn, timer.key, *quote);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Quote> CreateQuote(const Settings& /*settings*/,
                                      const v1::CreateQuoteRequest& request,
                                      engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckText("buyerReference", request.buyer_reference(), 100));
  WEFT_RETURN_IF_ERROR(CheckText("notes", request.notes(), 2000));
  WEFT_RETURN_IF_ERROR(CheckText("priceLock", request.price_lock(), kMaxPriceLock));
  WEFT_RETURN_IF_ERROR(CheckText("shipTo", request.ship_to().ShortDebugString(), 2000));
  WEFT_RETURN_IF_ERROR(CheckDate("requestedDate", request.requested_date()));
  WEFT_ASSIGN_OR_RETURN(const Buyer buyer,
                        ResolveBuyer(turn, request.account(), request.user(), request.channel(),
                                     request.currency_code()));
  WEFT_RETURN_IF_ERROR(CheckLines(request.lines(), buyer.currency_code));
  WEFT_RETURN_IF_ERROR(CheckCharges(request.charges(), buyer.currency_code));

  const std::string id = turn.NewId("quote");
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::Quote> known, turn.Find(kQuotes, id));
  if (known.has_value()) return *std::move(known);  // Creating is safe for life.

  v1::Quote quote;
  quote.set_name(absl::StrCat("quotes/", id));
  quote.set_state(v1::QUOTE_STATE_PRICING);
  *quote.mutable_create_time() = ToProto(turn.now());
  quote.set_account(buyer.account);
  quote.set_user(buyer.user);
  quote.set_channel(buyer.channel);
  quote.set_currency_code(buyer.currency_code);
  quote.set_terms(buyer.facts.terms());
  int number = 0;
  for (const v1::NewLine& line : request.lines()) *quote.add_lines() = ToLine(line, ++number);
  *quote.mutable_charges() = request.charges();
  quote.set_buyer_reference(request.buyer_reference());
  if (request.has_ship_to()) *quote.mutable_ship_to() = request.ship_to();
  quote.set_requested_date(request.requested_date());
  quote.set_notes(request.notes());

  v1::RefRow ref;
  ref.set_id(id);
  turn.Put(kQuotesByAccount, AccountNewestFirstKey(quote.account(), turn.now(), id), ref);
  turn.Put(kQuotesByTime, NewestFirstKey(turn.now(), id), ref);
  turn.StartTask(PriceTask(kQuotePriceTask, id,
                           {.account = quote.account(),
                            .user = quote.user(),
                            .channel = quote.channel(),
                            .currency_code = quote.currency_code(),
                            .as_of = turn.now(),
                            .price_lock = request.price_lock(),
                            .lines = &quote.lines()}));
  WEFT_RETURN_IF_ERROR(Audit(turn, {.action = "quote.created",
                                    .subject = quote.name(),
                                    .subject_revision = 1,
                                    .on_behalf_of = quote.user()}));
  Store(turn, id, quote);
  return quote;
}

absl::StatusOr<v1::Quote> SendQuote(const Settings& settings, const v1::SendQuoteRequest& request,
                                    engine::Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(v1::Quote quote, LoadQuote(turn, request.name()));
  if (quote.state() == v1::QUOTE_STATE_DRAFT && !quote.has_total()) {
    return FailedPrecondition(
        "QUOTE_NOT_PRICED",
        absl::StrCat(quote.name(), " has a line without a price; make a new quote without it"),
        {{"cause", quote.reason().reason()}});
  }
  WEFT_RETURN_IF_ERROR(Move(turn, quote, QuoteState::kSent,
                            {.action = "quote.sent", .on_behalf_of = quote.user()}));
  WEFT_RETURN_IF_ERROR(CheckEtag(request.etag(), quote.etag()));
  absl::Time expire;
  if (request.has_expire_time()) {
    expire = FromProto(request.expire_time());
    if (expire <= turn.now() || expire > turn.now() + kQuoteTimeMax) {
      return InvalidArgument("FIELD_INVALID", "expireTime must be within the next 366 days",
                             {{"field", "expireTime"}});
    }
  } else {
    WEFT_ASSIGN_OR_RETURN(const PolicyTerms terms, TermsFor(turn, settings, quote.account()));
    expire = turn.now() + terms.quote_time;
  }
  *quote.mutable_expire_time() = ToProto(expire);
  const std::string id = IdOf(quote.name(), "quotes");
  turn.SetTimer(kQuoteExpiry, id, expire);
  Store(turn, id, quote);
  return quote;
}

absl::StatusOr<v1::Quote> AcceptQuote(const Settings& settings,
                                      const v1::AcceptQuoteRequest& request,
                                      engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckText("externalOrderId", request.external_order_id(), 100));
  WEFT_RETURN_IF_ERROR(CheckText("buyerReference", request.buyer_reference(), 100));
  WEFT_RETURN_IF_ERROR(CheckText("paymentReference", request.payment_reference(), 200));
  WEFT_ASSIGN_OR_RETURN(v1::Quote quote, LoadQuote(turn, request.name()));
  if (quote.state() == v1::QUOTE_STATE_SENT && FromProto(quote.expire_time()) <= turn.now()) {
    return FailedPrecondition("QUOTE_EXPIRED",
                              absl::StrCat(quote.name(), " could be accepted until ",
                                           absl::FormatTime(FromProto(quote.expire_time()),
                                                            absl::UTCTimeZone()),
                                           "; ask for a new one"));
  }
  WEFT_ASSIGN_OR_RETURN(const std::string user, ActingUser(turn.principal(), request.user()));
  const std::string id = IdOf(quote.name(), "quotes");
  const std::string etag = quote.etag();
  WEFT_RETURN_IF_ERROR(Move(turn, quote, QuoteState::kAccepted,
                            {.action = "quote.accepted", .on_behalf_of = quote.user()}));
  WEFT_RETURN_IF_ERROR(CheckEtag(request.etag(), etag));

  OrderWork work;
  work.id = DeriveId(turn.tenant(), "order-of-quote", id);
  v1::Order& order = *work.row.mutable_order();
  order.set_channel(quote.channel());
  order.set_external_order_id(
      request.external_order_id().empty() ? id : request.external_order_id());
  WEFT_ASSIGN_OR_RETURN(
      const std::optional<v1::ExternalIdRow> known,
      turn.Find(kExternalIds, PairKey(order.channel(), order.external_order_id())));
  if (known.has_value()) {
    return InvalidArgument("ORDER_ID_REUSED",
                           absl::StrCat("channel ", order.channel(), " has an order ",
                                        order.external_order_id(), " already"),
                           {{"channel", order.channel()},
                            {"external_order_id", order.external_order_id()}});
  }
  order.set_account(quote.account());
  order.set_user(user.empty() ? quote.user() : user);
  order.set_currency_code(quote.currency_code());
  *order.mutable_lines() = quote.lines();
  for (v1::OrderLine& line : *order.mutable_lines()) {
    // The frozen prices hold, whatever pricing would say today.
    line.clear_expected_unit_price();
    line.clear_expected_net();
  }
  *order.mutable_charges() = quote.charges();
  order.set_buyer_reference(request.buyer_reference().empty() ? quote.buyer_reference()
                                                              : request.buyer_reference());
  if (quote.has_ship_to()) *order.mutable_ship_to() = quote.ship_to();
  order.set_requested_date(quote.requested_date());
  order.set_terms(quote.terms());
  order.set_notes(quote.notes());
  order.set_payment_reference(request.payment_reference());
  order.set_partial_delivery(request.partial_delivery());
  order.set_quote(quote.name());
  WEFT_RETURN_IF_ERROR(
      InsertOrder(turn, work, Hex(Sha256(absl::StrCat("quote ", quote.name())))));
  WEFT_RETURN_IF_ERROR(CheckAndAdvance(settings, turn, work));

  quote.set_order(order.name());
  turn.CancelTimer(kQuoteExpiry, id);
  Store(turn, id, quote);
  return quote;
}

absl::StatusOr<v1::Quote> DeclineQuote(const Settings& /*settings*/,
                                       const v1::DeclineQuoteRequest& request,
                                       engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(CheckText("reason", request.reason(), 500));
  WEFT_ASSIGN_OR_RETURN(v1::Quote quote, LoadQuote(turn, request.name()));
  const std::string id = IdOf(quote.name(), "quotes");
  const std::string etag = quote.etag();
  WEFT_RETURN_IF_ERROR(Move(turn, quote, QuoteState::kDeclined,
                            {.action = "quote.declined",
                             .on_behalf_of = quote.user(),
                             .detail = request.reason()}));
  WEFT_RETURN_IF_ERROR(CheckEtag(request.etag(), etag));
  quote.mutable_reason()->set_reason("DECLINED");
  quote.mutable_reason()->set_message(request.reason());
  turn.CancelTimer(kQuoteExpiry, id);
  Store(turn, id, quote);
  return quote;
}

void OnQuotePrices(const Settings& /*settings*/, const engine::TaskResult& result,
                   engine::Turn& turn) {
  WEFT_CHECK_OK(Priced(result, turn));
}

void OnQuoteExpiry(const Settings& /*settings*/, const engine::TimerFired& timer,
                   engine::Turn& turn) {
  WEFT_CHECK_OK(Expire(timer, turn));
}

}  // namespace weft::approval::app
