// SPDX-License-Identifier: MIT
// How messages look as JSON, wherever vmitap shows them.
//
//   C names           fields go by their json_name where one was given, else by their name
//   enumerations      by name; by number where it has none
//   pointers          fields with (vmitap.address): "0x7ffc…"
//   int m[2][3]       nested arrays: the messages that stand for rows, (vmitap.row), do not show
//   __int128          vmitap.Int128 and UInt128: decimal, as text
//   other integers    as numbers, also of 64 bits
//   float, double     shortest text that reads back as the same value; "NaN", "Infinity", "-Infinity"
//   bytes             lower-case hexadecimal text
//   not read          left out; `unread` tells why
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "sink/reader.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::sink {

using Json = nlohmann::ordered_json;

// What a field is called: its json_name if one was given, else its name.
const std::string& field_key(const google::protobuf::FieldDescriptor& field);

// Whether it is a rule's message, {facts, args, values}.
bool has_facts(const google::protobuf::Descriptor& message);
// Of an array of arrays, whose elements are rows: the field that holds a row's elements; else nullptr.
const google::protobuf::FieldDescriptor* row_field(const google::protobuf::FieldDescriptor& field);

Json to_json(const google::protobuf::Message& message);

// {"rule":…,"trigger":…,"sequence":…,"time":"2026-11-23T06:12:01.503921884Z","time_ns":…,
//  "monotonic_ns":…,"thread":…,"mode":"SYNC","fallback":…,"fallback_detail":…,
//  "skid_ns":…,"pause_ns":…,"lost_before":…,"guest":…,"connection":…,
//  "args":{…},"values":{…},"unread":[{"value":…,"reason":…,"address":"0x…"}]}
// Left out: the fallback where the mode is the one asked for, skid_ns and pause_ns where there is none,
// lost_before if 0, guest if there is only one, the connection where there is no packet, and what is empty. A
// message that no rule of vmitap's made:
// {"rule":…,"time":…,"time_ns":…,"message":{…}}.
Json record_json(std::string_view rule, const ReadRecord& record, const google::protobuf::Message& message);
// For a record that its descriptors do not fit: {"rule":…,"time":…,"time_ns":…,"undecoded":"hex"}.
Json undecoded_json(std::string_view rule, const ReadRecord& record);

// The document in one line, without a newline. What a terminal might obey is escaped as \uXXXX.
std::string one_line(const Json& json);

}  // namespace vmitap::sink
