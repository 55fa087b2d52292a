#include "libs/service/documents/again.h"

#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/service/documents/convert.h"
#include "libs/service/documents/store.h"

namespace weft::documents {
namespace {

using engine::Turn;

constexpr char kAgainTimer[] = "documents.again";
// Texts of one turn; one alone may be larger.
constexpr size_t kTurnBytes = 256 << 10;

absl::Status OnEvent(const engine::Event& event, Turn& turn) {
  const int64_t generation = turn.position().generation;
  if (generation <= 1 || event.tenant == engine::kPlatformTenant) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(std::optional<v1::HeadRow> head, turn.Find(kHead, ""));
  if (!head.has_value() || head->generation() >= generation) return absl::OkStatus();
  head->set_generation(generation);
  turn.Put(kHead, "", *head);
  turn.SetTimer(kAgainTimer, "", turn.now());
  return absl::OkStatus();
}

// Those that count now or will.
absl::StatusOr<std::vector<v1::Activation>> ReadStanding(const Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const rules::Activations all, ReadActivations(turn));
  const rules::Activation* const current = rules::ActiveAt(all, turn.now());
  std::vector<v1::Activation> standing;
  for (const auto& [number, activation] : all) {
    if (&activation != current && activation.effective_from <= turn.now()) continue;
    WEFT_ASSIGN_OR_RETURN(std::optional<v1::Activation> row,
                          turn.Find(kActivations, engine::Key().Add(number).Take()));
    if (row.has_value()) standing.push_back(*std::move(row));
  }
  return standing;
}

// Writes the texts behind the one `written` names; at their end the activations.
absl::Status WriteAgain(const std::string& room, const std::string& written, Turn& turn) {
  WEFT_ASSIGN_OR_RETURN(const std::vector<v1::Activation> standing, ReadStanding(turn));
  std::map<std::string, std::pair<rules::DocumentKey, int64_t>> texts;
  for (const v1::Activation& activation : standing) {
    for (const auto& [key, version] : ActivationOf(activation).documents) {
      texts[VersionKey(key, version.version)] = {key, version.version};
    }
  }
  size_t bytes = 0;
  for (auto text = texts.upper_bound(written); text != texts.end(); ++text) {
    const auto& [key, version] = text->second;
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::VersionRow> row, FindVersion(turn, key, version));
    if (!row.has_value()) continue;
    const size_t size = row->document().source().size();
    if (bytes > 0 && bytes + size > kTurnBytes) {
      turn.SetTimer(kAgainTimer, "", turn.now(), std::prev(text)->first);
      return absl::OkStatus();
    }
    bytes += size;
    EmitBody(room, row->document(), std::nullopt, turn);
  }
  for (const v1::Activation& activation : standing) EmitActivation(activation, std::nullopt, turn);
  return absl::OkStatus();
}

}  // namespace

void EmitBody(const std::string& room, const v1::Document& document,
              std::optional<uint32_t> partition, Turn& turn) {
  v1::DocumentPublished body;
  body.set_room(room);
  *body.mutable_ref() = document.ref();
  body.set_hash(document.hash());
  body.set_source(document.source());
  const std::string subject =
      absl::StrCat("documents/", room, "/", KeyOf(document.ref()).ToText());
  if (partition.has_value()) {
    turn.EmitTo(*partition, engine::kTimeline, subject, body);
  } else {
    turn.Emit(engine::kTimeline, subject, body);
  }
}

void EmitActivation(const v1::Activation& activation, std::optional<uint32_t> partition,
                    Turn& turn) {
  v1::ActivationPublished published;
  *published.mutable_activation() = activation;
  const std::string subject = absl::StrCat("activations/", activation.room());
  if (partition.has_value()) {
    turn.EmitTo(*partition, engine::kTimeline, subject, published);
  } else {
    turn.Emit(engine::kTimeline, subject, published);
  }
}

void MountAgain(const std::string& room, engine::Program& program) {
  program.Events(engine::kTimeline, &OnEvent);
  program.Timer(kAgainTimer, [room](const engine::TimerFired& timer, Turn& turn) {
    const absl::Status written = WriteAgain(room, timer.payload, turn);
    // Rows that cannot be read now are tried again.
    if (!written.ok()) {
      turn.SetTimer(kAgainTimer, "", turn.now() + absl::Minutes(1), timer.payload);
    }
  });
}

}  // namespace weft::documents
