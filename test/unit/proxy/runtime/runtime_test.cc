// Runtime values: how they are read, layers over layers, fractions.
#include "proxy/runtime/runtime.h"

#include <catch2/catch.hpp>

using namespace outrigger::runtime;

namespace {
using Layers = std::vector<std::pair<std::string, Layer>>;
/// As a configuration would give it: true and false, numbers, else texts.
Value value(const std::string& text) {
  if (text == "true" || text == "false") return bool_value(text == "true");
  const Value v = text_value(text);
  return v.number ? number_value(*v.number, text) : v;
}
Layer layer(const std::vector<std::pair<std::string, std::string>>& values) {
  Layer l;
  for (const auto& [key, text] : values) l[key] = value(text);
  return l;
}
}  // namespace

TEST_CASE("a text is a number when all of it is one, never an integer or a boolean", "[runtime]") {
  struct Row {
    const char* text;
    std::optional<double> number;
  };
  for (const Row& r : {Row{"5", 5.0}, Row{"5.5", 5.5}, Row{"1e3", 1000.0}, Row{"-5", -5.0}, Row{" 5 ", 5.0}, Row{"+5", 5.0},
                       Row{"0x1F", 31.0}, Row{"inf", {}}, Row{"0x", {}}, Row{"true", {}}, Row{"yes", {}}, Row{"5x", {}},
                       Row{"", {}}, Row{" ", {}}, Row{"text", {}}}) {
    INFO(r.text);
    const Value v = text_value(r.text);
    CHECK(v.text == r.text);
    CHECK_FALSE(v.integer);
    CHECK(v.number == r.number);
    CHECK_FALSE(v.boolean);
  }
}

TEST_CASE("a number is an integer too when it is a whole one of 32 bits; a boolean is only that", "[runtime]") {
  struct Row {
    double number;
    std::optional<std::uint64_t> integer;
    const char* text;
  };
  for (const Row& r : {Row{5, 5, "5"}, Row{0, 0, "0"}, Row{5.5, {}, "5.5"}, Row{1000, 1000, "1000"},
                       Row{-5, static_cast<std::uint64_t>(-5), "-5"}, Row{3e9, {}, "3e+09"}}) {
    INFO(r.number);
    const Value v = number_value(r.number);
    CHECK(v.text == r.text);
    CHECK(v.integer == r.integer);
    CHECK(v.number == r.number);
    CHECK_FALSE(v.boolean);
  }
  CHECK(number_value(5, "5.0").text == "5.0");
  for (const bool b : {true, false}) {
    const Value v = bool_value(b);
    CHECK(v.text == (b ? "true" : "false"));
    CHECK(v.boolean == b);
    CHECK_FALSE(v.integer);
    CHECK_FALSE(v.number);
  }
}

TEST_CASE("a key is answered in the kind it was asked for, else with the fallback", "[runtime]") {
  const Snapshot s(Layers{{"l", layer({{"i", "7"}, {"d", "1.5"}, {"b", "false"}, {"t", "text"}})}});
  CHECK(s.integer("i", 1) == 7);
  CHECK(s.integer("d", 1) == 1);
  CHECK(s.integer("t", 1) == 1);
  CHECK(s.integer("none", 1) == 1);
  CHECK(s.number("i", 0.5) == 7);
  CHECK(s.number("d", 0.5) == 1.5);
  CHECK(s.number("b", 0.5) == 0.5);
  CHECK_FALSE(s.boolean("b", true));
  CHECK(s.boolean("i", true));
  CHECK_FALSE(s.boolean("none", false));
  CHECK(s.find("t")->text == "text");
  CHECK(s.find("none") == nullptr);
  CHECK(Snapshot().find("i") == nullptr);
}

TEST_CASE("later layers win, and an empty value takes a key away", "[runtime]") {
  const Snapshot s(Layers{{"one", layer({{"a", "1"}, {"b", "1"}, {"c", "1"}})},
                          {"two", layer({{"b", "2"}, {"c", ""}})},
                          {"three", layer({{"d", ""}})}});
  CHECK(s.integer("a", 0) == 1);
  CHECK(s.integer("b", 0) == 2);
  CHECK(s.find("c") == nullptr);
  CHECK(s.find("d") == nullptr);
  REQUIRE(s.layers().size() == 3);
  CHECK(s.layers()[1].second.at("c").text.empty());  // the layers themselves are kept
}

TEST_CASE("fractions hit below their numerator", "[runtime]") {
  struct Row {
    std::uint32_t numerator;
    Denominator denominator;
    std::uint64_t random;
    bool hit;
  };
  for (const Row& r : {
           Row{0, Denominator::hundred, 0, false},
           Row{1, Denominator::hundred, 0, true},
           Row{1, Denominator::hundred, 1, false},
           Row{50, Denominator::hundred, 49, true},
           Row{50, Denominator::hundred, 50, false},
           Row{50, Denominator::hundred, 149, true},
           Row{100, Denominator::hundred, 99, true},
           Row{200, Denominator::hundred, 99, true},
           Row{1, Denominator::ten_thousand, 10000, true},
           Row{1, Denominator::ten_thousand, 100, false},
           Row{1, Denominator::million, 1000000, true},
           Row{1, Denominator::million, 10000, false},
       }) {
    CHECK(FractionalPercent{r.numerator, r.denominator}.hit(r.random) == r.hit);
  }
}

TEST_CASE("a runtime key overrides a fraction", "[runtime]") {
  Layer l =
      layer({{"number", "30"}, {"over", "300"}, {"text", "x"}, {"half", "0.5"}, {"most", "99.9"}, {"zero", "0"}, {"less", "-1"}});
  Value fraction = text_value("");
  fraction.percent = FractionalPercent{5, Denominator::ten_thousand};
  l["fraction"] = fraction;
  const Snapshot s(Layers{{"l", l}});
  const FractionalPercent fallback{60, Denominator::hundred};
  struct Row {
    const char* key;
    std::uint64_t random;
    bool enabled;
  };
  for (const Row& r :
       {Row{"none", 59, true}, Row{"none", 60, false}, Row{"number", 29, true}, Row{"number", 30, false},
        Row{"number", 130, false}, Row{"over", 99, true}, Row{"zero", 0, false}, Row{"text", 59, true}, Row{"text", 60, false},
        Row{"half", 0, false}, Row{"most", 98, true}, Row{"most", 99, false}, Row{"less", 59, true}, Row{"fraction", 4, true},
        Row{"fraction", 5, false}, Row{"fraction", 10004, true}}) {
    INFO(r.key << ' ' << r.random);
    CHECK(s.enabled(r.key, fallback, r.random) == r.enabled);
    CHECK(RuntimePercent{r.key, fallback}.enabled(s, r.random) == r.enabled);
  }
  CHECK(RuntimePercent{"", {1, Denominator::hundred}}.enabled(s, 0));
  CHECK_FALSE(RuntimePercent{"", {1, Denominator::hundred}}.enabled(s, 1));
  CHECK(RuntimePercent{}.enabled(s, 99));
}
