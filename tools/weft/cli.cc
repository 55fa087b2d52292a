#include "tools/weft/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/telemetry/metrics.h"
#include "tools/weft/admin.h"
#include "tools/weft/commands.h"
#include "tools/weft/session.h"

namespace weft::cli {
namespace {

constexpr char kDefaultAdmin[] = "http://127.0.0.1:8081";

// What to run once the arguments are read; takes the session.
using Action = std::function<int(Session&)>;
// The same for the admin ports of several processes, and without any server.
using AdminAction = std::function<int(const Admins&)>;
using LocalAction = std::function<int(Terminal&)>;
struct Actions {
  Action mesh;
  AdminAction admin;
  LocalAction local;
  std::vector<std::string> admins;  // URLs.
};

class Builder {
 public:
  Builder(CLI::App& app, Common& common, Actions& actions) : common_(common), actions_(actions) {
    app.require_subcommand(1);
    Status(app);
    Price(app);
    Stock(app);
    Order(app);
    Approval(app);
    Suggestion(app, "suggestion");
    // The room's own word for it.
    Suggestion(app, "reorder");
    Erp(app);
    Log(app);
    State(app);
    Import(app);
    Audit(app);
    Document(app);
  }

 private:
  // A command that asks a mesh, with the options all of these have.
  template <typename Run>
  CLI::App* Command(CLI::App& parent, const std::string& name, const std::string& help, Run run,
                    bool csv = false) {
    CLI::App* command = parent.add_subcommand(name, help);
    command->add_option("--server", common_.server, "Gateway, http://host:port (WEFT_SERVER)");
    Shared(command, csv);
    command->callback([this, run] { actions_.mesh = run; });
    return command;
  }
  // A command that asks admin ports.
  template <typename Run>
  CLI::App* AdminCommand(CLI::App& parent, const std::string& name, const std::string& help,
                         Run run) {
    CLI::App* command = parent.add_subcommand(name, help);
    command
        ->add_option("--admin", actions_.admins,
                     "Admin ports of processes, http://host:port (WEFT_ADMIN)")
        ->delimiter(',');
    Shared(command);
    command->callback([this, run] { actions_.admin = run; });
    return command;
  }
  // A command on folders of this machine.
  template <typename Run>
  CLI::App* LocalCommand(CLI::App& parent, const std::string& name, const std::string& help,
                         Run run) {
    CLI::App* command = parent.add_subcommand(name, help);
    command->callback([this, run] { actions_.local = run; });
    return command;
  }
  void ProgressOption(CLI::App* command) {
    command->add_option("--progress", common_.progress, "auto, plain or none")
        ->check(CLI::IsMember({"auto", "plain", "none"}));
  }
  void Shared(CLI::App* command, bool csv = false) {
    command->add_option("--token", common_.token, "Bearer token (WEFT_TOKEN)");
    command->add_option("--user", common_.user, "User to act for");
    command
        ->add_option_function<double>(
            "--timeout", [this](double s) { common_.timeout = absl::Seconds(s); },
            "Seconds to wait for an answer; 30 by default")
        ->check(CLI::Range(0.01, 300.0));
    command
        ->add_option_function<std::string>(
            "-o,--output",
            [this](const std::string& o) {
              common_.output = o == "json"   ? Output::kJson
                               : o == "name" ? Output::kName
                               : o == "token" ? Output::kToken
                               : o == "csv"  ? Output::kCsv
                                             : Output::kTable;
            },
            csv ? "table, json or csv" : "table, json, name; token: what --after takes")
        ->check(csv ? CLI::IsMember({"table", "json", "csv"})
                    : CLI::IsMember({"table", "json", "name", "token"}));
  }
  // A mutation.
  template <typename Run>
  CLI::App* Mutation(CLI::App& parent, const std::string& name, const std::string& help, Run run) {
    CLI::App* command = Command(parent, name, help, std::move(run));
    command->add_option("--request-id", common_.request_id,
                        "Key that makes a repeat harmless; a new one by default");
    return command;
  }
  static CLI::App* Noun(CLI::App& app, const std::string& name, const std::string& help) {
    return app.add_subcommand(name, help)->require_subcommand(1);
  }
  static void Limit(CLI::App* command, int& limit) {
    command->add_option("--limit", limit, "At most so many")->check(CLI::Range(1, 100000));
  }

  void Status(CLI::App& app) {
    Command(app, "status", "Whether the gateway and each room answer",
            [](Session& s) { return cli::Status(s); });
  }

  static void Buyer(CLI::App* c, std::string& account, std::string& channel,
                    std::string& currency, std::string& as_of) {
    c->add_option("--account,-a", account, "Account that buys");
    c->add_option("--channel", channel, "Channel");
    c->add_option("--currency", currency, "Currency, ISO 4217");
    c->add_option("--as-of", as_of, "Moment, RFC 3339");
  }

  void Price(CLI::App& app) {
    auto o = std::make_shared<PriceOptions>();
    CLI::App* price = Command(app, "price", "Prices: of an item, or one of the verbs below", [](Session&) {
      return kUsage;
    });
    // `weft price SKU` is `weft price calculate` of one item.
    price->callback([this, price, o] {
      if (!price->get_subcommands().empty()) return;
      if (o->sku.empty()) throw CLI::RequiredError("sku or a verb");
      actions_.mesh = [o](Session& s) { return cli::Price(s, *o); };
    });
    price->require_subcommand(0, 1);
    OneItem(price, *o);
    price->add_flag("--explain", o->explain, "Show the steps and what lost");

    auto told = std::make_shared<PriceOptions>();
    told->explain = true;
    CLI::App* c = Command(*price, "explain", "How the price of an item comes about",
                          [told](Session& s) { return cli::Price(s, *told); });
    OneItem(c, *told);

    auto lines = std::make_shared<PriceLinesOptions>();
    c = Command(*price, "calculate", "The prices of lines",
                [lines](Session& s) { return PriceCalculate(s, *lines); });
    Lines(c, *lines);
    c->add_option("--lock", lines->lock_file, "File with a price lock to use");
    c->add_flag("--list-price", lines->list_price, "Show the list price, too");
    c->add_flag("--tiers", lines->tiers, "Show the account's tiers, too");

    auto lock = std::make_shared<PriceLinesOptions>();
    c = Mutation(*price, "lock", "Sign the prices of lines, so that they hold until they expire",
                 [lock](Session& s) { return PriceLock(s, *lock); });
    Lines(c, *lock);
    c->add_flag("--tiers", lock->tiers, "Lock other quantities, too");
    c->add_option("--hours", lock->hours, "How long it holds; a day by default")
        ->check(CLI::Range(0.01, 8784.0));
    c->add_option("--reference", lock->reference, "Free text that goes into it");
    c->add_option("--out", lock->out_file, "Write the lock to this file");

    auto verify = std::make_shared<PriceVerifyOptions>();
    c = Command(*price, "verify-lock", "Whether a price lock holds; with --key without a server",
                [verify](Session& s) { return PriceVerifyLock(s, *verify); });
    c->add_option("file", verify->file, "File with the lock; - for standard input")->required();
    c->add_option("--key", verify->key_file, "Public keys, as weft price lock-keys shows them");
    c->add_option("--account,-a", verify->account, "Account that wants to use it");
    c->add_option("--tenant", verify->tenant, "With --key: tenant it must be of");
    Command(*price, "lock-keys", "The public keys of price locks",
            [](Session& s) { return PriceLockKeys(s); });

    auto watch = std::make_shared<PriceWatchOptions>();
    c = Command(*price, "watch", "Follow whose prices may have moved",
                [watch](Session& s) { return PriceWatch(s, *watch); });
    c->add_option("sku", watch->skus, "Only these items");
    c->add_option("--account,-a", watch->accounts, "Only these accounts")->allow_extra_args(false);
    c->add_option("--resume", watch->resume, "Token to go on behind");
    c->add_option("--count", watch->count, "End after so many messages")
        ->check(CLI::NonNegativeNumber);

    auto replay = std::make_shared<PriceReplayOptions>();
    c = Command(*price, "replay", "Compute a decision again and compare",
                [replay](Session& s) { return PriceReplay(s, *replay); });
    c->add_option("id", replay->id, "Decision id of a line")->required();
    c->add_option("--net", replay->net, "Net that was shown");
    c->add_option("--unit-price", replay->unit_price, "Unit price that was shown");
    c->add_option("--currency", replay->currency, "Its currency; the decision's by default");

    auto compare = std::make_shared<PriceCompareOptions>();
    c = Command(*price, "compare", "Hold another system's answers against ours, from CSV",
                [compare](Session& s) { return PriceCompare(s, *compare); });
    c->add_option("file", compare->file, "CSV: account, sku, quantity, unitPrice or net, ...")
        ->required();
    c->add_option("--channel", compare->channel, "Channel");
    c->add_option("--currency", compare->currency, "Currency; the account's by default");
    c->add_option("--as-of", compare->as_of, "Moment of lines without a date, RFC 3339");
    c->add_option("--tolerance", compare->tolerance, "Of a unit price; 0.01 by default");
    c->add_option("--time-zone", compare->time_zone, "Of dates; UTC by default");
    c->add_option("--noise", compare->noise, "Lines known to differ between two runs of theirs")
        ->check(CLI::NonNegativeNumber);
    c->add_option("--different-max", compare->different_max, "Gate: percent that may differ");
    c->add_option("--risk-max", compare->risk_max, "Gate: gross risk in money");
    c->add_option("--batch", compare->batch, "Lines a call")->check(CLI::Range(1, 5000));
    Limit(c, compare->limit);
    ProgressOption(c);
  }

  void OneItem(CLI::App* c, PriceOptions& o) {
    CLI::Option* sku = c->add_option("sku", o.sku, "Item");
    if (o.explain) sku->required();
    c->add_option("--quantity,-q", o.quantity, "Quantity; 1 by default");
    c->add_option("--unit", o.unit, "Unit; the item's base unit by default");
    c->add_option("--after", o.after, "Token of a change that the answer must know (-o token)");
    Buyer(c, o.account, o.channel, o.currency, o.as_of);
  }
  void Lines(CLI::App* c, PriceLinesOptions& o) {
    c->add_option("line", o.lines, "Lines, SKU=QUANTITY or SKU=QUANTITY:UNIT")->required();
    Buyer(c, o.account, o.channel, o.currency, o.as_of);
  }

  void Import(CLI::App& app) {
    auto o = std::make_shared<ImportOptions>();
    CLI::App* c = Command(app, "import", "Load a folder of CSV tables, after a look through them",
                          [o](Session& s) { return cli::Import(s, *o); }, true);
    c->add_option("folder", o->folder, "Folder with items.csv, prices.csv, ...")->required();
    c->add_flag("--preview", o->preview, "Only the report; nothing is sent");
    c->add_flag("--skip-bad", o->skip_bad, "Load the rest where rows are bad");
    c->add_option("--connection,-c", o->connection, "Connection; canonical by default");
    c->add_option("--time-zone", o->time_zone, "Of dates; UTC by default");
    c->add_option("--batch", o->batch, "Messages a call")->check(CLI::Range(1, 10000));
    c->add_option("--skip", o->skip, "Messages that are in already")
        ->check(CLI::NonNegativeNumber);
    ProgressOption(c);
  }

  void Audit(CLI::App& app) {
    auto o = std::make_shared<AuditOptions>();
    CLI::App* c = Command(app, "audit-invoices",
                          "Invoices against your own price lists and contracts, on this machine",
                          [o](Session& s) { return cli::AuditInvoices(s, *o); }, true);
    c->add_option("file", o->file, "CSV of invoice lines")->required();
    c->add_option("--tables", o->folder, "Folder with prices.csv, ...; the file's by default");
    c->add_option("--tolerance", o->tolerance, "Of a unit price; 0.01 by default");
    c->add_option("--time-zone", o->time_zone, "Of dates; UTC by default");
    Limit(c, o->limit);
  }

  void Stock(CLI::App& app) {
    auto o = std::make_shared<StockOptions>();
    CLI::App* c = Command(app, "stock", "What is available of items",
                          [o](Session& s) { return cli::Stock(s, *o); });
    c->add_option("sku", o->skus, "Items")->required();
    c->add_option("--location", o->locations, "Only these locations");
    c->add_option("--quantity,-q", o->quantity, "Quantity wanted");
    c->add_option("--unit", o->unit, "Unit of the quantity");
  }

  void Order(CLI::App& app) {
    CLI::App* order = Noun(app, "order", "Orders");
    auto submit = std::make_shared<OrderSubmitOptions>();
    CLI::App* c = Mutation(*order, "submit", "Submit an order",
                           [submit](Session& s) { return OrderSubmit(s, *submit); });
    c->add_option("line", submit->lines, "Lines, SKU=QUANTITY or SKU=QUANTITY:UNIT")->required();
    c->add_option("--account,-a", submit->account, "Account that buys");
    c->add_option("--channel", submit->channel, "Channel");
    c->add_option("--external-id", submit->external_id,
                  "The channel's own id of the order; the request id by default");
    c->add_option("--currency", submit->currency, "Currency, ISO 4217");
    c->add_option("--reference", submit->reference, "The buyer's reference");
    c->add_option("--requested-date", submit->requested_date, "Delivery wanted, YYYY-MM-DD");
    c->add_option("--notes", submit->notes, "Notes");

    auto id = std::make_shared<std::string>();
    Command(*order, "get", "Show an order", [id](Session& s) { return OrderGet(s, *id); })
        ->add_option("id", *id, "Order")
        ->required();

    auto list = std::make_shared<OrderListOptions>();
    c = Command(*order, "list", "List orders, newest first",
                [list](Session& s) { return OrderList(s, *list); });
    c->add_option("--account,-a", list->account, "Only of this account");
    c->add_option("--state", list->state, "Only in this state, such as sent");
    Limit(c, list->limit);

    auto watch = std::make_shared<OrderWatchOptions>();
    c = Command(*order, "watch", "Follow an order until it has ended",
                [watch](Session& s) { return OrderWatch(s, *watch); });
    c->add_option("id", watch->id, "Order")->required();
    c->add_option("--until", watch->until, "Stop at this state, such as acknowledged");

    auto cancel = std::make_shared<OrderCancelOptions>();
    c = Mutation(*order, "cancel", "Cancel an order or some of its lines",
                 [cancel](Session& s) { return OrderCancel(s, *cancel); });
    c->add_option("id", cancel->id, "Order")->required();
    c->add_option("--line", cancel->lines, "Only these line numbers");
    c->add_option("--reason", cancel->reason, "Why");

    auto again = std::make_shared<OrderReorderOptions>();
    c = Mutation(*order, "reorder", "Order the same again, with a result per line",
                 [again](Session& s) { return OrderReorder(s, *again); });
    c->add_option("id", again->id, "Order")->required();
    c->add_option("--account,-a", again->account, "Account that buys");
    c->add_flag("--submit", again->submit, "Submit what can be ordered");
    c->add_option("--external-id", again->external_id, "The channel's own id of the new order");
  }

  void Approval(CLI::App& app) {
    CLI::App* approval = Noun(app, "approval", "Approvals");
    auto limit = std::make_shared<int>(50);
    Limit(Command(*approval, "list", "What waits for a decision",
                  [limit](Session& s) { return ApprovalList(s, *limit); }),
          *limit);
    auto id = std::make_shared<std::string>();
    Command(*approval, "get", "Show an approval", [id](Session& s) { return ApprovalGet(s, *id); })
        ->add_option("id", *id, "Approval")
        ->required();
    for (const bool approve : {true, false}) {
      auto o = std::make_shared<ApprovalDecideOptions>();
      o->approve = approve;
      CLI::App* c = Mutation(*approval, approve ? "approve" : "reject",
                             approve ? "Say yes" : "Say no",
                             [o](Session& s) { return ApprovalDecide(s, *o); });
      c->add_option("id", o->id, "Approval")->required();
      c->add_option("--comment,-m", o->comment, "What the requester reads");
    }
  }

  void Suggestion(CLI::App& app, const std::string& noun) {
    const bool alias = noun == "reorder";
    CLI::App* parent =
        Noun(app, noun, alias ? "Reordering" : "What accounts are about to need");
    auto o = std::make_shared<SuggestionOptions>();
    CLI::App* c = Command(*parent, alias ? "suggestions" : "list",
                          "What an account is about to need, and why",
                          [o](Session& s) { return SuggestionList(s, *o); });
    c->add_option("--account,-a", o->account, "Account");
    c->add_option("--as-of", o->as_of, "Moment, RFC 3339");
    c->add_option("--within-days", o->within_days, "Due within so many days")
        ->check(CLI::Range(0, 3650));
    Limit(c, o->limit);
  }

  void Document(CLI::App& app) {
    CLI::App* document = Noun(app, "document", "Rules, tables and policies");
    const auto add = [&](const std::string& name, const std::string& help, const char* what,
                         bool mutates, std::function<int(Session&, const DocumentOptions&)> run) {
      auto o = std::make_shared<DocumentOptions>();
      const auto action = [o, run = std::move(run)](Session& s) { return run(s, *o); };
      CLI::App* c = mutates ? Mutation(*document, name, help, action)
                            : Command(*document, name, help, action);
      if (what != nullptr) c->add_option("what", o->what, what);
      if (mutates) {
        c->add_option("--reason,-m", o->reason, "Why");
        c->add_flag("--validate-only", o->validate_only, "Try only");
      }
      return std::pair(c, o);
    };
    const char* const kFiles = "Files and folders of YAML or JSON";
    const char* const kBoth = "Files and folders, or documents: id, Kind/id, id:version";
    const char* const kNames = "Documents: id, Kind/id, Kind/id@organisation/branch/channel";
    const auto need = [](const auto& made) { made.first->get_option("what")->required(); };
    need(add("save", "Keep drafts", kFiles, true, &DocumentSave));
    need(add("check", "Check files as they are, or make versions of drafts", kBoth, true,
             [](Session& s, const DocumentOptions& o) { return DocumentCheck(s, o, false); }));
    need(add("test", "Run the test suites with these files in place", kBoth, true,
             [](Session& s, const DocumentOptions& o) { return DocumentCheck(s, o, true); }));
    auto diff = add("diff", "What changes, by rule", kBoth, false, &DocumentDiff);
    need(diff);
    diff.first->add_option("--from", diff.second->activation, "Older version");
    auto simulate = add("simulate", "What would change in past cases", kBoth, false,
                        &DocumentSimulate);
    need(simulate);
    simulate.first->add_option("--account,-a", simulate.second->account, "Only of this account");
    simulate.first->add_option("--from", simulate.second->from, "Cases from, RFC 3339");
    simulate.first->add_option("--to", simulate.second->to, "Cases before, RFC 3339");
    simulate.first->add_option("--baseline", simulate.second->activation, "Activation");
    simulate.first->add_option("--as-of", simulate.second->as_of,
                               "Every case at this moment, RFC 3339");
    simulate.first->add_option("--source", simulate.second->source,
                               "history (default), decisions or suites")
        ->check(CLI::IsMember({"history", "decisions", "suites"}));
    simulate.first->add_option("--suite", simulate.second->suites,
                               "Files of test suites whose cases are decided");
    CLI::App* shadow = Noun(*document, "shadow", "Documents tried beside the active ones");
    {
      auto o = std::make_shared<DocumentOptions>();
      CLI::App* c = Mutation(*shadow, "start", "Try them on a share of what callers ask",
                             [o](Session& s) { return DocumentShadowStart(s, *o); });
      c->add_option("what", o->what, kBoth)->required();
      c->add_option("--share", o->share, "Percent of the requests; 10 by default");
      c->add_flag("--replace", o->replace, "End another one that runs");
      c->add_option("--reason,-m", o->reason, "Why");
      c->add_flag("--validate-only", o->validate_only, "Try only");
      auto end = std::make_shared<DocumentOptions>();
      Mutation(*shadow, "end", "End it; the report stays", [end](Session& s) {
        return DocumentShadowEnd(s, *end);
      })->add_option("--reason,-m", end->reason, "Why");
      Command(*shadow, "show", "What came of it so far",
              [](Session& s) { return DocumentShadowShow(s); });
      auto account = std::make_shared<std::string>();
      auto most = std::make_shared<int>(20);
      CLI::App* decisions =
          Command(*document, "decisions", "The sampled log of decisions, newest first",
                  [account, most](Session& s) { return DocumentDecisions(s, *account, *most); });
      decisions->add_option("--account,-a", *account, "Only of this account");
      Limit(decisions, *most);
      auto again = std::make_shared<int>(1000);
      Limit(Command(*document, "rerun", "Take logged decisions again; they must be the same",
                    [again](Session& s) { return DocumentRerun(s, *again); }),
            *again);
    }
    need(add("approve", "Approve checked versions", kNames, true,
             [](Session& s, const DocumentOptions& o) { return DocumentDecide(s, o, true); }));
    need(add("withdraw", "Give up drafts or versions", kNames, true,
             [](Session& s, const DocumentOptions& o) { return DocumentDecide(s, o, false); }));
    auto publish = add("publish", "Check and publish a folder, or checked versions, at once",
                       kBoth, true, &DocumentPublish);
    publish.first->add_option("--from", publish.second->from, "From when, RFC 3339");
    publish.first->add_option("--remove", publish.second->removed, "Documents to end");
    auto back = add("rollback", "Return to an earlier activation", kNames, true,
                    &DocumentRollback);
    back.first->add_option("--to", back.second->activation,
                           "Activation; the one before the current by default");
    auto list = add("list", "List documents, or the versions of one", "Id", false, &DocumentList);
    list.first->add_option("--kind", list.second->kind, "Only of this kind");
    need(add("show", "Show the text of documents", kNames, false, &DocumentShow));
    auto out = add("export", "Write what is active to a folder", "Folder", false,
                   &DocumentExport);
    need(out);
    out.first->add_flag("--platform", out.second->platform, "The platform's, too");
    auto limit = std::make_shared<int>(20);
    Limit(Command(*document, "activations", "List activations, newest first",
                  [limit](Session& s) { return DocumentActivations(s, *limit); }),
          *limit);
  }

  void Erp(CLI::App& app) {
    CLI::App* erp = Noun(app, "erp", "Traffic with the ERP");
    auto send = std::make_shared<ErpSendOptions>();
    CLI::App* c = Command(*erp, "send", "Send messages from a file, one JSON object a line",
                          [send](Session& s) { return ErpSend(s, *send); });
    c->add_option("file", send->file, "File; - for standard input")->required();
    c->add_option("--connection,-c", send->connection, "Connection; canonical by default");
    c->add_option("--batch", send->batch, "Messages a call")->check(CLI::Range(1, 10000));
    c->add_option("--skip", send->skip, "Lines to skip")->check(CLI::NonNegativeNumber);
    c->add_option("--progress", common_.progress, "auto, plain or none")
        ->check(CLI::IsMember({"auto", "plain", "none"}));

    auto reseeded = std::make_shared<std::string>();
    auto from = std::make_shared<std::string>();
    c = Command(*erp, "reseed", "Write a connection's facts to the timeline anew",
                [reseeded, from](Session& s) { return ErpReseed(s, *reseeded, *from); });
    c->add_option("connection", *reseeded, "Connection")->required();
    c->add_option("--from", *from, "Go on from here, as an interrupted one says");
    ProgressOption(c);

    Command(*erp, "connections", "Connections and how they do",
            [](Session& s) { return ErpConnections(s); });

    CLI::App* parked = Noun(*erp, "parked", "Messages that could not be applied");
    auto list = std::make_shared<ErpListOptions>();
    c = Command(*parked, "list", "List them, oldest first",
                [list](Session& s) { return ErpParkedList(s, *list); });
    c->add_option("--connection,-c", list->connection, "Only of this connection");
    Limit(c, list->limit);
    auto id = std::make_shared<std::string>();
    auto file = std::make_shared<std::string>();
    Command(*parked, "show", "Show one with its text",
            [id](Session& s) { return ErpParkedShow(s, *id); })
        ->add_option("id", *id, "Parked message")
        ->required();
    c = Mutation(*parked, "replay", "Apply one again",
                 [id, file](Session& s) { return ErpParkedReplay(s, *id, *file); });
    c->add_option("id", *id, "Parked message")->required();
    c->add_option("--file", *file, "The edited message");
    Mutation(*parked, "discard", "Give one up",
             [id](Session& s) { return ErpParkedDiscard(s, *id); })
        ->add_option("id", *id, "Parked message")
        ->required();

    auto exports = std::make_shared<ErpListOptions>();
    c = Command(*erp, "exports", "Orders on their way to the ERP",
                [exports](Session& s) { return ErpExports(s, *exports); });
    c->add_option("--connection,-c", exports->connection, "Only of this connection");
    Limit(c, exports->limit);
  }

  void Log(CLI::App& app) {
    CLI::App* log = Noun(app, "log", "The event log, as processes see it");
    AdminCommand(*log, "status", "Whether they follow it, and how far behind they are",
                 [](const Admins& admins) { return cli::LogStatus(admins); });
    for (const char* verb : {"rebuild", "reseed"}) {
      auto o = std::make_shared<LogActionOptions>();
      o->verb = verb;
      CLI::App* c = AdminCommand(
          *log, verb,
          o->verb == "rebuild" ? "Empty a projection and read its topics again"
                               : "Let a room go on with a log that is another one",
          [o](const Admins& admins) { return LogAction(admins, *o); });
      c->add_option("--room", o->room, "Only this room; all it can be done to by default");
      c->add_option("--reason", o->reason, "Why, for the log");
      if (o->verb == "reseed") {
        c->add_option("--topic", o->topic, "A topic the room writes that was made anew");
      }
      c->add_flag("--dry-run", o->dry_run, "Show what it would do");
      c->add_flag("--yes", o->yes, "Do not ask");
    }
  }

  void State(CLI::App& app) {
    CLI::App* state = Noun(app, "state", "Checkpoints, and rooms from them");
    ProgressOption(AdminCommand(*state, "checkpoint", "Take a checkpoint of running processes",
                                [](const Admins& admins) { return StateCheckpoint(admins); }));
    AdminCommand(*state, "list", "Checkpoints of running processes, newest first",
                 [](const Admins& admins) { return StateList(admins); });

    auto verify = std::make_shared<StateFolderOptions>();
    CLI::App* c = LocalCommand(*state, "verify", "Read every file and row of a checkpoint",
                               [this, verify](Terminal& terminal) {
                                 return StateVerify(terminal, common_, *verify);
                               });
    c->add_option("checkpoint", verify->checkpoint, "Folder of a checkpoint")->required();
    c->add_option("--room", verify->room, "Only this room");
    ProgressOption(c);

    auto reshard = std::make_shared<StateFolderOptions>();
    c = LocalCommand(*state, "reshard", "Move a stopped room to another number of shards",
                     [this, reshard](Terminal& terminal) {
                       return StateReshard(terminal, common_, *reshard);
                     });
    c->add_option("checkpoint", reshard->checkpoint, "Folder of the room's checkpoint")
        ->required();
    c->add_option("folder", reshard->data_dir, "The room's new folder, without shards")
        ->required();
    c->add_option("--shards", reshard->shards, "So many")->required()->check(CLI::Range(1, 64));
    c->add_option("--kafka", reshard->kafka, "Brokers with its changelog, host:port");
    c->add_flag("--dry-run", reshard->dry_run, "Show what it would do");
    c->add_flag("--yes", reshard->yes, "Do not ask");
    ProgressOption(c);

    auto restore = std::make_shared<StateFolderOptions>();
    c = LocalCommand(*state, "restore", "Copy a checkpoint to where its rooms start from",
                     [this, restore](Terminal& terminal) {
                       return StateRestore(terminal, common_, *restore);
                     });
    c->add_option("checkpoint", restore->checkpoint, "Folder of a checkpoint")->required();
    c->add_option("data", restore->data_dir, "Data folder of the stopped process")->required();
    c->add_option("--room", restore->room, "Only this room");
    c->add_flag("--dry-run", restore->dry_run, "Show what it would do");
    c->add_flag("--yes", restore->yes, "Do not ask");
    ProgressOption(c);
  }

  Common& common_;
  Actions& actions_;
};

void AddToken(CLI::App& app, TokenOptions& o, bool& wanted) {
  CLI::App* c = app.add_subcommand("token", "Make a signed token, or a key for tokens");
  c->add_option("--key", o.key_file, "Private key, PKCS#8 PEM, Ed25519");
  c->add_option("--new-key", o.new_key_file, "Make a key in this file; print its public half");
  c->add_flag("--jwks", o.jwks, "Print the public half of --key");
  c->add_option("--tenant", o.tenant, "Tenant");
  c->add_option("--role", o.roles, "Roles");
  c->add_option("--user", o.user, "User");
  c->add_option("--subject", o.subject, "Subject; the user by default");
  c->add_option("--account", o.account, "A buyer's account");
  c->add_option("--accounts", o.accounts, "Accounts that may be named; * = all");
  c->add_option("--channels", o.channels, "Channels that may be named");
  c->add_option("--channel", o.channel, "Default channel");
  c->add_option("--permission", o.permissions, "Permissions, such as see-cost");
  c->add_option("--issuer", o.issuer, "Issuer");
  c->add_option("--audience", o.audience, "Audience");
  c->add_option_function<int>(
       "--lifetime", [&o](int minutes) { o.lifetime = absl::Minutes(minutes); },
       "Minutes it holds; 60 by default")
      ->check(CLI::Range(1, 60 * 24 * 365));
  c->callback([&wanted] { wanted = true; });
}

}  // namespace

namespace {

int BadServer(const absl::Status& status, Terminal& terminal) {
  terminal.err << "error: " << ReasonOf(status) << "\n  cause:   " << status.message()
               << "\n  next:    weft --help\n";
  return kUsage;
}

int RunAdmin(Actions& actions, const Common& common, Terminal& terminal,
             const Environment& environment) {
  if (actions.admins.empty()) {
    const std::string variable = environment.variable("WEFT_ADMIN");
    actions.admins = absl::StrSplit(variable.empty() ? kDefaultAdmin : variable, ',');
  }
  std::vector<std::unique_ptr<Transport>> transports;
  std::vector<std::unique_ptr<Session>> sessions;
  Admins admins;
  for (const std::string& where : actions.admins) {
    absl::StatusOr<std::unique_ptr<Transport>> transport = environment.connect(where);
    if (!transport.ok()) return BadServer(transport.status(), terminal);
    transports.push_back(*std::move(transport));
    sessions.push_back(std::make_unique<Session>(common, terminal, *transports.back()));
    admins.push_back({where, sessions.back().get()});
  }
  return actions.admin(admins);
}

}  // namespace

int Run(const std::vector<std::string>& arguments, Terminal& terminal,
        const Environment& environment) {
  // Everything behind `up` is for weftd, its --help included.
  if (!arguments.empty() && arguments[0] == "up") {
    return Up(terminal, environment.self, {arguments.begin() + 1, arguments.end()});
  }
  CLI::App app("Weft, the workflow layer between ERP and commerce", "weft");
  app.set_version_flag("--version", [] { return telemetry::GetBuildInfo().version; });
  app.add_subcommand("up", "Start the whole mesh in this process");
  Common common;
  if (const std::string v = environment.variable("WEFT_SERVER"); !v.empty()) common.server = v;
  common.token = environment.variable("WEFT_TOKEN");
  Actions actions;
  Builder builder(app, common, actions);
  TokenOptions token;
  bool wants_token = false;
  AddToken(app, token, wants_token);

  try {
    // CLI11 takes them from the back.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, terminal.out, terminal.err);
    return code == 0 ? kOk : kUsage;  // 0: --help, --version.
  }
  if (wants_token) return Token(terminal, token);
  if (actions.local) return actions.local(terminal);
  if (actions.admin) return RunAdmin(actions, common, terminal, environment);
  absl::StatusOr<std::unique_ptr<Transport>> transport = environment.connect(common.server);
  if (!transport.ok()) return BadServer(transport.status(), terminal);
  Session session(common, terminal, **transport);
  return actions.mesh(session);
}

}  // namespace weft::cli
