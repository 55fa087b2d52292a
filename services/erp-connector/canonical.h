// The canonical format: Weft's own JSON for ERPs that have none of their own.
// One object a message; README.md and canonical.schema.json describe it.
//
// Reading goes in two steps so that a message with a mistake in it still shows
// whose it is: first the envelope and the key, then the content.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "services/erp-connector/domain/kind.h"
#include "services/erp-connector/domain/message_order.h"
#include "services/erp-connector/json_tree.h"
#include "services/erp-connector/problem.h"

namespace weft::erp {

// What is known of a message without its content.
struct Envelope {
  std::string type;
  Kind kind = Kind::kItem;     // Only when `typed`.
  bool typed = false;
  std::string id;
  Marks marks;
  bool deleted = false;
  bool patch = false;
  uint32_t data = 0;           // Node of the content.
  std::vector<std::string> key;  // Parts of the object's key; empty when unreadable.
  // What must stay in order: the object, or, for answers about an order, the order.
  std::string queue;
};

// Fills `envelope` as far as it can be read. False with the first problem.
bool ReadEnvelope(const JsonTree& tree, uint32_t root, Envelope& envelope, Problem& problem);

// "LIST/85123A//1": for people.
std::string KeyForPeople(const std::vector<std::string>& key);

// Number of parts of a key of this kind; 0 when it has none (control messages).
int KeyParts(Kind kind);

// A reference from one object to another of the same connection.
struct Reference {
  Kind kind;
  std::vector<std::string> key;
};

// What a message says, as the event it becomes.
struct Content {
  std::unique_ptr<google::protobuf::Message> event;  // Null for control messages.
  std::vector<Reference> references;
};

// An empty event of the kind, for patches and deletes. Null for control messages.
std::unique_ptr<google::protobuf::Message> NewEvent(Kind kind);

// Reads the content into `content.event`, which for a patch holds the object as
// it is known and otherwise is made here.
bool ReadContent(const JsonTree& tree, const Envelope& envelope, Content& content,
                 Problem& problem);

// The event that says the object is gone: its identity and `deleted`. Null for a
// user (a tombstone) and for kinds that cannot be deleted.
std::unique_ptr<google::protobuf::Message> DeletedEvent(Kind kind,
                                                        const std::vector<std::string>& key);

// Subject of the object's events. Example: "prices/LIST/85123A//1".
std::string SubjectOf(Kind kind, const std::vector<std::string>& key);

// load.begin and load.end.
struct LoadMessage {
  std::string load;
  std::vector<Kind> kinds;  // Of load.begin.
};
bool ReadLoad(const JsonTree& tree, const Envelope& envelope, LoadMessage& load,
              Problem& problem);

}  // namespace weft::erp
