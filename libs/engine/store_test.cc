// The contract of Store, over both adapters.
#include "libs/engine/store.h"

#include <catch2/catch.hpp>

#include "libs/engine/mem_store.h"
#include "libs/engine/rocks_store.h"
#include "libs/testing/paths.h"

namespace weft::engine {
namespace {

struct MemAdapter {
  std::unique_ptr<MemStore> store = std::make_unique<MemStore>();
  Store& operator*() { return *store; }
  Store* operator->() { return store.get(); }
  void Reopen() { store->Crash(); }
  std::unique_ptr<Store> OpenCheckpoint(const std::string& folder) {
    auto opened = MemStore::Restore(folder);
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
};

struct RocksAdapter {
  testing::TempDir dir;
  std::unique_ptr<Store> store;
  RocksAdapter() { Reopen(); }
  Store& operator*() { return *store; }
  Store* operator->() { return store.get(); }
  void Reopen() {
    store.reset();
    auto opened = OpenRocksStore({.folder = dir.path() + "/db"});
    REQUIRE(opened.ok());
    store = *std::move(opened);
  }
  std::unique_ptr<Store> OpenCheckpoint(const std::string& folder) {
    auto opened = OpenRocksStore({.folder = folder, .read_only = true});
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
};

std::string Get(Store& store, Family family, absl::string_view key,
                const Snapshot* snapshot = nullptr) {
  const auto value = store.Get(family, key, snapshot);
  REQUIRE(value.ok());
  return value->value_or("(none)");
}

std::string Scan(Store& store, Family family, absl::string_view begin, absl::string_view end,
                 const Snapshot* snapshot = nullptr) {
  std::string text;
  const auto it = store.Scan(family, begin, end, snapshot);
  for (; it->Valid(); it->Next()) {
    text += std::string(it->key()) + "=" + std::string(it->value()) + " ";
  }
  REQUIRE(it->status().ok());
  return text;
}

TEMPLATE_TEST_CASE("a batch changes several families at once", "[store]", MemAdapter,
                   RocksAdapter) {
  TestType store;
  Batch batch;
  batch.Put(Family::kState, "a", "1");
  batch.Put(Family::kOutbox, "a", "2");
  batch.Delete(Family::kState, "b");

  REQUIRE(store->Write(batch, true).ok());

  CHECK(Get(*store, Family::kState, "a") == "1");
  CHECK(Get(*store, Family::kOutbox, "a") == "2");
  CHECK(Get(*store, Family::kTimers, "a") == "(none)");
}

TEMPLATE_TEST_CASE("a later change of one key in a batch wins", "[store]", MemAdapter,
                   RocksAdapter) {
  TestType store;
  Batch batch;
  batch.Put(Family::kState, "a", "1");
  batch.Delete(Family::kState, "a");
  batch.Put(Family::kState, "a", "3");
  batch.Put(Family::kState, "b", "1");
  batch.Delete(Family::kState, "b");

  REQUIRE(store->Write(batch, true).ok());

  CHECK(Scan(*store, Family::kState, "", "") == "a=3 ");
}

TEMPLATE_TEST_CASE("a scan gives the rows from begin up to and without end, in byte order",
                   "[store]", MemAdapter, RocksAdapter) {
  TestType store;
  Batch batch;
  for (const char* key : {"b", "a", "c", "\xff", "aa"}) batch.Put(Family::kState, key, "v");
  REQUIRE(store->Write(batch, true).ok());

  CHECK(Scan(*store, Family::kState, "", "") == "a=v aa=v b=v c=v \xff=v ");
  CHECK(Scan(*store, Family::kState, "a", "b") == "a=v aa=v ");
  CHECK(Scan(*store, Family::kState, "aaa", "") == "b=v c=v \xff=v ");
  CHECK(Scan(*store, Family::kState, "d", "e").empty());
}

TEMPLATE_TEST_CASE("a range is deleted without its end", "[store]", MemAdapter, RocksAdapter) {
  TestType store;
  Batch batch;
  for (const char* key : {"a", "b", "c", "d"}) batch.Put(Family::kOutbox, key, "v");
  REQUIRE(store->Write(batch, true).ok());

  Batch deletion;
  deletion.DeleteRange(Family::kOutbox, "b", "d");
  REQUIRE(store->Write(deletion, true).ok());

  CHECK(Scan(*store, Family::kOutbox, "", "") == "a=v d=v ");
}

TEMPLATE_TEST_CASE("a snapshot does not see later writes", "[store]", MemAdapter, RocksAdapter) {
  TestType store;
  Batch first;
  first.Put(Family::kState, "a", "1");
  REQUIRE(store->Write(first, true).ok());

  {
    const auto snapshot = store->TakeSnapshot();
    Batch second;
    second.Put(Family::kState, "a", "2");
    second.Put(Family::kState, "b", "2");
    REQUIRE(store->Write(second, true).ok());

    CHECK(Get(*store, Family::kState, "a", snapshot.get()) == "1");
    CHECK(Scan(*store, Family::kState, "", "", snapshot.get()) == "a=1 ");
  }
  CHECK(Scan(*store, Family::kState, "", "") == "a=2 b=2 ");
}

TEMPLATE_TEST_CASE("an iterator stands on what it saw when it was made", "[store]", MemAdapter,
                   RocksAdapter) {
  TestType store;
  Batch first;
  first.Put(Family::kState, "a", "1");
  first.Put(Family::kState, "b", "1");
  REQUIRE(store->Write(first, true).ok());

  {
    const auto it = store->Scan(Family::kState, "", "");
    Batch second;
    second.Delete(Family::kState, "b");
    REQUIRE(store->Write(second, true).ok());
    it->Next();
    REQUIRE(it->Valid());
    CHECK(it->key() == "b");
  }
  CHECK(Scan(*store, Family::kState, "", "") == "a=1 ");
}

TEMPLATE_TEST_CASE("synced rows are there after opening again", "[store]", MemAdapter,
                   RocksAdapter) {
  TestType store;
  Batch batch;
  batch.Put(Family::kState, "a", "1");
  REQUIRE(store->Write(batch, false).ok());
  REQUIRE(store->Sync().ok());

  store.Reopen();

  CHECK(Get(*store, Family::kState, "a") == "1");
}

TEMPLATE_TEST_CASE("a checkpoint holds the rows of its moment and opens by itself", "[store]",
                   MemAdapter, RocksAdapter) {
  TestType store;
  testing::TempDir dir;
  Batch first;
  first.Put(Family::kState, "a", "1");
  REQUIRE(store->Write(first, false).ok());

  REQUIRE(store->Checkpoint(dir.path() + "/checkpoint").ok());
  Batch second;
  second.Put(Family::kState, "a", "2");
  REQUIRE(store->Write(second, true).ok());

  const auto copy = store.OpenCheckpoint(dir.path() + "/checkpoint");
  CHECK(Get(*copy, Family::kState, "a") == "1");
  CHECK(Get(*store, Family::kState, "a") == "2");
  CHECK_FALSE(store->Checkpoint(dir.path() + "/checkpoint").ok());
}

TEST_CASE("a crash of the memory store loses what was not synced, and nothing else", "[store]") {
  MemStore store;
  const auto put = [&](const char* key, const char* value, bool sync) {
    Batch batch;
    batch.Put(Family::kState, key, value);
    REQUIRE(store.Write(batch, sync).ok());
  };
  put("a", "1", true);
  put("a", "2", false);
  put("b", "2", false);
  put("b", "3", false);
  REQUIRE(store.unsynced() == 3);

  SECTION("all of it") {
    store.Crash();
    CHECK(Scan(store, Family::kState, "", "") == "a=1 ");
  }
  SECTION("behind what reached the disk by itself") {
    store.Crash(/*kept=*/2);
    CHECK(Scan(store, Family::kState, "", "") == "a=2 b=2 ");
  }
}

TEST_CASE("a folder that is open cannot be opened twice", "[store]") {
  testing::TempDir dir;
  const auto first = OpenRocksStore({.folder = dir.path()});
  REQUIRE(first.ok());
  CHECK_FALSE(OpenRocksStore({.folder = dir.path()}).ok());
}

TEST_CASE("the end of a prefix is the first key behind it", "[store]") {
  CHECK(PrefixEnd("a") == "b");
  CHECK(PrefixEnd(std::string("a\xff")) == "b");
  CHECK(PrefixEnd(std::string("\xff\xff")).empty());
  CHECK(PrefixEnd("").empty());
}

}  // namespace
}  // namespace weft::engine
