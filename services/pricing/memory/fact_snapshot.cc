// Reading the facts in memory, without locks.
#include <cstring>

#include "services/pricing/memory/fact_memory.h"
#include "services/pricing/memory/fact_nodes.h"

namespace weft::pricing {

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
  const std::atomic<Node*>* head = memory_.links_.Find(LinkKey(Tie::kBook, owner));
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
  out.graduated = (node.flags & OfferNode::kGraduated) != 0;
  out.terms = node.terms();
  p += OfferNode::BytesOf(out.terms);
  out.tiers = p;
  p += size_t{node.tiers} * (out.wide ? 16 : 8);
  out.name = absl::string_view(p, node.name_length);
  out.reference = absl::string_view(p + node.name_length, node.reference_length);
}

const Category* FactMemory::Snapshot::FindCategory(Symbol category) const {
  return Visible<Category>(category);
}

template <typename T, typename Each>
void FactMemory::Snapshot::ForEach(const std::atomic<Node*>* head, const Each& each) const {
  if (head == nullptr) return;
  const Node* node = head->load(std::memory_order_acquire);
  for (; node != nullptr; node = node->next.load(std::memory_order_acquire)) {
    if (node->Holds(head_.position)) each(static_cast<const ValueNode<T>*>(node)->value);
  }
}

template <typename T>
void FactMemory::Snapshot::AddLinked(Tie tie, Symbol target, std::vector<const T*>& out) const {
  const Symbol from = target == Symbol::kNone ? tenant_ : target;
  if (from == Symbol::kNone) return;
  ForEach<Symbol>(memory_.links_.Find(LinkKey(tie, from)), [&](Symbol symbol) {
    if (const T* value = Visible<T>(symbol); value != nullptr) out.push_back(value);
  });
}

void FactMemory::Snapshot::AddSurcharges(Symbol target, std::vector<const Surcharge*>& out) const {
  AddLinked(Tie::kSurcharge, target, out);
}

void FactMemory::Snapshot::AddPromotions(Symbol target, std::vector<const Promotion*>& out) const {
  AddLinked(Tie::kPromotion, target, out);
}

void FactMemory::Snapshot::AddCosts(Symbol sku, std::vector<const Cost*>& out) const {
  if (sku == Symbol::kNone) return;
  ForEach<Cost>(memory_.links_.Find(LinkKey(Tie::kCost, sku)),
                [&](const Cost& cost) { out.push_back(&cost); });
}

void FactMemory::Snapshot::AddRates(Symbol rate, std::vector<const ExchangeRate*>& out) const {
  if (rate == Symbol::kNone) return;
  ForEach<ExchangeRate>(&memory_.symbols_.at(rate).head,
                        [&](const ExchangeRate& one) { out.push_back(&one); });
}

Stamp FactMemory::Snapshot::MovedAt(Symbol symbol) const {
  if (symbol == Symbol::kNone) return 0;
  const SymbolMoves& moves = memory_.symbols_.moves(symbol);
  const Stamp newest = moves.newest.load(std::memory_order_acquire);
  if (newest <= head_.position) return newest;
  // It moved while we read: the newest move that our position has seen.
  const Node* node = moves.older.load(std::memory_order_acquire);
  while (node != nullptr && node->from > head_.position) {
    node = node->next.load(std::memory_order_acquire);
  }
  return node == nullptr ? 0 : node->from;
}

}  // namespace weft::pricing
