#include "services/approval/app_common.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::approval::app {
namespace {

constexpr int kLinesMax = 1000;
constexpr int kChargesMax = 20;
constexpr int kHoldersMax = 1000;
constexpr int kAccountChainMax = 5;
constexpr size_t kSkuMax = 80;
constexpr size_t kNoteMax = 500;
// Digits behind the dot of a quantity; enough for any unit of measure.
constexpr int kQuantityScaleMax = 9;

absl::Status LineInvalid(int line, absl::string_view why) {
  return InvalidArgument("LINE_INVALID", absl::StrCat("line ", line, ": ", why),
                         {{"line", absl::StrCat(line)}});
}

absl::Status FieldInvalid(absl::string_view field, absl::string_view why) {
  return InvalidArgument("FIELD_INVALID", absl::StrCat(field, " ", why),
                         {{"field", std::string(field)}});
}

absl::Status CheckExpected(int number, const common::v1::Money& money,
                           const std::string& currency_code) {
  const absl::StatusOr<Money> parsed = FromProto(money);
  if (!parsed.ok()) return LineInvalid(number, "an expected price is not money");
  if (parsed->currency.code() != currency_code) {
    return LineInvalid(number, absl::StrCat("an expected price is not in ", currency_code));
  }
  if (parsed->amount.sign() < 0) return LineInvalid(number, "an expected price is negative");
  return absl::OkStatus();
}

}  // namespace

std::string ActorOf(const engine::Turn& turn) {
  const Principal& principal = turn.principal();
  if (!principal.user.empty()) return principal.user;
  if (!principal.subject.empty()) return principal.subject;
  return "room";
}

absl::Status Audit(engine::Turn& turn, const AuditNote& note) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::AuditHeadRow> head, turn.Find(kAuditHead, ""));
  AuditEntry entry;
  entry.sequence = head.has_value() ? head->sequence() + 1 : 1;
  entry.time = turn.now();
  entry.actor = note.actor.empty() ? ActorOf(turn) : note.actor;
  entry.on_behalf_of = note.on_behalf_of == entry.actor ? "" : note.on_behalf_of;
  entry.action = note.action;
  entry.subject = note.subject;
  entry.subject_revision = note.subject_revision;
  entry.rule = note.rule;
  entry.detail = note.detail;
  entry.previous_hash = head.has_value() ? head->hash() : NoHash();
  entry.hash = HashOf(turn.tenant(), entry);

  v1::AuditHeadRow next;
  next.set_sequence(entry.sequence);
  next.set_hash(entry.hash);
  turn.Put(kAudit, NumberKey(entry.sequence), ToProto(entry));
  turn.Put(kAuditHead, "", next);
  v1::RefRow ref;
  ref.set_id(std::to_string(entry.sequence));
  turn.Put(kAuditBySubject, PairKey(entry.subject, entry.sequence), ref);
  return absl::OkStatus();
}

std::string EtagOf(int64_t revision) { return absl::StrCat("r", revision); }

absl::Status CheckEtag(const std::string& asked, const std::string& present) {
  if (asked.empty() || asked == present) return absl::OkStatus();
  return Aborted("ETAG_MISMATCH",
                 absl::StrCat("it has changed: the etag is ", present, ", not ", asked,
                              "; read it again and decide again"),
                 {{"etag", present}});
}

bool MaySee(const Principal& principal, const std::string& account) {
  return ActingAccount(principal, account).ok();
}

absl::StatusOr<PolicyTerms> TermsFor(const engine::RowReader& rows, const Settings& settings,
                                     const std::string& account) {
  std::string at = account;
  for (int i = 0; i < kAccountChainMax && !at.empty(); ++i) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::Policy> policy,
                          rows.Find(kPolicies, absl::StrCat("account-", at)));
    if (policy.has_value()) return ToTerms(*policy, settings);
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::AccountRow> row, rows.Find(kAccounts, at));
    at = row.has_value() ? row->parent_account() : "";
  }
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::Policy> policy, rows.Find(kPolicies, "default"));
  if (policy.has_value()) return ToTerms(*policy, settings);
  return settings.builtin;
}

absl::StatusOr<std::optional<Person>> StoredDirectory::Find(const std::string& user) const {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::UserRow> row, rows_.Find(kUsers, user));
  if (!row.has_value()) return std::optional<Person>();
  return std::optional<Person>(ToPerson(user, *row));
}

absl::StatusOr<std::vector<std::string>> StoredDirectory::Holders(const std::string& role) const {
  std::vector<std::string> users;
  WEFT_RETURN_IF_ERROR(rows_.Scan(kRoleHolders, PrefixKey(role),
                                  [&](absl::string_view, const v1::RefRow& ref) {
                                    users.push_back(ref.id());
                                    return users.size() < kHoldersMax;
                                  }));
  return users;
}

void AddIncident(google::protobuf::RepeatedPtrField<v1::Incident>& incidents,
                 const std::string& reason, const std::string& message, absl::Time now) {
  for (const v1::Incident& incident : incidents) {
    if (incident.reason() == reason && !incident.has_resolve_time()) return;
  }
  if (incidents.size() >= kIncidentsMax) incidents.DeleteSubrange(0, 1);
  v1::Incident& incident = *incidents.Add();
  incident.set_reason(reason);
  incident.set_message(message);
  *incident.mutable_create_time() = ToProto(now);
}

bool ResolveIncidents(google::protobuf::RepeatedPtrField<v1::Incident>& incidents,
                      const std::vector<std::string>& reasons, absl::Time now) {
  bool any = false;
  for (v1::Incident& incident : incidents) {
    if (incident.has_resolve_time()) continue;
    if (std::find(reasons.begin(), reasons.end(), incident.reason()) == reasons.end()) continue;
    *incident.mutable_resolve_time() = ToProto(now);
    any = true;
  }
  return any;
}

absl::Status CheckLines(const google::protobuf::RepeatedPtrField<v1::NewLine>& lines,
                        const std::string& currency_code) {
  if (lines.empty()) return InvalidArgument("LINES_REQUIRED", "there is no line");
  if (lines.size() > kLinesMax) {
    return InvalidArgument("TOO_MANY_LINES",
                           absl::StrCat("there are ", lines.size(), " lines, at most ", kLinesMax,
                                        " are taken; split the order"));
  }
  int number = 0;
  for (const v1::NewLine& line : lines) {
    ++number;
    if (line.sku().empty() && line.customer_sku().empty()) {
      return LineInvalid(number, "sku or customerSku is required");
    }
    if (line.sku().size() > kSkuMax || line.customer_sku().size() > kSkuMax) {
      return LineInvalid(number, "the item number is too long");
    }
    if (line.note().size() > kNoteMax) return LineInvalid(number, "the note is too long");
    if (line.quantity().unit().size() > 20) return LineInvalid(number, "the unit is too long");
    const std::string& text = line.quantity().value();
    const absl::StatusOr<Decimal> quantity = Decimal::Parse(text);
    // No room counts goods with an exponent.
    if (!quantity.ok() || quantity->sign() <= 0 || text.find_first_of("eE") != text.npos) {
      return LineInvalid(number, "the quantity must be a decimal number above 0");
    }
    if (quantity->scale() > kQuantityScaleMax || *quantity > Decimal(int64_t{1'000'000'000})) {
      return LineInvalid(number, "the quantity is out of range");
    }
    if (line.has_expected_unit_price()) {
      WEFT_RETURN_IF_ERROR(CheckExpected(number, line.expected_unit_price(), currency_code));
    }
    if (line.has_expected_net()) {
      WEFT_RETURN_IF_ERROR(CheckExpected(number, line.expected_net(), currency_code));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCharges(const google::protobuf::RepeatedPtrField<v1::Charge>& charges,
                          const std::string& currency_code) {
  if (charges.size() > kChargesMax) return FieldInvalid("charges", "has more than 20 entries");
  for (const v1::Charge& charge : charges) {
    if (charge.kind().empty() || charge.kind().size() > 40) {
      return FieldInvalid("charges.kind", "must have 1 to 40 characters");
    }
    const absl::StatusOr<Money> amount = FromProto(charge.amount());
    if (!amount.ok()) return FieldInvalid("charges.amount", "is not money");
    if (amount->currency.code() != currency_code) {
      return FieldInvalid("charges.amount", absl::StrCat("is not in ", currency_code));
    }
    if (amount->amount.sign() < 0) return FieldInvalid("charges.amount", "is negative");
  }
  return absl::OkStatus();
}

absl::Status CheckText(const char* field, const std::string& text, size_t max) {
  if (text.size() <= max) return absl::OkStatus();
  return FieldInvalid(field, absl::StrCat("has more than ", max, " octets"));
}

absl::Status CheckDate(const char* field, const std::string& text) {
  if (text.empty()) return absl::OkStatus();
  absl::CivilDay day;
  if (text.size() == 10 && absl::ParseCivilTime(text, &day) && absl::FormatCivilTime(day) == text) {
    return absl::OkStatus();
  }
  return FieldInvalid(field, "must be a day as YYYY-MM-DD");
}

v1::OrderLine ToLine(const v1::NewLine& line, int number) {
  v1::OrderLine out;
  out.set_line(number);
  out.set_sku(line.sku());
  out.set_customer_sku(line.customer_sku());
  *out.mutable_quantity() = line.quantity();
  if (line.has_expected_unit_price()) {
    *out.mutable_expected_unit_price() = line.expected_unit_price();
  }
  if (line.has_expected_net()) *out.mutable_expected_net() = line.expected_net();
  out.set_note(line.note());
  LineQuantities quantities;
  quantities.ordered = Decimal::Parse(line.quantity().value()).value();
  *out.mutable_quantities() = ToProto(quantities);
  return out;
}

absl::StatusOr<Buyer> ResolveBuyer(const engine::Turn& turn, const std::string& account,
                                   const std::string& user, const std::string& channel,
                                   const std::string& currency_code) {
  const Principal& principal = turn.principal();
  Buyer buyer;
  WEFT_ASSIGN_OR_RETURN(buyer.account, ActingAccount(principal, account));
  if (buyer.account.empty()) {
    return InvalidArgument("ACCOUNT_REQUIRED", "name the account that buys",
                           {{"field", "account"}});
  }
  WEFT_ASSIGN_OR_RETURN(buyer.user, ActingUser(principal, user));
  WEFT_RETURN_IF_ERROR(CheckText("user", buyer.user, 64));

  buyer.channel = channel.empty() ? principal.channel : channel;
  if (buyer.channel.empty()) buyer.channel = "web";
  WEFT_RETURN_IF_ERROR(CheckText("channel", buyer.channel, 40));
  const bool own = principal.channel.empty() ? principal.channels.empty()
                                             : buyer.channel == principal.channel;
  if (!own && principal.channels.count("*") == 0 &&
      principal.channels.count(buyer.channel) == 0) {
    return NotFound("CHANNEL_NOT_FOUND", absl::StrCat("there is no channel ", buyer.channel),
                    {{"channel", buyer.channel}});
  }

  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::AccountRow> row,
                        turn.Find(kAccounts, buyer.account));
  if (!row.has_value()) {
    // Missing and not loaded yet are different answers.
    bool loaded = false;
    WEFT_RETURN_IF_ERROR(turn.Scan(kLoads, "", [&](absl::string_view, const v1::LoadRow& load) {
      loaded = loaded || load.ended();
      return !loaded;
    }));
    if (!loaded) {
      return FailedPrecondition("NOT_LOADED",
                                "the accounts have not been loaded from the ERP yet; repeat later");
    }
  }
  if (!row.has_value() || row->deleted()) {
    return NotFound("ACCOUNT_NOT_FOUND", absl::StrCat("there is no account ", buyer.account),
                    {{"account", buyer.account}});
  }
  buyer.facts = *row;
  buyer.currency_code = currency_code.empty() ? row->currency_code() : currency_code;
  if (!Currency::Parse(buyer.currency_code).ok()) {
    return FieldInvalid("currencyCode",
                        absl::StrCat("\"", buyer.currency_code, "\" is not an ISO 4217 code"));
  }
  return buyer;
}

absl::StatusOr<Money> TotalOf(const google::protobuf::RepeatedPtrField<v1::OrderLine>& lines,
                              const google::protobuf::RepeatedPtrField<v1::Charge>& charges,
                              const std::string& currency_code) {
  WEFT_ASSIGN_OR_RETURN(Money total, Money::Parse("0", currency_code));
  for (const v1::OrderLine& line : lines) {
    WEFT_ASSIGN_OR_RETURN(const Money net, FromProto(line.net()));
    WEFT_ASSIGN_OR_RETURN(total, Add(total, net));
  }
  for (const v1::Charge& charge : charges) {
    WEFT_ASSIGN_OR_RETURN(const Money amount, FromProto(charge.amount()));
    WEFT_ASSIGN_OR_RETURN(total, Add(total, amount));
  }
  return total;
}

void StorePrices(const std::vector<PricedLine>& priced,
                 google::protobuf::RepeatedPtrField<v1::OrderLine>& lines) {
  for (int i = 0; i < lines.size() && static_cast<size_t>(i) < priced.size(); ++i) {
    const PricedLine& from = priced[static_cast<size_t>(i)];
    v1::OrderLine& to = *lines.Mutable(i);
    if (!from.sku.empty()) to.set_sku(from.sku);
    if (!from.unit.empty()) to.mutable_quantity()->set_unit(from.unit);
    to.set_decision_id(from.decision_id);
    if (from.reason.empty()) {
      *to.mutable_unit_price() = ToProto(from.unit_price);
      *to.mutable_net() = ToProto(from.net);
      to.clear_reason();
    } else {
      to.clear_unit_price();
      to.clear_net();
      to.mutable_reason()->set_reason(from.reason);
      to.mutable_reason()->set_message(from.message);
    }
  }
}

std::string AssigneeKey(const v1::Assignee& assignee) {
  if (!assignee.user().empty()) return absl::StrCat("user/", assignee.user());
  return absl::StrCat("role/", assignee.role());
}

}  // namespace weft::approval::app
