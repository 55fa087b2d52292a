// A pricing room that follows documents, for tests: they come on the timeline, as the
// owner publishes them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/hash.h"
#include "libs/rules/document/tree.h"
#include "services/pricing/rule_documents.h"
#include "services/pricing/testing/pricing_bench.h"
#include "weft/documents/v1/documents.pb.h"

namespace weft::pricing {

// First of the bases: the room follows it.
struct FollowedDocuments {
  documents::DocumentReader reader{"pricing", PricingKinds(), ShippedDocuments()};
};

class PublishedBench : private FollowedDocuments, public PricingBench {
 public:
  PublishedBench() : PricingBench({}, std::string(32, 'k'), &reader) {}

  const weft::documents::DocumentReader& documents() const { return reader; }

  // One activation more: these take the place of those of the same kind and id, from
  // `from` on. Returns its number.
  int64_t Publish(const std::vector<std::string>& bodies,
                  const char* from = "2026-01-01T00:00:00Z") {
    for (const std::string& body : bodies) {
      rules::Tree tree;
      rules::Fault fault;
      if (!rules::ReadTree(body, tree, fault)) std::abort();
      weft::documents::v1::DocumentPublished published;
      published.set_room("pricing");
      weft::documents::v1::DocumentRef& ref = *published.mutable_ref();
      ref.set_kind(tree.TextOr("kind"));
      ref.set_id(tree.TextOr("id"));
      ref.set_version(++versions_[ref.kind() + ref.id()]);
      published.set_hash(Hex(Sha256(body)));
      published.set_source(body);
      weft::documents::v1::ActivatedDocument& active = active_[ref.kind() + ref.id()];
      *active.mutable_ref() = ref;
      active.set_hash(published.hash());
      Fact(absl::StrCat("documents/pricing/", ref.id(), "/", ref.version()), published);
    }
    weft::documents::v1::ActivationPublished switched;
    weft::documents::v1::Activation& activation = *switched.mutable_activation();
    activation.set_number(++activation_);
    activation.set_room("pricing");
    SetUs(*activation.mutable_effective_from(), from);
    for (const auto& [key, active] : active_) *activation.add_documents() = active;
    Fact(absl::StrCat("activations/pricing/", activation_), switched);
    return activation_;
  }

 private:
  std::map<std::string, weft::documents::v1::ActivatedDocument> active_;
  std::map<std::string, int64_t> versions_;
  int64_t activation_ = 0;
};

}  // namespace weft::pricing
