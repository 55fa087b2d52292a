// Small rooms for the simulator, one for each thing the engine promises, and
// what must hold of them.
//
//   stock   reservations, all or nothing, with expiry; undo of a reservation
//   bank    charges against a balance; undo of a charge
//   saga    reserve, charge, confirm: by tasks, undone when it fails or is late
//   inlet   takes records from outside, some of which nobody can apply
//   mirror  a projection of all they say
//
// Payloads and rows are numbers and words with spaces between them.
#pragma once

#include <memory>
#include <string>

#include "libs/engine/program.h"
#include "libs/testing/simulator.h"

namespace weft::sim {

inline constexpr char kStock[] = "stock";
inline constexpr char kBank[] = "bank";
inline constexpr char kSaga[] = "saga";
inline constexpr char kInlet[] = "inlet";
inline constexpr char kMirror[] = "mirror";

std::shared_ptr<const engine::Program> MakeStock(testing::Simulator& sim);
std::shared_ptr<const engine::Program> MakeBank(testing::Simulator& sim);
std::shared_ptr<const engine::Program> MakeSaga(testing::Simulator& sim);
std::shared_ptr<const engine::Program> MakeInlet(testing::Simulator& sim);
std::shared_ptr<const engine::Program> MakeMirror(testing::Simulator& sim);

// Adds the rooms; Start() is the caller's.
void AddRooms(testing::Simulator& sim);

// Sends `count` commands of callers of three tenants.
void SendWork(testing::Simulator& sim, int round, int count);

// What must hold of them once nothing is left to do. Says what does not to
// sim.Problem().
void CheckRooms(testing::Simulator& sim);

}  // namespace weft::sim
