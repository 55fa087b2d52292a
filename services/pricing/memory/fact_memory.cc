#include "services/pricing/memory/fact_memory.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/engine/table.h"
#include "services/pricing/state.h"

namespace weft::pricing {

// An offer as it lies in memory: this header, then the parts that `flags` names,
// in this order: period.from, period.to, per_quantity, discount or book (8 octets
// each), the tiers (8 octets each, 16 when wide), name, reference.
struct FactMemory::OfferNode : Node {
  enum Flag : uint8_t { kFrom = 1, kTo = 2, kPer = 4, kWide = 8 };
  static constexpr int kPromiseShift = 4;

  uint32_t unit = 0;
  uint32_t bytes = 0;
  uint16_t currency = 0;
  uint8_t flags = 0;
  uint8_t tiers = 0;
  uint8_t quantity_scale = 0;
  uint8_t price_scale = 0;
  uint8_t name_length = 0;
  uint8_t reference_length = 0;

  Offer::Promise promise() const {
    return static_cast<Offer::Promise>(flags >> kPromiseShift);
  }
  char* payload() { return reinterpret_cast<char*>(this + 1); }
  const char* payload() const { return reinterpret_cast<const char*>(this + 1); }
  const char* after_numbers() const {
    const int numbers = (flags & kFrom ? 1 : 0) + (flags & kTo ? 1 : 0) + (flags & kPer ? 1 : 0) +
                        (promise() != Offer::Promise::kTiers ? 1 : 0);
    return payload() + 8 * numbers;
  }
  const char* text() const {
    return after_numbers() + size_t{tiers} * (flags & kWide ? 16 : 8);
  }
  absl::string_view name() const { return absl::string_view(text(), name_length); }
};

template <typename T>
struct FactMemory::ValueNode : Node {
  explicit ValueNode(T v) : value(std::move(v)) {}
  T value;
};

struct FactMemory::Tenant : Node {
  std::string name;
  Symbol symbol = Symbol::kNone;
  std::atomic<const TenantHead*> head{nullptr};
};

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
      group_books_(epochs_) {}

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
      default: break;
    }
  }
}

// --- Writing -----------------------------------------------------------------

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
      see(now, 0);
      return;
    }
    v1::StoredFact fact;
    WEFT_CHECK(fact.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    const Stamp from = StampOf(fact);
    EndFact(tenant, row.key, from);
    ApplyFact(tenant, fact, from);
    see(std::max(from, now), fact.recorded_us());
    head.has_prices = head.has_prices || fact.has_price() || fact.has_contract();
  } else if (row.table == kHistory.id && row.value.has_value()) {
    v1::StoredFact fact;
    WEFT_CHECK(fact.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    // What was deleted has no current row, but moved the position.
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
    see(static_cast<Stamp>(load.position()), load.recorded_us());
  }
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
        PutValue(group_books_.Insert(static_cast<uint32_t>(tenant.symbol)), symbol, from);
      }
      for (const Symbol group : book.groups) {
        PutValue(group_books_.Insert(static_cast<uint32_t>(group)), symbol, from);
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
    EndValues<T>(Table::kSymbols, static_cast<uint32_t>(symbol),
                              symbols_.at(symbol).head, until);
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
      EndOffer(find(SymbolKind::kBook, b), find(SymbolKind::kSku, a), find(SymbolKind::kUnit, c),
               d, false, until);
      break;
    case 'c': {
      if (!reader.Next(b) || !reader.Next(c) || !reader.Next(d) || !reader.Next(e)) break;
      const Symbol owner = find(a == "a" ? SymbolKind::kAccount : SymbolKind::kGroup, b);
      const Symbol target = c == "s"   ? find(SymbolKind::kSku, d)
                            : c == "c" ? find(SymbolKind::kCategory, d)
                                       : Symbol::kNone;
      EndOffer(owner, target, Symbol::kNone, e, true, until);
      break;
    }
    case 'n': {
      if (!reader.Next(b)) break;
      const uint64_t pair =
          PairKey(find(SymbolKind::kAccount, a), find(SymbolKind::kCustomerSku, b));
      std::atomic<Node*>* head = part_numbers_.Find(pair == 0 ? 1 : pair);
      if (head != nullptr) EndValues<Symbol>(Table::kPartNumbers, pair, *head, until);
      break;
    }
    default: break;
  }
}

void FactMemory::EndBookLinks(Tenant& tenant, Symbol book, Stamp until) {
  const Node* node = symbols_.at(book).head.load();
  while (node != nullptr && node->until.load() != kNever) node = node->next.load();
  if (node == nullptr) return;
  const Book& current = static_cast<const ValueNode<Book>*>(node)->value;
  const auto end_link = [&](Symbol group) {
    const uint64_t key = static_cast<uint32_t>(group);
    std::atomic<Node*>* head = group_books_.Find(key);
    if (head == nullptr) return;
    for (Node* link = head->load(); link != nullptr; link = link->next.load()) {
      if (link->until.load() != kNever || static_cast<ValueNode<Symbol>*>(link)->value != book) {
        continue;
      }
      End(Table::kBooks, key, link, until, [](FactMemory& memory, void* what) {
        memory.arena_.Release(what, sizeof(ValueNode<Symbol>));
      });
    }
  };
  if (current.groups.empty()) end_link(tenant.symbol);
  for (const Symbol group : current.groups) end_link(group);
}

template <typename T>
void FactMemory::PutValue(std::atomic<Node*>& head, T value, Stamp from) {
  auto* node = new (arena_.Allocate(sizeof(ValueNode<T>))) ValueNode<T>(std::move(value));
  node->from = from;
  Link(head, node);
}

template <typename T>
void FactMemory::EndValues(Table table, uint64_t key, std::atomic<Node*>& head, Stamp until) {
  for (Node* node = head.load(); node != nullptr; node = node->next.load()) {
    if (node->until.load() != kNever) continue;
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
  const size_t tier_bytes = size_t{offer.tier_count} * (wide ? 16 : 8);
  const size_t bytes = sizeof(OfferNode) + 8 * static_cast<size_t>(count) + tier_bytes +
                       offer.name.size() + offer.reference.size();

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
    case Table::kBooks: return group_books_.Find(key);
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
  group_books_.Reclaim(oldest);
  symbols_.Reclaim(oldest);
}

size_t FactMemory::bytes() const {
  return arena_.reserved() + symbols_.bytes() + offers_.bytes() + part_numbers_.bytes() +
         group_books_.bytes();
}

// --- Reading -----------------------------------------------------------------

FactMemory::Snapshot::Snapshot(FactMemory& memory, absl::string_view tenant)
    : guard_(memory.epochs_), memory_(memory) {
  tenant_ = memory.symbols_.Find(Symbol::kNone, SymbolKind::kTenant, tenant);
  if (tenant_ == Symbol::kNone) return;
  const Node* node = memory.symbols_.at(tenant_).head.load(std::memory_order_acquire);
  if (node == nullptr) return;
  head_ = *static_cast<const Tenant*>(node)->head.load(std::memory_order_acquire);
}

template <typename T>
const T* FactMemory::Snapshot::Visible(Symbol symbol) const {
  if (symbol == Symbol::kNone) return nullptr;
  const Node* node = memory_.symbols_.at(symbol).head.load(std::memory_order_acquire);
  for (; node != nullptr; node = node->next.load(std::memory_order_acquire)) {
    if (node->Holds(head_.position)) return &static_cast<const ValueNode<T>*>(node)->value;
  }
  return nullptr;
}

Stamp FactMemory::Snapshot::ChannelNumber(absl::string_view channel) const {
  const Stamp* number = Visible<Stamp>(Find(SymbolKind::kChannel, channel));
  return number == nullptr ? 0 : *number;
}

Symbol FactMemory::Snapshot::Find(SymbolKind kind, absl::string_view text) const {
  return tenant_ == Symbol::kNone ? Symbol::kNone : memory_.symbols_.Find(tenant_, kind, text);
}

absl::string_view FactMemory::Snapshot::Text(Symbol symbol) const {
  return memory_.symbols_.Text(symbol);
}

const Item* FactMemory::Snapshot::FindItem(Symbol sku) const { return Visible<Item>(sku); }

const Account* FactMemory::Snapshot::FindAccount(Symbol account) const {
  return Visible<Account>(account);
}

const Book* FactMemory::Snapshot::FindBook(Symbol book) const { return Visible<Book>(book); }

Symbol FactMemory::Snapshot::FindPartNumber(Symbol account, Symbol customer_sku) const {
  const std::atomic<Node*>* head = memory_.part_numbers_.Find(PairKey(account, customer_sku));
  if (head == nullptr) return Symbol::kNone;
  const Node* node = head->load(std::memory_order_acquire);
  for (; node != nullptr; node = node->next.load(std::memory_order_acquire)) {
    if (node->Holds(head_.position)) return static_cast<const ValueNode<Symbol>*>(node)->value;
  }
  return Symbol::kNone;
}

void FactMemory::Snapshot::AddBooks(Symbol group, std::vector<const Book*>& out) const {
  const Symbol owner = group == Symbol::kNone ? tenant_ : group;
  if (owner == Symbol::kNone) return;
  const std::atomic<Node*>* head = memory_.group_books_.Find(static_cast<uint32_t>(owner));
  if (head == nullptr) return;
  const Node* node = head->load(std::memory_order_acquire);
  for (; node != nullptr; node = node->next.load(std::memory_order_acquire)) {
    if (!node->Holds(head_.position)) continue;
    const Book* book = FindBook(static_cast<const ValueNode<Symbol>*>(node)->value);
    if (book != nullptr) out.push_back(book);
  }
}

void FactMemory::Snapshot::AddOffers(Symbol owner, Symbol target, Offers& out) const {
  const std::atomic<Node*>* head = memory_.offers_.Find(PairKey(owner, target));
  if (head == nullptr) return;
  const Node* node = head->load(std::memory_order_acquire);
  for (; node != nullptr; node = node->next.load(std::memory_order_acquire)) {
    if (!node->Holds(head_.position)) continue;
    memory_.Decode(*static_cast<const OfferNode*>(node), out.emplace_back());
  }
}

bool FactMemory::Snapshot::MayOffer(Symbol owner, Target target) const {
  return (memory_.symbols_.at(owner).targets.load(std::memory_order_acquire) &
          static_cast<uint8_t>(target)) != 0;
}

void FactMemory::Decode(const OfferNode& node, Offer& out) const {
  out.promise = node.promise();
  out.wide = (node.flags & OfferNode::kWide) != 0;
  out.tier_count = node.tiers;
  out.quantity_scale = node.quantity_scale;
  out.price_scale = node.price_scale;
  out.currency = Currency::FromNumber(node.currency);
  out.unit = Symbol{node.unit};
  out.version = node.from;
  const char* p = node.payload();
  const auto next = [&] {
    int64_t number;
    std::memcpy(&number, p, 8);
    p += 8;
    return number;
  };
  if ((node.flags & OfferNode::kFrom) != 0) out.period.from_us = next();
  if ((node.flags & OfferNode::kTo) != 0) out.period.to_us = next();
  if ((node.flags & OfferNode::kPer) != 0) out.per_quantity = next();
  if (out.promise == Offer::Promise::kDiscount) out.discount = next();
  if (out.promise == Offer::Promise::kBook) out.book = Symbol{static_cast<uint32_t>(next())};
  out.tiers = p;
  p += size_t{node.tiers} * (out.wide ? 16 : 8);
  out.name = absl::string_view(p, node.name_length);
  out.reference = absl::string_view(p + node.name_length, node.reference_length);
}

}  // namespace weft::pricing
