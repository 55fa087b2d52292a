#include "tests/sim/rooms.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/engine/table.h"

namespace weft::sim {
namespace {

using Words = std::vector<std::string>;

struct WordsCodec {
  static void Encode(const Words& row, std::string& out) { out += absl::StrJoin(row, " "); }
  static absl::StatusOr<Words> Decode(absl::string_view bytes, int /*version*/) {
    return Words(absl::StrSplit(bytes, ' '));
  }
};
using WordsTable = engine::Table<Words, WordsCodec>;

Words Split(absl::string_view text) { return absl::StrSplit(text, ' '); }

int64_t Number(const std::string& word) {
  int64_t number = 0;
  return absl::SimpleAtoi(word, &number) ? number : 0;
}

std::string Text(int64_t number) { return absl::StrCat(number); }

// --- stock -------------------------------------------------------------------

constexpr char kStockTopic[] = "sim.stock.v1";
constexpr char kReserve[] = "sim.Stock/Reserve";
constexpr WordsTable kSkus{1, "skus"};                  // sku → available reserved
constexpr WordsTable kReservations{2, "reservations"};  // id → state fired {sku quantity}
constexpr WordsTable kAdds{3, "adds"};                  // request id → sku quantity

// Fields of a reservation.
enum : size_t { kState = 0, kFired = 1, kLines = 2 };

absl::StatusOr<Words> FindSku(const engine::Turn& turn, const std::string& sku) {
  WEFT_ASSIGN_OR_RETURN(std::optional<Words> row, turn.Find(kSkus, sku));
  return row.value_or(Words{"0", "0"});
}

void PutSku(engine::Turn& turn, const std::string& sku, const Words& row) {
  turn.Put(kSkus, sku, row);
  turn.EmitBytes(kStockTopic, "sim.SkuChanged", sku, absl::StrJoin(row, " "));
}

absl::StatusOr<std::string> Add(absl::string_view payload, engine::Turn& turn) {
  const Words in = Split(payload);
  WEFT_ASSIGN_OR_RETURN(Words sku, FindSku(turn, in[0]));
  sku[0] = Text(Number(sku[0]) + Number(in[1]));
  PutSku(turn, in[0], sku);
  turn.Put(kAdds, turn.request_id(), in);
  return sku[0];
}

// payload: hold-seconds (0 = for good) { sku quantity }
absl::StatusOr<std::string> Reserve(absl::string_view payload, engine::Turn& turn) {
  const Words in = Split(payload);
  Words reservation = {"held", "0"};
  for (size_t i = 1; i + 1 < in.size(); i += 2) {
    WEFT_ASSIGN_OR_RETURN(const Words sku, FindSku(turn, in[i]));
    if (Number(sku[0]) - Number(sku[1]) < Number(in[i + 1])) {
      return FailedPrecondition("SHORT", absl::StrCat("not enough of ", in[i]));
    }
    reservation.push_back(in[i]);
    reservation.push_back(in[i + 1]);
  }
  for (size_t i = 1; i + 1 < in.size(); i += 2) {
    WEFT_ASSIGN_OR_RETURN(Words sku, FindSku(turn, in[i]));
    sku[1] = Text(Number(sku[1]) + Number(in[i + 1]));
    PutSku(turn, in[i], sku);
  }
  turn.Put(kReservations, turn.request_id(), reservation);
  if (in[0] != "0") {
    turn.SetTimer("expire", turn.request_id(), turn.now() + absl::Seconds(Number(in[0])),
                  Text(absl::ToUnixMicros(turn.now() + absl::Seconds(Number(in[0])))));
  }
  return turn.NewId();
}

// The reserved quantities of its lines are free again.
absl::Status Free(engine::Turn& turn, const std::string& id, Words reservation,
                  const std::string& state) {
  for (size_t i = kLines; i + 1 < reservation.size(); i += 2) {
    WEFT_ASSIGN_OR_RETURN(Words sku, FindSku(turn, reservation[i]));
    sku[1] = Text(Number(sku[1]) - Number(reservation[i + 1]));
    PutSku(turn, reservation[i], sku);
  }
  reservation[kState] = state;
  turn.Put(kReservations, id, reservation);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Confirm(absl::string_view payload, engine::Turn& turn) {
  const std::string id(payload);
  WEFT_ASSIGN_OR_RETURN(std::optional<Words> row, turn.Find(kReservations, id));
  if (!row.has_value() || (*row)[kState] != "held") {
    return FailedPrecondition("NOT_HELD", "the reservation is not held any more");
  }
  (*row)[kState] = "firm";
  turn.Put(kReservations, id, *row);
  turn.CancelTimer("expire", id);
  return std::string("firm");
}

absl::StatusOr<std::string> Release(absl::string_view payload, engine::Turn& turn) {
  const std::string id(payload);
  WEFT_ASSIGN_OR_RETURN(std::optional<Words> row, turn.Find(kReservations, id));
  if (!row.has_value()) {
    turn.LeaveUndoMark(kReserve, id);
    return std::string("marked");
  }
  if ((*row)[kState] == "held" || (*row)[kState] == "firm") {
    WEFT_RETURN_IF_ERROR(Free(turn, id, *row, "released"));
    turn.CancelTimer("expire", id);
  }
  return std::string("released");
}

// --- bank --------------------------------------------------------------------

constexpr char kBankTopic[] = "sim.bank.v1";
constexpr char kCharge[] = "sim.Bank/Charge";
constexpr WordsTable kBalances{1, "balances"};  // "balance" → amount
constexpr WordsTable kCharges{2, "charges"};    // id → state amount
constexpr WordsTable kDeposits{3, "deposits"};  // request id → amount

absl::StatusOr<int64_t> Balance(const engine::RowReader& rows) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<Words> row, rows.Find(kBalances, "balance"));
  return row.has_value() ? Number((*row)[0]) : 0;
}

absl::Status Move(engine::Turn& turn, int64_t by) {
  WEFT_ASSIGN_OR_RETURN(const int64_t balance, Balance(turn));
  turn.Put(kBalances, "balance", Words{Text(balance + by)});
  turn.EmitBytes(kBankTopic, "sim.BalanceChanged", "balance", Text(balance + by));
  return absl::OkStatus();
}

absl::StatusOr<std::string> Deposit(absl::string_view payload, engine::Turn& turn) {
  WEFT_RETURN_IF_ERROR(Move(turn, Number(std::string(payload))));
  turn.Put(kDeposits, turn.request_id(), Words{std::string(payload)});
  return std::string("deposited");
}

absl::StatusOr<std::string> Charge(absl::string_view payload, engine::Turn& turn) {
  const int64_t amount = Number(std::string(payload));
  WEFT_ASSIGN_OR_RETURN(const int64_t balance, Balance(turn));
  if (balance < amount) return FailedPrecondition("NO_MONEY", "the balance is too low");
  WEFT_RETURN_IF_ERROR(Move(turn, -amount));
  turn.Put(kCharges, turn.request_id(), Words{"charged", Text(amount)});
  return std::string("charged");
}

absl::StatusOr<std::string> Refund(absl::string_view payload, engine::Turn& turn) {
  const std::string id(payload);
  WEFT_ASSIGN_OR_RETURN(std::optional<Words> row, turn.Find(kCharges, id));
  if (!row.has_value()) {
    turn.LeaveUndoMark(kCharge, id);
    return std::string("marked");
  }
  if ((*row)[0] == "charged") {
    WEFT_RETURN_IF_ERROR(Move(turn, Number((*row)[1])));
    (*row)[0] = "refunded";
    turn.Put(kCharges, id, *row);
  }
  return std::string("refunded");
}

// --- saga --------------------------------------------------------------------

constexpr char kSagaTopic[] = "sim.saga.v1";
// id → state undos-to-come amount
constexpr WordsTable kSagas{1, "sagas"};

std::string ReserveKey(const std::string& id) { return id + ".reserve"; }
std::string ChargeKey(const std::string& id) { return id + ".charge"; }

void PutSaga(engine::Turn& turn, const std::string& id, const Words& saga) {
  turn.Put(kSagas, id, saga);
  turn.EmitBytes(kSagaTopic, "sim.SagaChanged", id, absl::StrJoin(saga, " "));
}

// payload: deadline-seconds amount hold-seconds { sku quantity }
absl::StatusOr<std::string> StartSaga(absl::string_view payload, engine::Turn& turn) {
  const Words in = Split(payload);
  const std::string id = turn.NewId();
  PutSaga(turn, id, {"reserving", "0", in[1]});
  turn.StartTask({"reserve", ReserveKey(id),
                  absl::StrJoin(in.begin() + 2, in.end(), " ")});
  turn.SetTimer("deadline", id, turn.now() + absl::Seconds(Number(in[0])));
  return id;
}

// Undoes what was begun, whether or not it is known to have happened: even when
// it was refused, because an earlier attempt of the same call may still be under
// way and be decided otherwise.
void Undo(engine::Turn& turn, const std::string& id, Words saga, bool charge_begun) {
  saga[0] = "undoing";
  saga[1] = charge_begun ? "2" : "1";
  turn.StartTask({"release", id + ".release", ReserveKey(id)});
  if (charge_begun) turn.StartTask({"refund", id + ".refund", ChargeKey(id)});
  turn.CancelTimer("deadline", id);
  PutSaga(turn, id, saga);
}

std::string SagaOf(const std::string& task_key) {
  return task_key.substr(0, task_key.rfind('.'));
}

void OnReserved(const engine::TaskResult& result, engine::Turn& turn) {
  const std::string id = SagaOf(result.key);
  Words saga = *turn.Get(kSagas, id);
  if (saga[0] != "reserving") return;  // Its undo is under way.
  if (!result.status.ok()) return Undo(turn, id, saga, /*charge_begun=*/false);
  saga[0] = "charging";
  turn.StartTask({"charge", ChargeKey(id), saga[2]});
  PutSaga(turn, id, saga);
}

void OnCharged(const engine::TaskResult& result, engine::Turn& turn) {
  const std::string id = SagaOf(result.key);
  Words saga = *turn.Get(kSagas, id);
  if (saga[0] != "charging") return;
  if (!result.status.ok()) return Undo(turn, id, saga, /*charge_begun=*/true);
  saga[0] = "confirming";
  turn.StartTask({"confirm", id + ".confirm", ReserveKey(id)});
  turn.CancelTimer("deadline", id);
  PutSaga(turn, id, saga);
}

void OnConfirmed(const engine::TaskResult& result, engine::Turn& turn) {
  const std::string id = SagaOf(result.key);
  Words saga = *turn.Get(kSagas, id);
  if (!result.status.ok()) return Undo(turn, id, saga, /*charge_begun=*/true);
  saga[0] = "done";
  PutSaga(turn, id, saga);
}

void OnDeadline(const engine::TimerFired& timer, engine::Turn& turn) {
  const Words saga = *turn.Get(kSagas, timer.key);
  if (saga[0] == "reserving") Undo(turn, timer.key, saga, /*charge_begun=*/false);
  if (saga[0] == "charging") Undo(turn, timer.key, saga, /*charge_begun=*/true);
}

// --- inlet -------------------------------------------------------------------

constexpr char kRawTopic[] = "sim.raw.in";
constexpr char kInletTopic[] = "sim.inlet.v1";
constexpr char kInletTenant[] = "acme";
constexpr int kRawKeys = 6;
constexpr int kRawPartitions = 4;  // Of every raw topic of the simulator.
constexpr WordsTable kTaken{1, "taken"};  // key → values, in order

absl::Status TakeRaw(const engine::RawRecord& record, engine::Turn& turn) {
  if (record.value == "bad") return InvalidArgument("BAD", "nobody can apply this");
  WEFT_ASSIGN_OR_RETURN(std::optional<Words> row, turn.Find(kTaken, record.key));
  Words taken = row.value_or(Words());
  taken.push_back(record.value);
  turn.Put(kTaken, record.key, taken);
  turn.EmitBytes(kInletTopic, "sim.Taken", record.key, record.value);
  return absl::OkStatus();
}

// --- mirror ------------------------------------------------------------------

constexpr WordsTable kLast{1, "last"};    // source subject → payload
constexpr WordsTable kCount{2, "count"};  // topic → events

absl::Status Reflect(const engine::Event& event, engine::Turn& turn) {
  turn.Put(kLast, absl::StrCat(event.source, " ", event.subject), Words{event.payload});
  WEFT_ASSIGN_OR_RETURN(const std::optional<Words> row, turn.Find(kCount, event.topic));
  turn.Put(kCount, event.topic, Words{Text(row.has_value() ? Number((*row)[0]) + 1 : 1)});
  return absl::OkStatus();
}

const char* const kTenants[] = {"acme", "blue", "corn"};
const char* const kTopics[] = {kStockTopic, kBankTopic, kSagaTopic, kInletTopic};

}  // namespace

std::shared_ptr<const engine::Program> MakeStock(testing::Simulator& sim) {
  auto program = std::make_shared<engine::Program>(kStock);
  program->commands["sim.Stock/Add"] = &Add;
  program->commands[kReserve] = &Reserve;
  program->commands["sim.Stock/Confirm"] = &Confirm;
  program->commands["sim.Stock/Release"] = &Release;
  program->Emits(kStockTopic, {});
  program->Timer("expire", [&sim](const engine::TimerFired& timer, engine::Turn& turn) {
    Words reservation = *turn.Get(kReservations, timer.key);
    reservation[kFired] = Text(Number(reservation[kFired]) + 1);
    if (turn.now() < timer.due || absl::ToUnixMicros(turn.now()) < Number(timer.payload)) {
      sim.Problem(absl::StrCat("the timer of ", timer.key, " fired early"));
    }
    if (reservation[kState] != "held") {
      sim.Problem(absl::StrCat("a timer of a reservation fired that is ",
                               reservation[kState]));
    }
    const absl::Status freed = Free(turn, timer.key, reservation, "expired");
    if (!freed.ok()) sim.Problem(freed.ToString());
  });
  return program;
}

std::shared_ptr<const engine::Program> MakeBank(testing::Simulator& /*sim*/) {
  auto program = std::make_shared<engine::Program>(kBank);
  program->commands["sim.Bank/Deposit"] = &Deposit;
  program->commands[kCharge] = &Charge;
  program->commands["sim.Bank/Refund"] = &Refund;
  program->Emits(kBankTopic, {});
  return program;
}

std::shared_ptr<const engine::Program> MakeSaga(testing::Simulator& sim) {
  auto program = std::make_shared<engine::Program>(kSaga);
  program->commands["sim.Saga/Start"] = &StartSaga;
  program->Emits(kSagaTopic, {});
  program->Timer("deadline", &OnDeadline);
  program->Task("reserve", sim.Caller(kStock, kReserve), &OnReserved);
  program->Task("charge", sim.Caller(kBank, kCharge), &OnCharged);
  program->Task("confirm", sim.Caller(kStock, "sim.Stock/Confirm"), &OnConfirmed);
  const auto undone = [&sim](const engine::TaskResult& result, engine::Turn& turn) {
    const std::string id = SagaOf(result.key);
    Words saga = *turn.Get(kSagas, id);
    if (!result.status.ok() || saga[0] != "undoing") {
      sim.Problem(absl::StrCat(result.kind, " of a saga that is ", saga[0], ": ",
                               result.status.ToString()));
    }
    saga[1] = Text(Number(saga[1]) - 1);
    if (saga[1] == "0") saga[0] = "failed";
    PutSaga(turn, id, saga);
  };
  program->Task("release", sim.Caller(kStock, "sim.Stock/Release"), undone);
  program->Task("refund", sim.Caller(kBank, "sim.Bank/Refund"), undone);
  return program;
}

std::shared_ptr<const engine::Program> MakeInlet(testing::Simulator& /*sim*/) {
  auto program = std::make_shared<engine::Program>(kInlet);
  program->Raw({kRawTopic, kInletTenant, &TakeRaw});
  program->Emits(kInletTopic, {});
  return program;
}

std::shared_ptr<const engine::Program> MakeMirror(testing::Simulator& /*sim*/) {
  auto program = std::make_shared<engine::Program>(kMirror);
  for (const char* topic : kTopics) program->Events(topic, &Reflect);
  return program;
}

void AddRooms(testing::Simulator& sim) {
  sim.AddRoom(kStock, [&sim] { return MakeStock(sim); });
  sim.AddRoom(kBank, [&sim] { return MakeBank(sim); });
  sim.AddRoom(kSaga, [&sim] { return MakeSaga(sim); });
  sim.AddRoom(kInlet, [&sim] { return MakeInlet(sim); });
  sim.AddRoom(kMirror, [&sim] { return MakeMirror(sim); });
}

void SendWork(testing::Simulator& sim, int round, int count) {
  for (int i = 0; i < count; ++i) {
    const int key = static_cast<int>(sim.Random(kRawKeys));
    sim.AppendRaw(kRawTopic, key % kRawPartitions, absl::StrCat("key", key),
                  sim.Chance(100) ? "bad" : absl::StrCat(round, ".", i));
    engine::Command command;
    command.principal.tenant = kTenants[sim.Random(3)];
    command.request_id = absl::StrCat("call-", round, "-", i);
    const auto lines = [&sim] {
      std::string text = absl::StrCat("sku", sim.Random(2), " ", 1 + sim.Random(6));
      if (sim.Chance(300)) absl::StrAppend(&text, " sku2 ", 1 + sim.Random(4));
      return text;
    };
    const auto hold = [&sim] { return sim.Chance(500) ? 0 : 1 + sim.Random(90); };
    std::string room;
    switch (sim.Random(8)) {
      case 0:
      case 1:
        room = kStock;
        command.method = "sim.Stock/Add";
        command.payload = absl::StrCat("sku", sim.Random(3), " ", 5 + sim.Random(10));
        break;
      case 2:
        room = kBank;
        command.method = "sim.Bank/Deposit";
        command.payload = absl::StrCat(20 + sim.Random(50));
        break;
      case 3:
        room = kStock;
        command.method = kReserve;
        command.payload = absl::StrCat(hold(), " ", lines());
        break;
      default:
        room = kSaga;
        command.method = "sim.Saga/Start";
        command.payload = absl::StrCat(1 + sim.Random(40), " ", 1 + sim.Random(30), " ",
                                       hold(), " ", lines());
        break;
    }
    sim.Send(room, std::move(command));
  }
}

void CheckRooms(testing::Simulator& sim) {
  // Each record from outside was taken once, in the order of its key.
  for (int key = 0; key < kRawKeys; ++key) {
    const std::string name = absl::StrCat("key", key);
    Words expected;
    for (const eventlog::Record& record : sim.Records(kRawTopic, key % kRawPartitions)) {
      if (record.key == name && *record.value != "bad") expected.push_back(*record.value);
    }
    const auto row = sim.View(kInlet, kInletTenant)->Find(kTaken, name);
    const Words taken = row.ok() && row->has_value() ? **row : Words();
    if (taken != expected) {
      sim.Problem(absl::StrCat("of ", name, " came ", absl::StrJoin(expected, " "),
                               ", taken was ", absl::StrJoin(taken, " ")));
    }
  }
  for (const char* tenant : kTenants) {
    const auto stock = sim.View(kStock, tenant);
    const auto bank = sim.View(kBank, tenant);
    const auto saga = sim.View(kSaga, tenant);
    const auto mirror = sim.View(kMirror, tenant);
    const auto wrong = [&](auto&&... parts) {
      sim.Problem(absl::StrCat(tenant, ": ", parts...));
    };

    // Stock adds up.
    std::map<std::string, int64_t> available;
    std::map<std::string, int64_t> reserved;
    (void)stock->Scan(kAdds, "", [&](absl::string_view, const Words& add) {
      available[add[0]] += Number(add[1]);
      return true;
    });
    std::map<std::string, std::string> reservations;
    (void)stock->Scan(kReservations, "", [&](absl::string_view id, const Words& row) {
      reservations[std::string(id)] = row[kState];
      const int64_t fired = Number(row[kFired]);
      if (fired != (row[kState] == "expired" ? 1 : 0)) {
        wrong("reservation ", id, " is ", row[kState], ", its timer fired ", fired, " times");
      }
      if (row[kState] != "held" && row[kState] != "firm") return true;
      for (size_t i = kLines; i + 1 < row.size(); i += 2) reserved[row[i]] += Number(row[i + 1]);
      return true;
    });
    (void)stock->Scan(kSkus, "", [&](absl::string_view sku, const Words& row) {
      const std::string name(sku);
      if (Number(row[0]) != available[name]) {
        wrong(name, " has ", row[0], " available, the additions say ", available[name]);
      }
      if (Number(row[1]) != reserved[name]) {
        wrong(name, " has ", row[1], " reserved, the reservations say ", reserved[name]);
      }
      if (reserved[name] > available[name]) wrong(name, " is promised twice");
      return true;
    });

    // The bank adds up.
    int64_t balance = 0;
    (void)bank->Scan(kDeposits, "", [&](absl::string_view, const Words& row) {
      balance += Number(row[0]);
      return true;
    });
    std::map<std::string, std::string> charges;
    (void)bank->Scan(kCharges, "", [&](absl::string_view id, const Words& row) {
      charges[std::string(id)] = row[0];
      if (row[0] == "charged") balance -= Number(row[1]);
      return true;
    });
    if (*Balance(*bank) != balance) {
      wrong("the balance is ", *Balance(*bank), ", the charges say ", balance);
    }
    if (balance < 0) wrong("the balance is negative");

    // Every saga ended, once, and what failed is undone.
    (void)saga->Scan(kSagas, "", [&](absl::string_view key, const Words& row) {
      const std::string id(key);
      const std::string reservation = reservations[ReserveKey(id)];
      const std::string charge = charges[ChargeKey(id)];
      if (row[0] == "done") {
        if (reservation != "firm") wrong("saga ", id, " is done, its stock ", reservation);
        if (charge != "charged") wrong("saga ", id, " is done, its money ", charge);
      } else if (row[0] == "failed") {
        if (reservation == "firm" || reservation == "held") {
          wrong("saga ", id, " failed, its stock is ", reservation);
        }
        if (charge == "charged") wrong("saga ", id, " failed, its money is charged");
      } else {
        wrong("saga ", id, " is left ", row[0]);
      }
      return true;
    });

    // The mirror equals the fold of the log.
    std::map<std::string, std::string> last;
    for (const char* topic : kTopics) {
      int64_t count = 0;
      for (const engine::Event& event : sim.Events(topic, PartitionOf(tenant))) {
        if (event.tenant != tenant) continue;
        ++count;
        last[absl::StrCat(event.source, " ", event.subject)] = event.payload;
      }
      const auto row = mirror->Find(kCount, topic);
      const int64_t applied = row.ok() && row->has_value() ? Number((**row)[0]) : 0;
      if (applied != count) {
        wrong("the mirror applied ", applied, " events of ", topic, ", the log has ", count);
      }
    }
    std::map<std::string, std::string> mirrored;
    (void)mirror->Scan(kLast, "", [&](absl::string_view subject, const Words& row) {
      mirrored[std::string(subject)] = absl::StrJoin(row, " ");
      return true;
    });
    if (mirrored != last) wrong("the mirror shows something else than the log");
  }
}

}  // namespace weft::sim
