#include "xds/compile/redact.h"

#include <google/protobuf/any.pb.h>
#include <openssl/crypto.h>
#include <memory>
#include <string>
#include <string_view>
#include "xds/load/any_type.h"
#include "xds/load/sensitive.h"

namespace outrigger::xds {

namespace pb = google::protobuf;

namespace {

void wipe(const std::string& s) { OPENSSL_cleanse(const_cast<char*>(s.data()), s.size()); }

/// All texts of a message.
void blank(pb::Message& m) {
  std::vector<const pb::FieldDescriptor*> fields;
  const auto* r = m.GetReflection();
  r->ListFields(m, &fields);
  for (const auto* f : fields) {
    if (f->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE && !f->is_repeated()) {
      blank(*r->MutableMessage(&m, f));
    } else if (f->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING && !f->is_repeated()) {
      std::string scratch;
      wipe(r->GetStringReference(m, f, &scratch));
      r->SetString(&m, f, "[redacted]");
    }
  }
}

void redact_any(pb::Any& any) {
  const auto* d = pb::DescriptorPool::generated_pool()->FindMessageTypeByName(std::string(message_name(any.type_url())));
  if (d == nullptr) return;
  const std::unique_ptr<pb::Message> payload(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
  if (!payload->ParseFromString(any.value())) return;
  redact(*payload);
  wipe(any.value());
  any.set_value(payload->SerializeAsString());
}

}  // namespace

void redact(pb::Message& m) {
  if (m.GetDescriptor() == pb::Any::descriptor()) return redact_any(static_cast<pb::Any&>(m));
  std::vector<const pb::FieldDescriptor*> fields;
  const auto* r = m.GetReflection();
  r->ListFields(m, &fields);
  for (const auto* f : fields) {
    if (f->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const auto each = [&](pb::Message& child) { is_sensitive(*f) ? blank(child) : redact(child); };
    if (f->is_repeated())
      for (int i = 0; i < r->FieldSize(m, f); ++i) each(*r->MutableRepeatedMessage(&m, f, i));
    else
      each(*r->MutableMessage(&m, f));
  }
}

}  // namespace outrigger::xds
