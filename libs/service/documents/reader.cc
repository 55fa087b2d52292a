#include "libs/service/documents/reader.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/hash.h"
#include "libs/base/ids.h"
#include "libs/service/documents/convert.h"

namespace weft::documents {
namespace {

using rules::DocumentKey;
using rules::DocumentSet;
using rules::SetDocument;

// Sets kept ready per tenant: the scopes of the newest activation and some past ones.
constexpr size_t kResolvedMax = 256;
constexpr char kBodyType[] = "weft.documents.v1.DocumentPublished";
constexpr char kActivationType[] = "weft.documents.v1.ActivationPublished";

absl::Status OnEvent(const std::string& room, const engine::Event& event, engine::Turn& turn) {
  const auto unreadable = [&] {
    return DataLoss("EVENT_UNREADABLE",
                    absl::StrCat("event ", event.subject, " does not parse as ", event.type));
  };
  if (event.tombstone) return absl::OkStatus();
  if (event.type == kBodyType) {
    v1::BodyRow row;
    if (!row.mutable_body()->ParseFromString(event.payload)) return unreadable();
    if (row.body().room() != room) return absl::OkStatus();
    const v1::DocumentRef& ref = row.body().ref();
    turn.Put(kBodies, RowKey(KeyOf(ref)).Add(ref.version()).Take(), row);
  } else if (event.type == kActivationType) {
    v1::ActivationPublished published;
    if (!published.ParseFromString(event.payload)) return unreadable();
    if (published.activation().room() != room) return absl::OkStatus();
    v1::ActivationRow row;
    *row.mutable_activation() = published.activation();
    row.set_generation(turn.position().generation);
    row.set_offset(event.offset);
    row.set_recorded_us(absl::ToUnixMicros(event.append_time));
    turn.Put(kPublished, engine::Key().Add(row.activation().number()).Take(), row);
  }
  return absl::OkStatus();
}

}  // namespace

struct DocumentReader::Text {
  rules::Tree tree;
  std::string source;
};

struct DocumentReader::Published {
  int64_t number = 0;
  absl::Time effective_from;
  absl::Time recorded;
  engine::Position position;
  std::vector<SetDocument> documents;
  std::string missing;  // A document whose text is not here.
  // Parts of scopes that its documents name.
  bool by_organisation = false;
  bool by_branch = false;
  bool by_channel = false;

  void NoteScopes() {
    for (const SetDocument& document : documents) {
      const rules::DocumentScope& scope = document.key.scope;
      by_organisation = by_organisation || !scope.organisation.empty();
      by_branch = by_branch || !scope.branch.empty();
      by_channel = by_channel || !scope.channel.empty();
    }
  }
};

struct DocumentReader::Tenant {
  std::map<std::pair<DocumentKey, int64_t>, std::shared_ptr<const Text>> bodies;
  // By effective_from, then number.
  std::vector<std::shared_ptr<const Published>> published;
  engine::Position newest;
  // By the activations of the tenant and the platform, and scope.
  std::map<std::tuple<int64_t, int64_t, rules::DocumentScope>, std::shared_ptr<const Active>>
      resolved;

  std::shared_ptr<const Published> At(absl::Time as_of, engine::Position at) const {
    for (auto it = published.rbegin(); it != published.rend(); ++it) {
      if ((*it)->effective_from <= as_of && (*it)->position <= at) return *it;
    }
    return nullptr;
  }
  // Narrows the moments for which At() comes to `chosen`, of what stands up to `at`.
  void Narrow(const Published* chosen, absl::Time as_of, engine::Position at, Held& held) const {
    if (chosen != nullptr) held.from = std::max(held.from, chosen->effective_from);
    auto next = std::upper_bound(
        published.begin(), published.end(), as_of,
        [](absl::Time t, const auto& p) { return t < p->effective_from; });
    while (next != published.end() && (*next)->position > at) ++next;
    if (next != published.end()) held.until = std::min(held.until, (*next)->effective_from);
  }
};

uint64_t DocumentReader::NextVersion() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1) + 1;
}

DocumentReader::DocumentReader(std::string room, rules::Kinds kinds,
                               const std::vector<std::string>& shipped)
    : room_(std::move(room)), kinds_(std::move(kinds)), nobody_(std::make_unique<Tenant>()) {
  if (shipped.empty()) return;
  auto published = std::make_shared<Published>();
  published->effective_from = absl::InfinitePast();
  for (const std::string& source : shipped) {
    rules::Document read;
    std::vector<rules::Finding> findings;
    // They are compiled in: a wrong one is a bug of this build.
    WEFT_CHECK(rules::ReadDocument(source, read, findings));
    published->documents.push_back({read.key, 0, read.hash, true, read.tree,
                                    std::make_shared<const std::string>(source)});
  }
  published->NoteScopes();
  shipped_ = std::move(published);
}
DocumentReader::~DocumentReader() = default;

void DocumentReader::Mount(engine::Program& program) {
  program.Events(engine::kTimeline,
                 [room = room_](const engine::Event& event, engine::Turn& turn) {
                   return OnEvent(room, event, turn);
                 });
  program.read_models.insert(program.read_models.begin(), this);
}

DocumentReader::Tenant& DocumentReader::TenantOf(uint32_t partition, const std::string& name) {
  std::unique_ptr<Tenant>& slot = tenants_[{partition, name}];
  if (slot == nullptr) slot = std::make_unique<Tenant>();
  return *slot;
}

DocumentReader::Tenant* DocumentReader::FindTenant(uint32_t partition,
                                                   const std::string& name) const {
  const auto found = tenants_.find({partition, name});
  return found == tenants_.end() ? nullptr : found->second.get();
}

std::shared_ptr<const DocumentReader::Text> DocumentReader::TextOf(const std::string& source) {
  // By the text itself: places in findings are those of the text.
  std::weak_ptr<const Text>& slot = texts_[Hex(Sha256(source))];
  std::shared_ptr<const Text> text = slot.lock();
  if (text != nullptr) return text;
  auto made = std::make_shared<Text>();
  rules::Fault fault;
  if (!rules::ReadTree(source, made->tree, fault)) return nullptr;
  made->source = source;
  slot = made;
  return made;
}

void DocumentReader::TakeRow(const engine::ChangedRow& row) {
  if (!row.value.has_value()) return;
  const auto size = static_cast<int>(row.value->size()) - 1;
  if (row.table == kBodies.id) {
    v1::BodyRow body;
    WEFT_CHECK(body.ParseFromArray(row.value->data() + 1, size));
    MutexLock lock(mutex_);
    const v1::DocumentRef& ref = body.body().ref();
    TenantOf(row.partition, row.tenant).bodies[{KeyOf(ref), ref.version()}] =
        TextOf(body.body().source());
    version_.store(NextVersion(), std::memory_order_release);
    return;
  }
  if (row.table != kPublished.id) return;
  v1::ActivationRow stored;
  WEFT_CHECK(stored.ParseFromArray(row.value->data() + 1, size));
  auto published = std::make_shared<Published>();
  published->number = stored.activation().number();
  published->effective_from = TimeOf(stored.activation().effective_from());
  published->position = {stored.generation(), stored.offset()};
  published->recorded = absl::FromUnixMicros(stored.recorded_us());
  MutexLock lock(mutex_);
  Tenant& tenant = TenantOf(row.partition, row.tenant);
  for (const v1::ActivatedDocument& document : stored.activation().documents()) {
    const DocumentKey key = KeyOf(document.ref());
    const auto body = tenant.bodies.find({key, document.ref().version()});
    if (body == tenant.bodies.end() || body->second == nullptr) {
      published->missing = key.ToText();
      continue;
    }
    published->documents.push_back({.key = key,
                                    .version = document.ref().version(),
                                    .hash = document.hash(),
                                    .platform = row.tenant == engine::kPlatformTenant,
                                    .tree = {body->second, &body->second->tree},
                                    .source = {body->second, &body->second->source}});
  }
  published->NoteScopes();
  const auto earlier = [](const auto& a, const auto& b) {
    return std::tie(a->effective_from, a->number) < std::tie(b->effective_from, b->number);
  };
  auto& all = tenant.published;
  // A room that reads the timeline anew meets what it has.
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const auto& p) { return p->number == published->number; }),
            all.end());
  tenant.newest = std::max(tenant.newest, published->position);
  all.insert(std::upper_bound(all.begin(), all.end(), published, earlier), published);
  version_.store(NextVersion(), std::memory_order_release);
}

void DocumentReader::Load(const engine::ChangedRow& row) { TakeRow(row); }

void DocumentReader::Apply(const std::vector<engine::ChangedRow>& rows, const std::string& tenant,
                           engine::Position /*position*/) {
  bool activated = false;
  uint32_t partition = 0;
  // Bodies before the activation that names them.
  for (const uint8_t table : {kBodies.id, kPublished.id}) {
    for (const engine::ChangedRow& row : rows) {
      if (row.table != table) continue;
      TakeRow(row);
      partition = row.partition;
      activated = activated || table == kPublished.id;
    }
  }
  // Compiled here, so that no request has to. The platform stands in every
  // partition, but its set is the same in all.
  if (activated && PartitionOf(tenant) == partition) {
    FindNewest(tenant, {}, absl::InfiniteFuture());
  }
}

Held DocumentReader::Newest(const std::string& tenant) const {
  static const std::string* const kPlatform = new std::string(engine::kPlatformTenant);
  const uint32_t partition = PartitionOf(tenant);
  Held held;
  MutexLock lock(mutex_);
  held.version = version_.load(std::memory_order_relaxed);
  for (const std::string* name : {&tenant, kPlatform}) {
    if (const Tenant* found = FindTenant(partition, *name)) {
      held.newest = std::max(held.newest, found->newest);
    }
  }
  return held;
}

engine::Position DocumentReader::newest(const std::string& tenant, absl::Time known) const {
  const uint32_t partition = PartitionOf(tenant);
  MutexLock lock(mutex_);
  engine::Position out;
  for (const std::string& name : {tenant, std::string(engine::kPlatformTenant)}) {
    const Tenant* const found = FindTenant(partition, name);
    if (found == nullptr) continue;
    for (const auto& published : found->published) {
      if (published->recorded <= known) out = std::max(out, published->position);
    }
  }
  return out;
}

std::shared_ptr<const Active> DocumentReader::FindNewest(const std::string& tenant,
                                                         const rules::DocumentScope& scope,
                                                         absl::Time as_of) const {
  return Find(tenant, scope, as_of, {INT64_MAX, INT64_MAX});
}

Held DocumentReader::FindHeld(const std::string& tenant, const rules::DocumentScope& scope,
                              absl::Time as_of, engine::Position at) const {
  static const std::string* const kPlatform = new std::string(engine::kPlatformTenant);
  static const auto* const kNothing = new std::shared_ptr<const Active>([] {
    auto nothing = std::make_shared<Active>();
    nothing->compiled = std::make_shared<rules::CompiledSet>();
    return nothing;
  }());
  const uint32_t partition = PartitionOf(tenant);
  std::shared_ptr<const Published> own;
  std::shared_ptr<const Published> platform;
  std::tuple<int64_t, int64_t, rules::DocumentScope> key;
  Tenant* holder = nullptr;  // Tenants are never taken away.
  Held held;
  {
    MutexLock lock(mutex_);
    Tenant* const ours = tenant == *kPlatform ? nullptr : FindTenant(partition, tenant);
    Tenant* const theirs = FindTenant(partition, *kPlatform);
    if (ours != nullptr) own = ours->At(as_of, at);
    if (theirs != nullptr) platform = theirs->At(as_of, at);
    held.version = version_.load(std::memory_order_relaxed);
    for (const auto& [from, chosen] : {std::pair(ours, own.get()), {theirs, platform.get()}}) {
      if (from == nullptr) continue;
      held.newest = std::max(held.newest, from->newest);
      from->Narrow(chosen, as_of, at, held);
    }
    if (platform == nullptr) platform = shipped_;
    if (own == nullptr && platform == nullptr) {
      held.active = *kNothing;
      return held;
    }
    for (const Published* part : {own.get(), platform.get()}) {
      if (part == nullptr) continue;
      held.by_organisation = held.by_organisation || part->by_organisation;
      held.by_branch = held.by_branch || part->by_branch;
      held.by_channel = held.by_channel || part->by_channel;
    }
    // What no document names makes no difference.
    rules::DocumentScope named;
    if (held.by_organisation) named.organisation = scope.organisation;
    if (held.by_branch) named.branch = scope.branch;
    if (held.by_channel) named.channel = scope.channel;
    // Tenants without documents of their own share the platform's.
    holder = own != nullptr ? ours : theirs != nullptr ? theirs : nobody_.get();
    key = {own == nullptr ? 0 : own->number, platform == nullptr ? 0 : platform->number,
           std::move(named)};
    const auto found = holder->resolved.find(key);
    if (found != holder->resolved.end()) {
      held.active = found->second;
      return held;
    }
  }
  auto active = std::make_shared<Active>();
  std::vector<SetDocument> documents;
  std::string missing;
  DocumentSet head;
  if (platform != nullptr) {
    documents = platform->documents;
    missing = platform->missing;
    head.platform_activation = platform->number;
    head.effective_from = platform->effective_from;
  }
  if (own != nullptr) {
    documents.insert(documents.end(), own->documents.begin(), own->documents.end());
    if (!own->missing.empty()) missing = own->missing;
    head.activation = own->number;
    head.effective_from = std::max(head.effective_from, own->effective_from);
  }
  active->set = rules::Resolve(documents, scope);
  active->set.activation = head.activation;
  active->set.platform_activation = head.platform_activation;
  active->set.effective_from = head.effective_from;
  active->compiled = Compile(active->set);
  const auto stale = [&](absl::string_view why) {
    return FailedPrecondition(
        "RULES_STALE",
        absl::StrCat("activation ", head.activation, " (platform ", head.platform_activation,
                     ") cannot be used on this node: ", why),
        {{"activation", absl::StrCat(head.activation)},
         {"platform_activation", absl::StrCat(head.platform_activation)}});
  };
  if (!missing.empty()) {
    active->status = stale(absl::StrCat("the text of ", missing, " is not here"));
  } else if (!active->compiled->sound()) {
    for (const rules::Finding& finding : active->compiled->findings) {
      if (!finding.is_error()) continue;
      active->status = stale(absl::StrCat(finding.document, " ", finding.path, ": ",
                                          finding.message));
      break;
    }
  }
  MutexLock lock(mutex_);
  if (holder->resolved.size() >= kResolvedMax) holder->resolved.clear();
  held.active = holder->resolved.emplace(key, std::move(active)).first->second;
  return held;
}

std::shared_ptr<const rules::CompiledSet> DocumentReader::Compile(const DocumentSet& set) const {
  // What is made of a set may name the tenant's activation.
  const std::string signature = absl::StrCat(set.activation, "\n", set.Signature());
  // One at a time: many requests may wait for the same set.
  MutexLock lock(compiling_);
  if (const auto found = compiled_.find(signature); found != compiled_.end()) {
    if (auto compiled = found->second.lock()) return compiled;
  }
  for (auto it = compiled_.begin(); it != compiled_.end();) {
    it = it->second.expired() ? compiled_.erase(it) : std::next(it);
  }
  auto compiled = rules::CompileSet(set, kinds_);
  compiled_[signature] = compiled;
  return compiled;
}

std::vector<std::pair<std::string, absl::Status>> DocumentReader::Stale(absl::Time now) const {
  std::map<std::string, absl::Status> stale;
  MutexLock lock(mutex_);
  for (const auto& [at, tenant] : tenants_) {
    const auto current = tenant->At(now, {INT64_MAX, INT64_MAX});
    if (current == nullptr) continue;
    for (const auto& [key, active] : tenant->resolved) {
      const int64_t own = std::get<0>(key) != 0 ? std::get<0>(key) : std::get<1>(key);
      if (own == current->number && !active->status.ok()) {
        stale.emplace(at.second, active->status);  // The platform stands in many partitions.
        break;
      }
    }
  }
  return {stale.begin(), stale.end()};
}

}  // namespace weft::documents
