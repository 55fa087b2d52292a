// Between messages and the values of libs/rules.
#pragma once

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "libs/engine/table.h"
#include "libs/rules/documents/activation.h"
#include "libs/rules/documents/document.h"
#include "libs/rules/documents/life.h"
#include "weft/documents/v1/documents.pb.h"

namespace weft::documents {

rules::DocumentKey KeyOf(const v1::DocumentRef& ref);
void SetRef(const rules::DocumentKey& key, int64_t version, v1::DocumentRef& ref);
// kind id organisation branch channel, as the start of a stored key.
engine::Key RowKey(const rules::DocumentKey& key);

rules::Activation ActivationOf(const v1::Activation& message);
// The core of it; room, by, reason and times of publishing are the caller's.
void SetActivation(const rules::Activation& activation, v1::Activation& message);

void SetFinding(const rules::Finding& finding, v1::Finding& message);

google::protobuf::Timestamp TimestampOf(absl::Time time);
absl::Time TimeOf(const google::protobuf::Timestamp& timestamp);

v1::DocumentState StateOf(rules::VersionState state);
rules::VersionState StateOf(v1::DocumentState state);

}  // namespace weft::documents
