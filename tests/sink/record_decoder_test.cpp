// SPDX-License-Identifier: MIT
// Descriptors and messages that no writer of ours made.
#include "sink/record_decoder.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <limits>

#include "sample.hpp"

namespace vmitap::sink {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;

FileDescriptorProto& file(Channel& channel, const std::string& name) {
  FileDescriptorProto& made = *channel.mutable_files()->add_file();
  made.set_name(name);
  made.set_syntax("proto3");
  return made;
}

FieldDescriptorProto& field(DescriptorProto& message, int number, FieldDescriptorProto::Type type) {
  FieldDescriptorProto& made = *message.add_field();
  made.set_name(fmt::format("f{}", number));
  made.set_number(number);
  made.set_type(type);
  made.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  return made;
}

Channel named(const std::string& message) {
  Channel channel;
  channel.set_id(1);
  channel.set_rule("hostile");
  channel.set_message(message);
  return channel;
}

void expect_refused(const Channel& channel) {
  RecordDecoder decoder;
  const auto added = decoder.add(channel);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::bad_file);
  EXPECT_EQ(added.error().subject, "hostile");
  EXPECT_NE(added.error().hint, "");
  EXPECT_EQ(decoder.descriptor(1), nullptr);
  EXPECT_EQ(decoder.rule(1), "hostile");
  EXPECT_EQ(decoder.decode({.channel = 1, .time_ns = 0, .message = {}}).error().code, Errc::bad_file);
}

TEST(RecordDecoder, RefusesDescriptorsThatAreNoGood) {
  expect_refused(named("M"));  // none at all

  Channel missing_type = named("M");
  field(*file(missing_type, "a").add_message_type(), 1, FieldDescriptorProto::TYPE_MESSAGE)
      .set_type_name(".N");
  missing_type.mutable_files()->mutable_file(0)->mutable_message_type(0)->set_name("M");
  expect_refused(missing_type);

  Channel missing_import = named("M");
  file(missing_import, "a").add_dependency("b");
  expect_refused(missing_import);

  Channel circle = named("M");
  file(circle, "a").add_dependency("b");
  file(circle, "b").add_dependency("a");
  expect_refused(circle);

  Channel twice = named("M");
  file(twice, "a").add_message_type()->set_name("M");
  file(twice, "b").add_message_type()->set_name("M");
  expect_refused(twice);

  Channel odd = named("M");
  DescriptorProto& message = *file(odd, "a").add_message_type();
  message.set_name("M");
  field(message, 0, FieldDescriptorProto::TYPE_INT32);
  field(message, 536870912, FieldDescriptorProto::TYPE_INT32);
  expect_refused(odd);
}

TEST(RecordDecoder, RefusesTypesThatNestTooDeep) {
  Channel chain = named("M0");
  FileDescriptorProto& types = file(chain, "a");
  for (int i = 0; i < 20'000; ++i) {
    DescriptorProto& message = *types.add_message_type();
    message.set_name(fmt::format("M{}", i));
    if (i + 1 < 20'000)
      field(message, 1, FieldDescriptorProto::TYPE_MESSAGE).set_type_name(fmt::format(".M{}", i + 1));
  }
  expect_refused(chain);
}

TEST(RecordDecoder, EndsAtRecordsThatNestTooDeep) {
  Channel recursive = named("M");
  DescriptorProto& message = *file(recursive, "a").add_message_type();
  message.set_name("M");
  field(message, 1, FieldDescriptorProto::TYPE_MESSAGE).set_type_name(".M");
  RecordDecoder decoder;
  ASSERT_TRUE(decoder.add(recursive));
  std::string nested;
  for (int depth = 0; depth < 60; ++depth)
    nested = std::string("\x0a") + static_cast<char>(nested.size()) + nested;
  EXPECT_TRUE(decoder.decode({.channel = 1, .time_ns = 0, .message = std::as_bytes(std::span(nested))}));
  // Groups that never end need no lengths.
  const std::string endless(100'000, '\x0b');
  EXPECT_FALSE(decoder.decode({.channel = 1, .time_ns = 0, .message = std::as_bytes(std::span(endless))}));
}

TEST(RecordDecoder, RefusesRecordsOfUnknownChannels) {
  RecordDecoder decoder;
  EXPECT_EQ(decoder.decode({.channel = 5, .time_ns = 0, .message = {}}).error().code, Errc::bad_file);
  EXPECT_EQ(decoder.rule(5), "");
}

TEST(RecordDecoder, ToleratesDescriptorsThatPretend) {
  // vmitap's own names, with other contents.
  Channel pretender = named("vmitap.Int128");
  FileDescriptorProto& types = file(pretender, "vmitap/vmitap.proto");
  types.set_package("vmitap");
  DescriptorProto& message = *types.add_message_type();
  message.set_name("Int128");
  field(message, 1, FieldDescriptorProto::TYPE_STRING).set_name("high");
  field(message, 2, FieldDescriptorProto::TYPE_FIXED64).set_name("low");
  RecordDecoder decoder;
  ASSERT_TRUE(decoder.add(pretender));
  EXPECT_TRUE(decoder.decode({.channel = 1, .time_ns = 0, .message = {}}));
}

TEST(FactsOf, AreFoundAnywhereInARecord) {
  const std::string record = test::segment(3);
  const auto facts = facts_of(std::as_bytes(std::span(record)));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->sequence(), 3u);
  EXPECT_EQ(facts->skid_ns(), 13u);
  const std::string behind = "\x1a\x02\x08\x01" + record;
  EXPECT_EQ(facts_of(std::as_bytes(std::span(behind)))->sequence(), 3u);
  EXPECT_EQ(facts_of({})->sequence(), 0u);
}

TEST(FactsOf, RefusesRecordsThatAreCutOff) {
  const std::string record = test::segment(3);
  std::size_t refused = 0;
  for (std::size_t cut = 1; cut < record.size(); ++cut)
    if (!facts_of(std::as_bytes(std::span(record)).first(cut))) ++refused;
  EXPECT_EQ(refused, record.size() - 3);  // it may be cut between facts, args and values
}

}  // namespace
}  // namespace vmitap::sink
