// Compares every message and enum of our .proto files with the official ones: names, numbers, types, labels, oneofs,
// defaults of presence, enum values, validation rules; and known_fields.txt with what ours leave out.  api_compare
// OFFICIAL_FILE_DESCRIPTOR_SET
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "api/known.h"
#include "validate/validate.pb.h"

namespace {

namespace pb = google::protobuf;

struct Official {
  std::map<std::string, const pb::DescriptorProto*> messages;
  std::map<std::string, const pb::EnumDescriptorProto*> enums;
};

void index(const std::string& scope, const pb::DescriptorProto& m, Official& into) {
  const std::string name = scope + m.name();
  into.messages[name] = &m;
  for (const auto& n : m.nested_type()) index(name + ".", n, into);
  for (const auto& e : m.enum_type()) into.enums[name + "." + e.name()] = &e;
}

class Report {
 public:
  void same(const std::string& what, const std::string& ours, const std::string& theirs) {
    if (ours != theirs) wrong(what + ": ours is " + ours + ", the official one " + theirs);
  }
  void wrong(const std::string& text) {
    std::printf("%s\n", text.c_str());
    ok_ = false;
  }
  void count() {
    ok_ ? ++passed : ++failed;
    ok_ = true;
  }
  int passed = 0, failed = 0;

 private:
  bool ok_ = true;
};

std::string oneof_of(const pb::DescriptorProto& m, const pb::FieldDescriptorProto& f) {
  return f.has_oneof_index() ? m.oneof_decl(f.oneof_index()).name() : "none";
}

void compare_field(const std::string& name, const pb::DescriptorProto& our_message, const pb::FieldDescriptorProto& ours,
                   const pb::DescriptorProto& their_message, const pb::FieldDescriptorProto& theirs, Report& report) {
  report.same(name + ": number", std::to_string(ours.number()), std::to_string(theirs.number()));
  report.same(name + ": type", std::to_string(ours.type()), std::to_string(theirs.type()));
  report.same(name + ": type", ours.type_name(), theirs.type_name());
  report.same(name + ": label", std::to_string(ours.label()), std::to_string(theirs.label()));
  report.same(name + ": oneof", oneof_of(our_message, ours), oneof_of(their_message, theirs));
  report.same(name + ": default", ours.default_value(), theirs.default_value());
  report.same(name + ": JSON name", ours.json_name(), theirs.json_name());
  report.same(name + ": rules", ours.options().GetExtension(validate::rules).ShortDebugString(),
              theirs.options().GetExtension(validate::rules).ShortDebugString());
}

void compare_enum(const std::string& name, const pb::EnumDescriptorProto& ours, const Official& official, Report& report) {
  const auto found = official.enums.find(name);
  if (found == official.enums.end()) return report.wrong(name + ": no such official enum");
  std::map<std::string, int> theirs;
  for (const auto& v : found->second->value()) theirs[v.name()] = v.number();
  for (const auto& v : ours.value()) {
    const auto at = theirs.find(v.name());
    if (at == theirs.end())
      report.wrong(name + "." + v.name() + ": no such official value");
    else
      report.same(name + "." + v.name(), std::to_string(v.number()), std::to_string(at->second));
  }
}

void compare_message(const std::string& name, const pb::DescriptorProto& ours, const Official& official, Report& report) {
  const auto found = official.messages.find(name);
  if (found == official.messages.end()) return report.wrong(name + ": no such official message");
  const pb::DescriptorProto& theirs = *found->second;
  std::map<std::string, const pb::FieldDescriptorProto*> fields;
  for (const auto& f : theirs.field()) fields[f.name()] = &f;
  for (const auto& f : ours.field()) {
    const auto at = fields.find(f.name());
    if (at == fields.end())
      report.wrong(name + "." + f.name() + ": no such official field");
    else
      compare_field(name + "." + f.name(), ours, f, theirs, *at->second, report);
  }
  for (const auto& o : ours.oneof_decl())
    for (const auto& t : theirs.oneof_decl())
      if (o.name() == t.name())
        report.same(name + "." + o.name() + ": required", std::to_string(o.options().GetExtension(validate::required)),
                    std::to_string(t.options().GetExtension(validate::required)));
}

/// What the official messages have and ours leave out: "message field number".
std::set<std::string> left_out(const Official& ours, const Official& official) {
  std::set<std::string> out;
  for (const auto& [name, m] : ours.messages) {
    const auto theirs = official.messages.find(name);
    if (theirs == official.messages.end() || m->options().map_entry()) continue;
    std::set<std::string> have;
    for (const auto& f : m->field()) have.insert(f.name());
    for (const auto& f : theirs->second->field())
      if (!have.contains(f.name())) out.insert(name + " " + f.name() + " " + std::to_string(f.number()));
  }
  return out;
}

void compare_known_fields(const std::set<std::string>& expected, Report& report) {
  std::set<std::string> listed;
  std::istringstream lines{std::string(outrigger::api::known_fields())};
  for (std::string line; std::getline(lines, line);) listed.insert(line);
  for (const auto& line : expected)
    if (!listed.contains(line)) report.wrong("known_fields.txt lacks: " + line);
  for (const auto& line : listed)
    if (!expected.contains(line)) report.wrong("known_fields.txt has, and should not: " + line);
  report.count();
}

void index(const pb::FileDescriptorProto& file, Official& into) {
  const std::string scope = file.package() + ".";
  for (const auto& m : file.message_type()) index(scope, m, into);
  for (const auto& e : file.enum_type()) into.enums[scope + e.name()] = &e;
}

}  // namespace

/// Our files are named on the command line, behind the set.
int main(int argc, char** argv) {
  pb::FileDescriptorSet set;
  std::ifstream in(argc > 1 ? argv[1] : "", std::ios::binary);
  if (!in || !set.ParseFromIstream(&in) || set.file_size() < 100) {
    std::fprintf(stderr, "usage: api_compare FILE_DESCRIPTOR_SET PROTO...\n");
    return 2;
  }
  Official official, ours;
  for (const auto& file : set.file()) index(file, official);
  pb::FileDescriptorSet our_set;
  Report report;
  for (int i = 2; i < argc; ++i) {
    const auto* file = pb::DescriptorPool::generated_pool()->FindFileByName(argv[i]);
    if (file == nullptr) {
      report.wrong(std::string(argv[i]) + ": not linked");
      report.count();
      continue;
    }
    auto& copy = *our_set.add_file();
    file->CopyTo(&copy);
    file->CopyJsonNameTo(&copy);
  }
  for (const auto& file : our_set.file()) index(file, ours);
  for (const auto& [name, m] : ours.messages) {
    compare_message(name, *m, official, report);
    report.count();
  }
  for (const auto& [name, e] : ours.enums) {
    compare_enum(name, *e, official, report);
    report.count();
  }
  compare_known_fields(left_out(ours, official), report);
  std::printf("%d passed, %d failed\n", report.passed, report.failed);
  return report.failed == 0 ? 0 : 1;
}
