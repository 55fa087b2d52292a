// Commands that ask the admin ports of processes rather than a gateway: `weft log`,
// `weft state`.
#pragma once

#include <string>
#include <vector>

#include "tools/weft/session.h"

namespace weft::cli {

// One process and how to ask it; `where` is its admin port's URL.
struct Admin {
  std::string where;
  Session* session = nullptr;
};
using Admins = std::vector<Admin>;

// --- log.cc -------------------------------------------------------------------
int LogStatus(const Admins& admins);
struct LogActionOptions {
  std::string verb;  // rebuild, reseed
  std::string room;  // "" = all the process runs that it can be done to.
  std::string topic;  // One it writes that was made anew; "" = what the process noticed.
  std::string reason;
  bool dry_run = false;
  bool yes = false;
};
int LogAction(const Admins& admins, const LogActionOptions& options);

// --- state.cc -----------------------------------------------------------------
int StateCheckpoint(const Admins& admins);
int StateList(const Admins& admins);

// On folders of this machine, whose processes are stopped; `common` says how to show.
struct StateFolderOptions {
  std::string checkpoint;  // Of a room, or of a house.
  std::string data_dir;    // Where rooms are restored to.
  std::string room;        // Only this one; "" = all of the checkpoint.
  int shards = 0;          // Reshard to so many.
  std::string kafka;       // Where the changelog is; "" = the embedded log.
  bool dry_run = false;
  bool yes = false;
};
int StateVerify(Terminal& terminal, const Common& common, const StateFolderOptions& options);
int StateRestore(Terminal& terminal, const Common& common, const StateFolderOptions& options);
int StateReshard(Terminal& terminal, const Common& common, const StateFolderOptions& options);

// Asks on the terminal; true for yes. Without a terminal to ask on it is no.
bool Confirm(Terminal& terminal, const std::string& question);

}  // namespace weft::cli
