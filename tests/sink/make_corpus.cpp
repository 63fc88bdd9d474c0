// SPDX-License-Identifier: MIT
// Usage: sink_make_corpus DIR. Writes seeds for the readers' fuzzers: DIR/mcap and DIR/pb.
// Checksums of 0 mean that there is none: a fuzzer cannot guess them.
#include <filesystem>

#include "container.hpp"
#include "sample.hpp"
#include "sink/open_sink.hpp"

namespace {

using namespace vmitap;
using namespace vmitap::sink::test;

// A rule's descriptors without the files that they import: small enough to mutate.
Channel small_channel() {
  Channel small;
  small.set_id(1);
  small.set_rule("rule");
  small.set_message("M");
  auto& file = *small.mutable_files()->add_file();
  file.set_name("m.proto");
  file.set_syntax("proto3");
  auto& type = *file.add_message_type();
  type.set_name("M");
  int number = 0;
  for (const auto kind : {1, 3, 8, 9, 11, 12, 14, 2}) {  // FieldDescriptorProto.Type
    auto& field = *type.add_field();
    field.set_name("f" + std::to_string(++number));
    field.set_number(number);
    field.set_label(number % 3 == 0 ? google::protobuf::FieldDescriptorProto::LABEL_REPEATED
                                    : google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
    field.set_type(static_cast<google::protobuf::FieldDescriptorProto::Type>(kind));
    if (kind == 11) field.set_type_name(".M");
    if (kind == 14) field.set_type_name(".E");
  }
  auto& enumeration = *file.add_enum_type();
  enumeration.set_name("E");
  enumeration.add_value()->set_name("ZERO");
  enumeration.mutable_value(0)->set_number(0);
  return small;
}

constexpr std::string_view kRecord =
    "\x10\x05\x1a\x01\x01\x22\x02hi\x2a\x02\x10\x07\x2a\x00\x32\x01x\x38\x00";

std::string mcap_seed(bool compressed, bool chunked) {
  const Channel small = small_channel();
  std::string records = schema(1, "M", small.files().SerializeAsString()) + channel(1, 1, "rule") +
                        message(1, 5, kRecord) + schema(2, "vmitap.Loss", "") + channel(2, 2, "vmitap.loss") +
                        message(2, 6, loss(1).SerializeAsString()) + schema(3, "vmitap.Summary", "") +
                        channel(3, 3, "vmitap.summary") + message(3, 6, summary().SerializeAsString());
  const std::string attachment = le(std::uint64_t{1}) + le(std::uint64_t{1}) + text("vmitap.Catalog:/x") +
                                 text("") + le(std::uint64_t{catalog().ByteSizeLong()}) +
                                 catalog().SerializeAsString() + le(std::uint32_t{0});
  const std::string data = compressed ? chunk(zstd(records), records.size(), 0, "zstd")
                           : chunked  ? chunk(records, records.size(), 0, "")
                                      : records;
  return header() + record(sink::mcap::Opcode::attachment, attachment) + data +
         record(sink::mcap::Opcode::data_end, le(std::uint32_t{0})) +
         record(sink::mcap::Opcode::footer, std::string(20, '\0')) + std::string(sink::mcap::kMagic);
}

std::string pb_seed(const std::string& folder) {
  const std::string path = folder + "/made";
  {
    auto sink = std::move(*sink::open_sink(path, sink::Format::pb));
    (void)sink->session(session());
    (void)sink->catalog(catalog());
    (void)sink->channel(small_channel());
    (void)sink->record(1, 5, sink::bytes_of(kRecord));
    (void)sink->loss(loss(1));
    (void)sink->close(summary());
  }
  std::string bytes = read_file(path);
  std::filesystem::remove(path);
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  std::filesystem::create_directories(folder + "/mcap");
  std::filesystem::create_directories(folder + "/pb");
  write_file(folder + "/mcap/plain", mcap_seed(false, true));
  write_file(folder + "/mcap/zstd", mcap_seed(true, true));
  write_file(folder + "/mcap/unchunked", mcap_seed(false, false));
  write_file(folder + "/pb/whole", pb_seed(folder));
  return 0;
}
