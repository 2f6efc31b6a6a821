#include "xds/load/received.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <memory>
#include <vector>
#include "udpa/type/v1/typed_struct.pb.h"
#include "xds/load/any_type.h"
#include "xds/load/to_proto.h"
#include "xds/load/unread.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace outrigger::xds {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

namespace {

constexpr int kDepthMax = 100;  // as deep as protobuf reads

class Settler {
 public:
  Settler(bool reject_unknown, Problems& problems) : reject_unknown_(reject_unknown), problems_(problems) {}
  std::size_t unknown = 0;

  void message(pb::Message& m, const Path& at) {
    if (++depth_ < kDepthMax) {
      if (m.GetDescriptor() == pb::Any::descriptor())
        any(static_cast<pb::Any&>(m), at);
      else
        fields(m, at);
    }
    --depth_;
  }

 private:
  void fields(pb::Message& m, const Path& at) {
    const auto* r = m.GetReflection();
    for (int i = 0; i < r->GetUnknownFields(m).field_count(); ++i) unknown_field(m, r->GetUnknownFields(m).field(i).number(), at);
    std::vector<const Field*> set;
    r->ListFields(m, &set);
    for (const Field* f : set) {
      if (f->cpp_type() != Field::CPPTYPE_MESSAGE || is_unread(m, *f)) continue;
      if (!f->is_repeated()) {
        message(*r->MutableMessage(&m, f), at / f->name());
        continue;
      }
      for (int i = 0; i < r->FieldSize(m, f); ++i) {
        pb::Message& item = *r->MutableRepeatedMessage(&m, f, i);
        if (f->is_map())
          entry(item, at / f->name());
        else
          message(item, at.at(f->name(), i));
      }
    }
  }

  void entry(pb::Message& e, const Path& at) {
    const Field* key = e.GetDescriptor()->map_key();
    const Field* value = e.GetDescriptor()->map_value();
    if (value->cpp_type() != Field::CPPTYPE_MESSAGE) return;
    const std::string name = key->cpp_type() == Field::CPPTYPE_STRING ? e.GetReflection()->GetString(e, key) : "?";
    message(*e.GetReflection()->MutableMessage(&e, value), at / name);
  }

  void unknown_field(const pb::Message& m, int number, const Path& at) {
    std::string name;
    std::string text = unknown_field_text(*m.GetDescriptor(), number, name);
    if (!name.empty()) return problems_.error(at / name, std::move(text));
    ++unknown;
    reject_unknown_ ? problems_.error(at, std::move(text)) : problems_.warn(at, std::move(text));
  }

  template <class TypedStruct>
  void typed_struct(pb::Any& a, const Path& at) {
    TypedStruct t;
    if (!a.UnpackTo(&t)) return problems_.error(at, "the bytes are not a " + TypedStruct::descriptor()->full_name());
    const auto* d = find_any_type(t.type_url());
    if (t.type_url().empty() || is_filter_config(message_name(t.type_url())))
      return problems_.error(at, "Didn't find a registered implementation with type URL: '" + t.type_url() + "'");
    if (d == nullptr) {  // whoever reads it tells so
      a.set_type_url(t.type_url());
      return a.clear_value();
    }
    std::unique_ptr<pb::Message> inner(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
    Problems read;
    unknown += to_proto(t.value(), *inner, read);
    for (auto& p : read.list()) {
      p.path = at.text() + (p.path.empty() ? "" : "." + p.path);
      p.line = p.column = 0;
      problems_.add(std::move(p));
    }
    a.set_type_url(canonical_type_url(*d));
    inner->SerializePartialToString(a.mutable_value());
  }

  void any(pb::Any& a, const Path& at) {
    if (a.Is<udpa::type::v1::TypedStruct>()) return typed_struct<udpa::type::v1::TypedStruct>(a, at);
    if (a.Is<::xds::type::v3::TypedStruct>()) return typed_struct<::xds::type::v3::TypedStruct>(a, at);
    const auto* d = find_any_type(a.type_url());
    if (d == nullptr) return;
    std::unique_ptr<pb::Message> inner(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
    if (!inner->ParsePartialFromString(a.value())) return;  // as above
    message(*inner, at);
    inner->SerializePartialToString(a.mutable_value());
  }

  bool reject_unknown_;
  Problems& problems_;
  int depth_ = 0;
};

}  // namespace

std::size_t settle_received(pb::Message& m, const Path& at, bool reject_unknown, Problems& problems) {
  Settler s(reject_unknown, problems);
  s.message(m, at);
  return s.unknown;
}

}  // namespace outrigger::xds
