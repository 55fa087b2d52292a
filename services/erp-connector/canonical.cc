#include "services/erp-connector/canonical.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/erp-connector/canonical_read.h"
#include "services/erp-connector/fields.h"
#include "weft/directory/v1/directory.pb.h"
#include "weft/facts/v1/conditions.pb.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/sales/v1/sales.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::erp {
namespace {

namespace facts = weft::facts::v1;
namespace sales = weft::sales::v1;

// A member of `data` that is part of the object's key.
struct KeyMember {
  absl::string_view name;
  int length_max = 40;
  absl::string_view otherwise = "";  // When it may be absent.
  bool required = true;
  bool order = false;                // The name of an order of ours.
};

struct KeySpec {
  std::array<KeyMember, 4> members;
  int count = 0;
};

constexpr KeySpec One(absl::string_view name, int length_max = 40) {
  return {{{{name, length_max}}}, 1};
}

constexpr KeySpec Order() { return {{{{"order", 100, "", true, true}}}, 1}; }

const KeySpec& KeyOf(Kind kind) {
  static constexpr std::array<KeySpec, kKindCount> kKeys = {{
      One("sku"),
      One("account"),
      One("account"),
      One("user", 64),
      One("book"),
      {{{{"book"}, {"sku"}, {"unit", 10, "", false}, {"entry", 40, "1", false}}}, 4},
      One("contract", 100),
      {{{{"account"}, {"customerSku", 100}}}, 2},
      One("location"),
      {{{{"sku"}, {"location"}}}, 2},
      One("movement", 100),
      One("invoice", 100),
      One("erpOrder", 100),
      Order(),
      Order(),
      {{{{"order", 100, "", true, true}, {"shipment", 100}}}, 2},
      Order(),  // And the message's own id: see ReadKey().
      {{}, 0},
      {{}, 0},
      One("category"),
      One("surcharge"),
      One("promotion"),
      One("agreement"),
      {{{{"fromCurrencyCode", 3}, {"toCurrencyCode", 3}, {"kind", 40, "", false},
         {"entry", 40, "1", false}}},
       4},
      {{{{"sku"}, {"location", 40, "", false}, {"organisation", 40, "", false},
         {"entry", 40, "1", false}}},
       4},
  }};
  return kKeys[static_cast<size_t>(kind) - 1];
}

bool AnswersOrder(Kind kind) {
  return kind >= Kind::kOrderAcknowledged && kind <= Kind::kOrderCancelAnswered;
}

void ReadKey(Fields& data, Envelope& envelope) {
  const KeySpec& spec = KeyOf(envelope.kind);
  std::vector<std::string> key;
  key.reserve(static_cast<size_t>(spec.count) + 1);
  for (int i = 0; i < spec.count; ++i) {
    const KeyMember& member = spec.members[static_cast<size_t>(i)];
    std::string part;
    data.Text(member.name, {.required = member.required, .length_max = member.length_max}, part);
    if (!data.ok()) return;
    if (part.empty()) part = std::string(member.otherwise);
    if (member.order) part = read::OrderName(part);
    key.push_back(std::move(part));
  }
  if (envelope.kind == Kind::kOrderCancelAnswered) key.push_back(envelope.id);
  envelope.key = std::move(key);
  if (AnswersOrder(envelope.kind)) {
    envelope.queue = envelope.key[0];
  } else if (envelope.kind == Kind::kInvoice && data.Has("order")) {
    std::string order;
    data.Text("order", {.length_max = 100}, order);
    envelope.queue = read::OrderName(order);
  } else if (spec.count > 0) {
    envelope.queue = absl::StrCat(envelope.type, "\x1f", absl::StrJoin(envelope.key, "\x1f"));
  }
}

}  // namespace

std::string KeyForPeople(const std::vector<std::string>& key) {
  return absl::StrJoin(key, "/");
}

int KeyParts(Kind kind) { return KeyOf(kind).count; }

bool ReadEnvelope(const JsonTree& tree, uint32_t root, Envelope& envelope, Problem& problem) {
  envelope.deleted = false;
  envelope.patch = false;
  envelope.typed = false;
  Fields fields(tree, root, nullptr, "message", problem);
  fields.Text("type", {.required = true, .length_max = 40}, envelope.type);
  if (fields.ok()) {
    const std::optional<Kind> kind = KindOf(envelope.type);
    if (kind.has_value()) {
      envelope.kind = *kind;
      envelope.typed = true;
    } else {
      fields.Fail("TYPE_UNKNOWN", "type",
                  absl::StrCat("'", envelope.type, "' is no message type"));
    }
  }
  fields.Text("id", {.required = true, .length_max = 100}, envelope.id);
  bool cleared = false;
  envelope.data = fields.Object("data", true, cleared);
  if (!fields.ok()) return false;

  // The key before the rest of the envelope: a message with a mistake in it must
  // hold back the later ones of its object.
  Fields data(tree, envelope.data, &fields, "data", problem);
  ReadKey(data, envelope);
  if (!fields.ok()) return false;

  int64_t version = 0;
  if (fields.Whole("version", {.min = 0}, version)) envelope.marks.version = version;
  absl::Time changed_at;
  if (fields.Moment("changedAt", false, changed_at, cleared)) {
    envelope.marks.changed_at_us = absl::ToUnixMicros(changed_at);
  }
  fields.Flag("deleted", false, envelope.deleted);
  fields.Flag("patch", false, envelope.patch);
  fields.Done();
  if (!fields.ok()) return false;
  const KindInfo& info = InfoOf(envelope.kind);
  if (envelope.deleted && !info.can_delete) {
    fields.Fail("FIELD_CONFLICT", "deleted",
                absl::StrCat("is not for messages of type ", info.type));
  }
  if (envelope.patch && (!info.can_delete || envelope.kind == Kind::kUser)) {
    fields.Fail("FIELD_CONFLICT", "patch", absl::StrCat("is not for messages of type ", info.type));
  }
  if (envelope.patch && envelope.deleted) {
    fields.Fail("FIELD_CONFLICT", "patch", "and deleted exclude each other");
  }
  return fields.ok();
}

std::unique_ptr<google::protobuf::Message> NewEvent(Kind kind) {
  switch (kind) {
    case Kind::kItem:
      return std::make_unique<facts::ItemChanged>();
    case Kind::kAccount:
      return std::make_unique<facts::AccountChanged>();
    case Kind::kCredit:
      return std::make_unique<facts::CreditChanged>();
    case Kind::kUser:
      return std::make_unique<weft::directory::v1::UserChanged>();
    case Kind::kPriceBook:
      return std::make_unique<facts::PriceBookChanged>();
    case Kind::kPrice:
      return std::make_unique<facts::PriceChanged>();
    case Kind::kContract:
      return std::make_unique<facts::ContractChanged>();
    case Kind::kPartNumber:
      return std::make_unique<facts::PartNumberChanged>();
    case Kind::kLocation:
      return std::make_unique<facts::LocationChanged>();
    case Kind::kStockCount:
      return std::make_unique<weft::stock::v1::StockCounted>();
    case Kind::kStockMovement:
      return std::make_unique<weft::stock::v1::StockMoved>();
    case Kind::kInvoice:
      return std::make_unique<sales::OrderInvoiced>();
    case Kind::kOrder:
      return std::make_unique<sales::OrderRecorded>();
    case Kind::kOrderAcknowledged:
      return std::make_unique<sales::OrderAcknowledged>();
    case Kind::kOrderRejected:
      return std::make_unique<sales::OrderRejected>();
    case Kind::kOrderShipped:
      return std::make_unique<sales::OrderShipped>();
    case Kind::kOrderCancelAnswered:
      return std::make_unique<sales::OrderCancelAnswered>();
    case Kind::kCategory:
      return std::make_unique<facts::CategoryChanged>();
    case Kind::kSurcharge:
      return std::make_unique<facts::SurchargeChanged>();
    case Kind::kPromotion:
      return std::make_unique<facts::PromotionChanged>();
    case Kind::kRebateAgreement:
      return std::make_unique<facts::RebateAgreementChanged>();
    case Kind::kExchangeRate:
      return std::make_unique<facts::ExchangeRateChanged>();
    case Kind::kCost:
      return std::make_unique<facts::CostChanged>();
    case Kind::kLoadBegin:
    case Kind::kLoadEnd:
      return nullptr;
  }
  return nullptr;
}

bool ReadContent(const JsonTree& tree, const Envelope& envelope, Content& content,
                 Problem& problem) {
  if (content.event == nullptr) content.event = NewEvent(envelope.kind);
  const Fields message(tree, 0, nullptr, "message", problem);
  Fields data(tree, envelope.data, &message, "data", problem);
  data.set_patch(envelope.patch);
  switch (envelope.kind) {
    case Kind::kItem:
      read::ReadItem(data, content);
      break;
    case Kind::kAccount:
      read::ReadAccount(data, content);
      break;
    case Kind::kCredit:
      read::ReadCredit(data, envelope, content);
      break;
    case Kind::kUser:
      read::ReadUser(data, content);
      break;
    case Kind::kPriceBook:
      read::ReadPriceBook(data, content);
      break;
    case Kind::kPrice:
      read::ReadPrice(data, envelope, content);
      break;
    case Kind::kContract:
      read::ReadContract(data, content);
      break;
    case Kind::kPartNumber:
      read::ReadPartNumber(data, content);
      break;
    case Kind::kLocation:
      read::ReadLocation(data, content);
      break;
    case Kind::kStockCount:
      read::ReadStockCount(data, content);
      break;
    case Kind::kStockMovement:
      read::ReadStockMovement(data, content);
      break;
    case Kind::kInvoice:
      read::ReadInvoice(data, content);
      break;
    case Kind::kOrder:
      read::ReadOrder(data, content);
      break;
    case Kind::kOrderAcknowledged:
      read::ReadOrderAcknowledged(data, content);
      break;
    case Kind::kOrderRejected:
      read::ReadOrderRejected(data, content);
      break;
    case Kind::kOrderShipped:
      read::ReadOrderShipped(data, content);
      break;
    case Kind::kOrderCancelAnswered:
      read::ReadOrderCancelAnswered(data, content);
      break;
    case Kind::kCategory:
      read::ReadCategory(data, content);
      break;
    case Kind::kSurcharge:
      read::ReadSurcharge(data, content);
      break;
    case Kind::kPromotion:
      read::ReadPromotion(data, content);
      break;
    case Kind::kRebateAgreement:
      read::ReadRebateAgreement(data, content);
      break;
    case Kind::kExchangeRate:
      read::ReadExchangeRate(data, envelope, content);
      break;
    case Kind::kCost:
      read::ReadCost(data, envelope, content);
      break;
    case Kind::kLoadBegin:
    case Kind::kLoadEnd:
      break;
  }
  data.Done();
  return data.ok();
}

std::unique_ptr<google::protobuf::Message> DeletedEvent(Kind kind,
                                                        const std::vector<std::string>& key) {
  switch (kind) {
    case Kind::kItem: {
      auto event = std::make_unique<facts::ItemChanged>();
      event->set_sku(key[0]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kAccount: {
      auto event = std::make_unique<facts::AccountChanged>();
      event->set_account(key[0]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kPriceBook: {
      auto event = std::make_unique<facts::PriceBookChanged>();
      event->set_book(key[0]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kPrice: {
      auto event = std::make_unique<facts::PriceChanged>();
      event->set_book(key[0]);
      event->set_sku(key[1]);
      event->set_unit(key[2]);
      event->set_entry(key[3]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kContract: {
      auto event = std::make_unique<facts::ContractChanged>();
      event->set_contract(key[0]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kPartNumber: {
      auto event = std::make_unique<facts::PartNumberChanged>();
      event->set_account(key[0]);
      event->set_customer_sku(key[1]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kLocation: {
      auto event = std::make_unique<facts::LocationChanged>();
      event->set_location(key[0]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kCategory: {
      auto event = std::make_unique<facts::CategoryChanged>();
      event->set_category(key[0]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kSurcharge: {
      auto event = std::make_unique<facts::SurchargeChanged>();
      event->set_surcharge(key[0]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kPromotion: {
      auto event = std::make_unique<facts::PromotionChanged>();
      event->set_promotion(key[0]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kRebateAgreement: {
      auto event = std::make_unique<facts::RebateAgreementChanged>();
      event->set_agreement(key[0]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kExchangeRate: {
      auto event = std::make_unique<facts::ExchangeRateChanged>();
      event->set_from_currency_code(key[0]);
      event->set_to_currency_code(key[1]);
      event->set_kind(key[2]);
      event->set_entry(key[3]);
      event->set_deleted(true);
      return event;
    }
    case Kind::kCost: {
      auto event = std::make_unique<facts::CostChanged>();
      event->set_sku(key[0]);
      event->set_location(key[1]);
      event->set_organisation(key[2]);
      event->set_entry(key[3]);
      event->set_deleted(true);
      return event;
    }
    default:
      return nullptr;
  }
}

std::string SubjectOf(Kind kind, const std::vector<std::string>& key) {
  switch (kind) {
    case Kind::kItem:
      return absl::StrCat("items/", key[0]);
    case Kind::kAccount:
      return absl::StrCat("accounts/", key[0]);
    case Kind::kCredit:
      return absl::StrCat("credit/", key[0]);
    case Kind::kUser:
      return absl::StrCat("users/", key[0]);
    case Kind::kPriceBook:
      return absl::StrCat("books/", key[0]);
    case Kind::kPrice:
      return absl::StrCat("prices/", key[0], "/", key[1], "/", key[2], "/", key[3]);
    case Kind::kContract:
      return absl::StrCat("contracts/", key[0]);
    case Kind::kPartNumber:
      return absl::StrCat("part-numbers/", key[0], "/", key[1]);
    case Kind::kLocation:
      return absl::StrCat("locations/", key[0]);
    case Kind::kStockCount:
      return absl::StrCat(key[0], "@", key[1]);
    case Kind::kStockMovement:
      return absl::StrCat("movements/", key[0]);
    case Kind::kInvoice:
      return absl::StrCat("invoices/", key[0]);
    case Kind::kOrder:
      return absl::StrCat("erp-orders/", key[0]);
    case Kind::kOrderAcknowledged:
    case Kind::kOrderRejected:
    case Kind::kOrderShipped:
    case Kind::kOrderCancelAnswered:
      return key[0];
    case Kind::kCategory:
      return absl::StrCat("categories/", key[0]);
    case Kind::kSurcharge:
      return absl::StrCat("surcharges/", key[0]);
    case Kind::kPromotion:
      return absl::StrCat("promotions/", key[0]);
    case Kind::kRebateAgreement:
      return absl::StrCat("rebate-agreements/", key[0]);
    case Kind::kExchangeRate:
      return absl::StrCat("rates/", absl::StrJoin(key, "/"));
    case Kind::kCost:
      return absl::StrCat("costs/", absl::StrJoin(key, "/"));
    case Kind::kLoadBegin:
    case Kind::kLoadEnd:
      return "";
  }
  return "";
}

bool ReadLoad(const JsonTree& tree, const Envelope& envelope, LoadMessage& load,
              Problem& problem) {
  const Fields message(tree, 0, nullptr, "message", problem);
  Fields data(tree, envelope.data, &message, "data", problem);
  data.Text("load", {.required = true, .length_max = 100}, load.load);
  if (envelope.kind == Kind::kLoadBegin) {
    bool cleared = false;
    const uint32_t node = data.List("entities", true, 1, 40, cleared);
    if (node != 0) {
      int index = 0;
      for (uint32_t i = node + 1; i < tree[node].next; i = tree[i].next, ++index) {
        const std::string place = absl::StrCat("entities[", index, "]");
        if (tree[i].kind != JsonTree::Kind::kString) {
          data.Fail("FIELD_TYPE", place, "must be a text");
          break;
        }
        const std::optional<Kind> kind = KindOf(tree[i].text);
        if (!kind.has_value() || !InfoOf(*kind).can_load) {
          data.Fail("FIELD_FORMAT", place,
                    absl::StrCat("'", tree[i].text.substr(0, 40),
                                 "' is no message type that a load may cover"));
          break;
        }
        load.kinds.push_back(*kind);
      }
    }
  }
  data.Done();
  return data.ok();
}

}  // namespace weft::erp
