#include "services/pricing/memory/fact_memory.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/engine/table.h"
#include "services/pricing/memory/fact_nodes.h"
#include "services/pricing/state.h"

namespace weft::pricing {

// Interns for one tenant.
class FactMemory::Names final : public Interner {
 public:
  Names(Symbols& symbols, Symbol tenant) : symbols_(symbols), tenant_(tenant) {}
  Symbol Intern(SymbolKind kind, absl::string_view text) override {
    return symbols_.Intern(tenant_, kind, text);
  }

 private:
  Symbols& symbols_;
  const Symbol tenant_;
};

FactMemory::FactMemory()
    : symbols_(epochs_, arena_),
      offers_(epochs_),
      part_numbers_(epochs_),
      links_(epochs_) {}

FactMemory::~FactMemory() {
  // Records lie in the arena; only values with memory of their own are told.
  const auto destroy = []<typename T>(Node* node, const T*) {
    while (node != nullptr) {
      Node* const next = node->next.load();
      static_cast<ValueNode<T>*>(node)->~ValueNode<T>();
      node = next;
    }
  };
  for (const Retired& retired : retired_) {
    if (retired.unlinked && retired.free != nullptr) retired.free(*this, retired.what);
  }
  for (uint32_t id = 1; id <= symbols_.size(); ++id) {
    SymbolEntry& entry = symbols_.at(Symbol{id});
    Node* const head = entry.head.load();
    switch (entry.kind) {
      case SymbolKind::kSku: destroy(head, static_cast<const Item*>(nullptr)); break;
      case SymbolKind::kAccount: destroy(head, static_cast<const Account*>(nullptr)); break;
      case SymbolKind::kBook: destroy(head, static_cast<const Book*>(nullptr)); break;
      case SymbolKind::kSurcharge: destroy(head, static_cast<const Surcharge*>(nullptr)); break;
      case SymbolKind::kPromotion: destroy(head, static_cast<const Promotion*>(nullptr)); break;
      default: break;
    }
  }
}

FactMemory::Tenant& FactMemory::TenantOf(const std::string& name) {
  const Symbol symbol = symbols_.Intern(Symbol::kNone, SymbolKind::kTenant, name);
  SymbolEntry& entry = symbols_.at(symbol);
  if (Node* const known = entry.head.load(); known != nullptr) {
    return *static_cast<Tenant*>(known);
  }
  tenants_.push_back(std::make_unique<Tenant>());
  Tenant& tenant = *tenants_.back();
  tenant.name = name;
  tenant.symbol = symbol;
  tenant.head.store(new (arena_.Allocate(sizeof(TenantHead))) TenantHead());
  entry.head.store(&tenant, std::memory_order_release);
  return tenant;
}

void FactMemory::Load(const engine::ChangedRow& row) {
  MutexLock lock(writing_);
  Tenant& tenant = TenantOf(row.tenant);
  // Nobody reads while a shard opens: the head changes in place. A shard that is
  // opened again in one process replaces what it loaded before.
  ApplyRow(tenant, row, 0, *const_cast<TenantHead*>(tenant.head.load()));
}

void FactMemory::Apply(const std::vector<engine::ChangedRow>& rows, const std::string& tenant_name,
                       engine::Position position) {
  MutexLock lock(writing_);
  Tenant& tenant = TenantOf(tenant_name);
  TenantHead head = *tenant.head.load();
  const Stamp now = StampOf(position.generation, position.offset);
  const size_t first = retired_.size();
  for (const engine::ChangedRow& row : rows) ApplyRow(tenant, row, now, head);
  Publish(tenant, head);
  for (size_t i = first; i < retired_.size(); ++i) retired_[i].epoch = epochs_.current();
  epochs_.Advance();
  if (retired_.size() >= 64) Reclaim();
}

void FactMemory::Publish(Tenant& tenant, const TenantHead& head) {
  auto* made = new (arena_.Allocate(sizeof(TenantHead))) TenantHead(head);
  const TenantHead* old = tenant.head.exchange(made, std::memory_order_acq_rel);
  Retired retired;
  retired.unlinked = true;
  retired.what = const_cast<TenantHead*>(old);
  retired.free = [](FactMemory& memory, void* what) {
    memory.arena_.Release(what, sizeof(TenantHead));
  };
  retired_.push_back(retired);
}

void FactMemory::ApplyRow(Tenant& tenant, const engine::ChangedRow& row, Stamp now,
                          TenantHead& head) {
  const auto see = [&](Stamp stamp, int64_t recorded_us) {
    head.position = std::max(head.position, stamp);
    head.source_us = std::max(head.source_us, recorded_us);
  };
  const absl::string_view bytes =
      row.value.has_value() ? absl::string_view(*row.value).substr(1) : absl::string_view();
  if (row.table == kCurrent.id) {
    if (!row.value.has_value()) {
      EndFact(tenant, row.key, now);
      Move(tenant, row.key, now, now != 0, head);
      see(now, 0);
      return;
    }
    v1::StoredFact fact;
    WEFT_CHECK(fact.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    const Stamp from = StampOf(fact);
    EndFact(tenant, row.key, from);
    ApplyFact(tenant, fact, from);
    Move(tenant, row.key, from, now != 0, head);
    head.sorts |= SortOf(fact);
    see(std::max(from, now), fact.recorded_us());
    head.has_prices = head.has_prices || fact.has_price() || fact.has_contract();
  } else if (row.table == kHistory.id && row.value.has_value()) {
    v1::StoredFact fact;
    WEFT_CHECK(fact.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    // What was deleted has no current row, but moved the position. While it happens
    // the current row says so.
    if (now == 0) Move(tenant, row.key, static_cast<Stamp>(fact.until()), false, head);
    see(static_cast<Stamp>(fact.until()), fact.until_us());
  } else if (row.table == kNumbers.id && row.value.has_value() && !row.key.empty() &&
             row.key[0] == 'H') {
    v1::NumberedName name;
    WEFT_CHECK(name.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    const Symbol channel = symbols_.Intern(tenant.symbol, SymbolKind::kChannel, name.name());
    PutValue(symbols_.at(channel).head, static_cast<Stamp>(name.number()),
             static_cast<Stamp>(name.number()));
  } else if (row.table == kLoads.id && row.value.has_value()) {
    v1::LoadRow load;
    WEFT_CHECK(load.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    head.load_began = head.load_began || load.began();
    head.load_ended = head.load_ended || load.ended();
    head.moved = std::max(head.moved, static_cast<Stamp>(load.position()));
    see(static_cast<Stamp>(load.position()), load.recorded_us());
  } else if (row.table == kInfo.id && row.value.has_value()) {
    // Rows that told of earlier moves are gone; whether we saw them or not, the
    // epochs are the same.
    v1::HistoryRow info;
    WEFT_CHECK(info.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    head.moved = std::max(head.moved, static_cast<Stamp>(info.floor()));
  }
}

uint8_t FactMemory::SortOf(const v1::StoredFact& fact) {
  const auto bit = [](Facts::Sort sort) { return static_cast<uint8_t>(sort); };
  switch (fact.fact_case()) {
    case v1::StoredFact::kCategory:
      return fact.category().parent_category().empty() ? 0 : bit(Facts::Sort::kCategories);
    case v1::StoredFact::kSurcharge: return bit(Facts::Sort::kSurcharges);
    case v1::StoredFact::kPromotion: return bit(Facts::Sort::kPromotions);
    case v1::StoredFact::kRate: return bit(Facts::Sort::kRates);
    case v1::StoredFact::kCost: return bit(Facts::Sort::kCosts);
    case v1::StoredFact::kContract:
      return fact.contract().project().empty() && fact.contract().ship_to().empty()
                 ? 0
                 : bit(Facts::Sort::kSites);
    default: return 0;
  }
}

void FactMemory::Move(Tenant& tenant, absl::string_view key, Stamp now, bool read_meanwhile,
                      TenantHead& head) {
  engine::KeyReader reader(key);
  std::string kind, first, owner;
  if (!reader.Next(kind) || !reader.Next(first)) return;
  Symbol symbol = Symbol::kNone;
  const auto intern = [&](SymbolKind k, absl::string_view text) {
    symbol = symbols_.Intern(tenant.symbol, k, text);
  };
  switch (kind[0]) {
    case 'i':
    case 'p':
    case 'o': intern(SymbolKind::kSku, first); break;
    case 'a':
    case 'n': intern(SymbolKind::kAccount, first); break;
    case 'c': {
      if (!reader.Next(owner)) return;
      const absl::string_view account = absl::string_view(owner).substr(0, owner.find('\x1f'));
      intern(first == "g" ? SymbolKind::kGroup : SymbolKind::kAccount, account);
      break;
    }
    default: head.moved = std::max(head.moved, now); return;
  }
  if (symbol == Symbol::kNone) return;
  SymbolMoves& moves = symbols_.moves(symbol);
  const Stamp last = moves.newest.load(std::memory_order_relaxed);
  if (last >= now) return;
  if (read_meanwhile && last != 0) {
    // For readers at a position before this one.
    auto* node = new (arena_.Allocate(sizeof(Node))) Node();
    node->from = last;
    Link(moves.older, node);
    Retired retired;
    retired.table = Table::kMoves;
    retired.key = static_cast<uint32_t>(symbol);
    retired.what = node;
    retired.free = [](FactMemory& memory, void* what) {
      memory.arena_.Release(what, sizeof(Node));
    };
    retired_.push_back(retired);
  }
  moves.newest.store(now, std::memory_order_release);
}

void FactMemory::ApplyFact(Tenant& tenant, const v1::StoredFact& fact, Stamp from) {
  Names names(symbols_, tenant.symbol);
  switch (fact.fact_case()) {
    case v1::StoredFact::kItem: {
      Item item = ToItem(fact, names);
      PutValue(symbols_.at(item.sku).head, std::move(item), from);
      break;
    }
    case v1::StoredFact::kAccount: {
      Account account = ToAccount(fact, names);
      PutValue(symbols_.at(account.account).head, std::move(account), from);
      break;
    }
    case v1::StoredFact::kBook: {
      Book book = ToBook(fact, names);
      const Symbol symbol = book.book;
      if (book.groups.empty()) {
        PutValue(links_.Insert(LinkKey(Tie::kBook, tenant.symbol)), symbol, from);
      }
      for (const Symbol group : book.groups) {
        PutValue(links_.Insert(LinkKey(Tie::kBook, group)), symbol, from);
      }
      PutValue(symbols_.at(symbol).head, std::move(book), from);
      break;
    }
    case v1::StoredFact::kPrice:
    case v1::StoredFact::kContract:
      ToOffer(fact, names, parts_);
      PutOffer(parts_.owner, parts_.target, parts_.sort, parts_.offer, from);
      break;
    case v1::StoredFact::kPartNumber: {
      const facts::v1::PartNumberChanged& number = fact.part_number();
      const Symbol account = names.Intern(SymbolKind::kAccount, number.account());
      const Symbol theirs = names.Intern(SymbolKind::kCustomerSku, number.customer_sku());
      PutValue(part_numbers_.Insert(PairKey(account, theirs)),
               names.Intern(SymbolKind::kSku, number.sku()), from);
      break;
    }
    case v1::StoredFact::kCategory: {
      const Category category = ToCategory(fact, names);
      PutValue(symbols_.at(category.category).head, category, from);
      break;
    }
    case v1::StoredFact::kSurcharge: {
      Surcharge surcharge = ToSurcharge(fact, names);
      PutLinks(tenant, Tie::kSurcharge, surcharge.target, surcharge.surcharge, from);
      PutValue(symbols_.at(surcharge.surcharge).head, std::move(surcharge), from);
      break;
    }
    case v1::StoredFact::kPromotion: {
      Promotion promotion = ToPromotion(fact, names);
      PutLinks(tenant, Tie::kPromotion, promotion.target, promotion.promotion, from);
      PutValue(symbols_.at(promotion.promotion).head, std::move(promotion), from);
      break;
    }
    case v1::StoredFact::kRate:
      PutValue(symbols_.at(RateSymbol(fact.rate(), names)).head, ToRate(fact, names), from);
      break;
    case v1::StoredFact::kCost: {
      const Symbol sku = names.Intern(SymbolKind::kSku, fact.cost().sku());
      PutValue(links_.Insert(LinkKey(Tie::kCost, sku)), ToCost(fact, names), from);
      break;
    }
    case v1::StoredFact::FACT_NOT_SET: break;
  }
}

void FactMemory::EndFact(Tenant& tenant, absl::string_view key, Stamp until) {
  engine::KeyReader reader(key);
  std::string kind, a, b, c, d, e;
  if (!reader.Next(kind) || !reader.Next(a)) return;
  const auto find = [&](SymbolKind k, const std::string& text) {
    return symbols_.Find(tenant.symbol, k, text);
  };
  const auto end_symbol = [&]<typename T>(Symbol symbol, const T*) {
    if (symbol == Symbol::kNone) return;
    EndValues<T>(Table::kSymbols, static_cast<uint32_t>(symbol), symbols_.at(symbol).head, until,
                 [](const T&) { return true; });
  };
  switch (kind[0]) {
    case 'i': end_symbol(find(SymbolKind::kSku, a), static_cast<const Item*>(nullptr)); break;
    case 'a': end_symbol(find(SymbolKind::kAccount, a), static_cast<const Account*>(nullptr)); break;
    case 'b': {
      const Symbol book = find(SymbolKind::kBook, a);
      if (book == Symbol::kNone) break;
      EndBookLinks(tenant, book, until);
      end_symbol(book, static_cast<const Book*>(nullptr));
      break;
    }
    case 'p':
      if (!reader.Next(b) || !reader.Next(c) || !reader.Next(d)) break;
      // A unit that nobody has named yet has no symbol, and no offers.
      if (const Symbol unit = find(SymbolKind::kUnit, c); unit != Symbol::kNone || c.empty()) {
        EndOffer(find(SymbolKind::kBook, b), find(SymbolKind::kSku, a), unit, d, false, until);
      }
      break;
    case 'c': {
      if (!reader.Next(b) || !reader.Next(c) || !reader.Next(d) || !reader.Next(e)) break;
      const Symbol owner = find(KindOfSide(a), b);
      const Symbol target = c == "s"   ? find(SymbolKind::kSku, d)
                            : c == "c" ? find(SymbolKind::kCategory, d)
                                       : Symbol::kNone;
      if (target == Symbol::kNone && c != "e") break;
      EndOffer(owner, target, Symbol::kNone, e, true, until);
      break;
    }
    case 'n': {
      if (!reader.Next(b)) break;
      const uint64_t pair =
          PairKey(find(SymbolKind::kAccount, a), find(SymbolKind::kCustomerSku, b));
      std::atomic<Node*>* head = part_numbers_.Find(pair == 0 ? 1 : pair);
      if (head != nullptr) {
        EndValues<Symbol>(Table::kPartNumbers, pair, *head, until, [](Symbol) { return true; });
      }
      break;
    }
    case 'k':
      end_symbol(find(SymbolKind::kCategory, a), static_cast<const Category*>(nullptr));
      break;
    case 's': {
      const Symbol surcharge = find(SymbolKind::kSurcharge, a);
      EndLinked<Surcharge>(tenant, Tie::kSurcharge, surcharge, until);
      end_symbol(surcharge, static_cast<const Surcharge*>(nullptr));
      break;
    }
    case 'm': {
      const Symbol promotion = find(SymbolKind::kPromotion, a);
      EndLinked<Promotion>(tenant, Tie::kPromotion, promotion, until);
      end_symbol(promotion, static_cast<const Promotion*>(nullptr));
      break;
    }
    case 'x': {
      const Symbol rate = find(SymbolKind::kRate, a);
      if (!reader.Next(b) || rate == Symbol::kNone) break;
      EndValues<ExchangeRate>(Table::kSymbols, static_cast<uint32_t>(rate),
                              symbols_.at(rate).head, until,
                              [&](const ExchangeRate& one) { return symbols_.Text(one.entry) == b; });
      break;
    }
    case 'o': {
      if (!reader.Next(b) || !reader.Next(c) || !reader.Next(d)) break;
      const uint64_t link = LinkKey(Tie::kCost, find(SymbolKind::kSku, a));
      std::atomic<Node*>* head = links_.Find(link);
      if (head == nullptr) break;
      EndValues<Cost>(Table::kLinks, link, *head, until, [&](const Cost& one) {
        // By their texts: one that nobody has named yet has no symbol.
        return symbols_.Text(one.location) == b && symbols_.Text(one.organisation) == c &&
               symbols_.Text(one.entry) == d;
      });
      break;
    }
    default: break;
  }
}

void FactMemory::EndLink(Tie tie, Symbol from, Symbol to, Stamp until) {
  const uint64_t key = LinkKey(tie, from);
  std::atomic<Node*>* head = links_.Find(key);
  if (head == nullptr) return;
  for (Node* node = head->load(); node != nullptr; node = node->next.load()) {
    if (node->until.load() != kNever || static_cast<ValueNode<Symbol>*>(node)->value != to) {
      continue;
    }
    End(Table::kLinks, key, node, until, [](FactMemory& memory, void* what) {
      memory.arena_.Release(what, sizeof(ValueNode<Symbol>));
    });
  }
}

template <typename T>
const T* FactMemory::Current(Symbol symbol) const {
  const Node* node = symbols_.at(symbol).head.load();
  while (node != nullptr && node->until.load() != kNever) node = node->next.load();
  return node == nullptr ? nullptr : &static_cast<const ValueNode<T>*>(node)->value;
}

void FactMemory::EndBookLinks(Tenant& tenant, Symbol book, Stamp until) {
  const Book* current = Current<Book>(book);
  if (current == nullptr) return;
  if (current->groups.empty()) EndLink(Tie::kBook, tenant.symbol, book, until);
  for (const Symbol group : current->groups) EndLink(Tie::kBook, group, book, until);
}

void FactMemory::PutLinks(Tenant& tenant, Tie tie, const ItemTarget& target, Symbol to,
                          Stamp from) {
  if (target.everything) PutValue(links_.Insert(LinkKey(tie, tenant.symbol)), to, from);
  for (const Symbol named : target.named) PutValue(links_.Insert(LinkKey(tie, named)), to, from);
}

template <typename T>
void FactMemory::EndLinked(Tenant& tenant, Tie tie, Symbol symbol, Stamp until) {
  const T* current = symbol == Symbol::kNone ? nullptr : Current<T>(symbol);
  if (current == nullptr) return;
  if (current->target.everything) EndLink(tie, tenant.symbol, symbol, until);
  for (const Symbol named : current->target.named) EndLink(tie, named, symbol, until);
}

template <typename T>
void FactMemory::PutValue(std::atomic<Node*>& head, T value, Stamp from) {
  auto* node = new (arena_.Allocate(sizeof(ValueNode<T>))) ValueNode<T>(std::move(value));
  node->from = from;
  Link(head, node);
}

template <typename T, typename Which>
void FactMemory::EndValues(Table table, uint64_t key, std::atomic<Node*>& head, Stamp until,
                           const Which& which) {
  for (Node* node = head.load(); node != nullptr; node = node->next.load()) {
    if (node->until.load() != kNever) continue;
    if (!which(static_cast<const ValueNode<T>*>(node)->value)) continue;
    End(table, key, node, until, [](FactMemory& memory, void* what) {
      auto* value = static_cast<ValueNode<T>*>(static_cast<Node*>(what));
      value->~ValueNode<T>();
      memory.arena_.Release(value, sizeof(ValueNode<T>));
    });
  }
}

void FactMemory::PutOffer(Symbol owner, Symbol target, Facts::Target sort, const Offer& offer,
                          Stamp from) {
  const auto* tiers = reinterpret_cast<const RawTier<int64_t>*>(offer.tiers);
  const auto narrow = [](int64_t x) {
    return x >= std::numeric_limits<int32_t>::min() && x <= std::numeric_limits<int32_t>::max();
  };
  bool wide = false;
  for (int i = 0; i < offer.tier_count; ++i) {
    wide = wide || !narrow(tiers[i].minimum) || !narrow(tiers[i].price);
  }
  int64_t numbers[4];
  int count = 0;
  uint8_t flags = static_cast<uint8_t>(static_cast<int>(offer.promise) << OfferNode::kPromiseShift);
  const auto add = [&](bool wanted, int64_t number, uint8_t flag) {
    if (!wanted) return;
    numbers[count++] = number;
    flags |= flag;
  };
  add(offer.period.from_us != kSinceEver, offer.period.from_us, OfferNode::kFrom);
  add(offer.period.to_us != kForEver, offer.period.to_us, OfferNode::kTo);
  add(offer.per_quantity != 1, offer.per_quantity, OfferNode::kPer);
  add(offer.promise == Offer::Promise::kDiscount, offer.discount, 0);
  add(offer.promise == Offer::Promise::kBook, static_cast<uint32_t>(offer.book), 0);
  if (wide) flags |= OfferNode::kWide;
  if (offer.graduated) flags |= OfferNode::kGraduated;
  if (offer.terms != nullptr) flags |= OfferNode::kTerms;
  const size_t term_bytes = OfferNode::BytesOf(offer.terms);
  const size_t tier_bytes = size_t{offer.tier_count} * (wide ? 16 : 8);
  const size_t bytes = sizeof(OfferNode) + 8 * static_cast<size_t>(count) + term_bytes +
                       tier_bytes + offer.name.size() + offer.reference.size();

  auto* node = new (arena_.Allocate(bytes)) OfferNode();
  node->from = from;
  node->unit = static_cast<uint32_t>(offer.unit);
  node->bytes = static_cast<uint32_t>(bytes);
  node->currency = offer.currency.number();
  node->flags = flags;
  node->tiers = offer.tier_count;
  node->quantity_scale = offer.quantity_scale;
  node->price_scale = offer.price_scale;
  node->name_length = static_cast<uint8_t>(offer.name.size());
  node->reference_length = static_cast<uint8_t>(offer.reference.size());
  char* p = node->payload();
  std::memcpy(p, numbers, 8 * static_cast<size_t>(count));
  p += 8 * count;
  if (offer.terms != nullptr) {
    std::memcpy(p, offer.terms,
                sizeof(OfferTerms) + offer.terms->exception_count * sizeof(Symbol));
    p += term_bytes;
  }
  for (int i = 0; i < offer.tier_count; ++i) {
    if (wide) {
      std::memcpy(p, &tiers[i], 16);
      p += 16;
    } else {
      const RawTier<int32_t> small{static_cast<int32_t>(tiers[i].minimum),
                                   static_cast<int32_t>(tiers[i].price)};
      std::memcpy(p, &small, 8);
      p += 8;
    }
  }
  // copy(), unlike memcpy(), takes the null of an empty text.
  p = std::copy(offer.name.begin(), offer.name.end(), p);
  std::copy(offer.reference.begin(), offer.reference.end(), p);
  Link(offers_.Insert(PairKey(owner, target)), node);
  offers_alive_.fetch_add(1, std::memory_order_relaxed);
  std::atomic<uint8_t>& targets = symbols_.at(owner).targets;
  if ((targets.load(std::memory_order_relaxed) & static_cast<uint8_t>(sort)) == 0) {
    targets.fetch_or(static_cast<uint8_t>(sort), std::memory_order_release);
  }
}

bool FactMemory::EndOffer(Symbol owner, Symbol target, Symbol unit, absl::string_view name,
                          bool any_unit, Stamp until) {
  if (owner == Symbol::kNone) return false;
  const uint64_t key = PairKey(owner, target);
  std::atomic<Node*>* head = offers_.Find(key);
  if (head == nullptr) return false;
  for (Node* node = head->load(); node != nullptr; node = node->next.load()) {
    auto* offer = static_cast<OfferNode*>(node);
    if (node->until.load() != kNever || offer->name() != name ||
        (!any_unit && offer->unit != static_cast<uint32_t>(unit))) {
      continue;
    }
    offers_alive_.fetch_sub(1, std::memory_order_relaxed);
    End(Table::kOffers, key, node, until, [](FactMemory& memory, void* what) {
      auto* gone = static_cast<OfferNode*>(static_cast<Node*>(what));
      memory.arena_.Release(gone, gone->bytes);
    });
    return true;
  }
  return false;
}

void FactMemory::End(Table table, uint64_t key, Node* node, Stamp until, Freer free) {
  node->until.store(until, std::memory_order_release);
  Retired retired;
  retired.table = table;
  retired.key = key;
  retired.what = node;
  retired.free = free;
  retired_.push_back(retired);
}

std::atomic<Node*>* FactMemory::HeadOf(Table table, uint64_t key) const {
  switch (table) {
    case Table::kSymbols: return &symbols_.at(Symbol{static_cast<uint32_t>(key)}).head;
    case Table::kOffers: return offers_.Find(key);
    case Table::kPartNumbers: return part_numbers_.Find(key);
    case Table::kLinks: return links_.Find(key);
    case Table::kMoves: return &symbols_.moves(Symbol{static_cast<uint32_t>(key)}).older;
  }
  return nullptr;
}

void FactMemory::Link(std::atomic<Node*>& head, Node* node) {
  node->next.store(head.load(std::memory_order_relaxed), std::memory_order_relaxed);
  head.store(node, std::memory_order_release);
}

void FactMemory::Unlink(std::atomic<Node*>& head, Node* node) {
  std::atomic<Node*>* at = &head;
  while (Node* const next = at->load()) {
    if (next == node) {
      at->store(node->next.load(), std::memory_order_release);
      return;
    }
    at = &next->next;
  }
}

void FactMemory::Reclaim() {
  const uint64_t oldest = epochs_.Oldest();
  bool unlinked = false;
  // What is unlinked now goes to the back, behind this round's end.
  for (size_t left = retired_.size(); left > 0 && retired_.front().epoch < oldest; --left) {
    Retired retired = retired_.front();
    retired_.pop_front();
    if (retired.unlinked) {
      retired.free(*this, retired.what);
      continue;
    }
    Unlink(*HeadOf(retired.table, retired.key), static_cast<Node*>(retired.what));
    retired.unlinked = true;
    retired.epoch = epochs_.current();
    retired_.push_back(retired);
    unlinked = true;
  }
  if (unlinked) epochs_.Advance();
  offers_.Reclaim(oldest);
  part_numbers_.Reclaim(oldest);
  links_.Reclaim(oldest);
  symbols_.Reclaim(oldest);
}

size_t FactMemory::bytes() const {
  return arena_.reserved() + symbols_.bytes() + offers_.bytes() + part_numbers_.bytes() +
         links_.bytes();
}

}  // namespace weft::pricing
