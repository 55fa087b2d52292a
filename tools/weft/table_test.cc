#include "tools/weft/table.h"

#include <catch2/catch.hpp>
#include <sstream>

namespace weft::cli {
namespace {

TEST_CASE("columns are as wide as their widest cell and numbers stand right", "[cli]") {
  Table table({{"sku"}, {"net", Table::Align::kRight}, {"note"}});
  table.Add({"85123A", "8.00 GBP", ""});
  table.Add({"b\xC3\xBC", "1,234.50 GBP", "x"});
  std::ostringstream out;

  table.Print(out);

  CHECK(out.str() ==
        "SKU              NET  NOTE\n"
        "85123A      8.00 GBP\n"
        "b\xC3\xBC      1,234.50 GBP  x\n");
}

TEST_CASE("what a mesh says cannot move the cursor", "[cli]") {
  Table table({{"a"}});
  table.Add({"x\x1b[2Jy\nz"});
  std::ostringstream out;

  table.Print(out);

  CHECK(out.str() == "A\nx [2Jy z\n");
}

TEST_CASE("values are shown in short", "[cli]") {
  common::v1::Money money;
  CHECK(Show(money) == "-");
  money.set_amount("14.20");
  money.set_currency_code("GBP");
  CHECK(Show(money) == "14.20 GBP");
  common::v1::Quantity quantity;
  quantity.set_value("600");
  CHECK(Show(quantity) == "600");
  quantity.set_unit("EA");
  CHECK(Show(quantity) == "600 EA");
  google::protobuf::Timestamp time;
  CHECK(Show(time) == "-");
  time.set_seconds(1772348405);
  CHECK(Show(time) == "2026-03-01 07:00:05Z");
  CHECK(ShowEnum("ORDER_STATE_PARTIALLY_SHIPPED", "ORDER_STATE_") == "partially shipped");
  CHECK(ShowEnum("ORDER_STATE_UNSPECIFIED", "ORDER_STATE_") == "-");
}

}  // namespace
}  // namespace weft::cli
