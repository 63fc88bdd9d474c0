// SPDX-License-Identifier: MIT
#include "types/plan_compiler.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "types/wire.hpp"

namespace vmitap::types {
namespace {

using Op = EncodePlan::Op;
using Operation = EncodePlan::Operation;
using Detail = EncodePlan::Detail;
using Form = FieldType::Form;

constexpr std::size_t kOperationsMax = 1u << 18;
constexpr std::uint64_t kLengthMax = 5;  // bytes of a length prefix

// How a scalar is written.
struct Way {
  Op single;
  Op packed;
  wire::Type type;
  unsigned encoded_max;  // bytes
  bool has_detail;
};

Way way(Scalar scalar) {
  switch (scalar) {
    case Scalar::boolean:
      return {Op::boolean, Op::packed_boolean, wire::kVarint, 1, false};
    case Scalar::u8:
      return {Op::u8, Op::packed_u8, wire::kVarint, 2, false};
    case Scalar::u16:
      return {Op::u16, Op::packed_u16, wire::kVarint, 3, false};
    case Scalar::u32:
      return {Op::u32, Op::packed_u32, wire::kVarint, 5, false};
    case Scalar::u64:
      return {Op::u64, Op::packed_u64, wire::kVarint, 10, false};
    case Scalar::s8:
      return {Op::s8, Op::packed_s8, wire::kVarint, 10, false};
    case Scalar::s16:
      return {Op::s16, Op::packed_s16, wire::kVarint, 10, false};
    case Scalar::s32:
      return {Op::s32, Op::packed_s32, wire::kVarint, 10, false};
    case Scalar::s64:
      return {Op::s64, Op::packed_s64, wire::kVarint, 10, false};
    case Scalar::float32:
      return {Op::fixed32, Op::packed_raw, wire::kFixed32, 4, false};
    case Scalar::float64:
    case Scalar::address:
      return {Op::fixed64, Op::packed_raw, wire::kFixed64, 8, false};
    case Scalar::x87:
      return {Op::x87, Op::packed_x87, wire::kFixed64, 8, true};
    case Scalar::binary128:
      return {Op::binary128, Op::packed_binary128, wire::kFixed64, 8, true};
    case Scalar::int128:
    case Scalar::uint128:
      return {Op::int128, Op::end, wire::kLengthDelimited, 19, true};
  }
  return {};
}

bool is_128(Scalar scalar) { return scalar == Scalar::int128 || scalar == Scalar::uint128; }

bool is_signed(Scalar scalar) {
  return scalar == Scalar::s8 || scalar == Scalar::s16 || scalar == Scalar::s32 || scalar == Scalar::s64 ||
         scalar == Scalar::int128;
}

std::uint64_t add(std::uint64_t a, std::uint64_t b) { return std::min(a + b, kEncodedMax + 1); }
std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kEncodedMax + 1 : std::min(product, kEncodedMax + 1);
}

}  // namespace

class PlanCompiler {
 public:
  PlanCompiler(const SchemaModel& model, std::uint64_t value_size) : model_(model), extent_(value_size) {
    plan_.value_size_ = value_size;
  }

  Result<EncodePlan> finish() {
    if (plan_.value_size_ > UINT32_MAX || encoded_max_ > kEncodedMax || is_too_large_) {
      return fail({.code = Errc::too_large, .subject = "a value as a message", .number = kEncodedMax});
    }
    if (is_outside_) {
      return fail({.code = Errc::bad_debug_info, .operation = "a member stands outside of its struct"});
    }
    append({.op = Op::end});
    join_runs();
    plan_.encoded_max_ = encoded_max_;
    return std::move(plan_);
  }

  // `base`: where the message's bytes start.
  void message(const MessageModel& message, std::uint32_t number, std::uint64_t base) {
    if (is_given_up()) return;
    nest();
    append({.op = Op::message_end});
    for (auto field = message.fields.rbegin(); field != message.fields.rend(); ++field)
      this->field(*field, base);
    append(tagged(Op::message_start, number, wire::kLengthDelimited));
    encoded_max_ = add(encoded_max_, kLengthMax);
    --nesting_;
  }

  void field(const FieldModel& field, std::uint64_t base) {
    if (is_given_up() || !field.type.is_written) return;
    if (field.bit_size != 0) {
      bit_field(field, base);
    } else if (field.type.is_repeated) {
      repeated(field, base + field.offset);
    } else {
      single(field, base + field.offset);
    }
  }

 private:
  [[nodiscard]] bool is_given_up() const {
    return is_too_large_ || is_outside_ || encoded_max_ > kEncodedMax;
  }

  void append(Operation operation) {
    if (plan_.operations_.size() == kOperationsMax) {
      is_too_large_ = true;
    } else {
      plan_.operations_.push_back(operation);
    }
  }

  void nest() {
    if (++nesting_ > EncodePlan::kNestingMax) is_too_large_ = true;
  }

  // True if these bytes stand in what the operation may read.
  bool is_inside(std::uint64_t offset, std::uint64_t size) {
    if (size <= extent_ && offset <= extent_ - size) return true;
    is_outside_ = true;
    return false;
  }

  Operation tagged(Op op, std::uint32_t number, wire::Type type) {
    std::array<std::byte, 16> bytes{};
    std::byte* const back = bytes.data() + bytes.size();
    const std::byte* const front = wire::put_varint(back, wire::tag(number, type));
    Operation operation;
    operation.op = op;
    operation.tag_size = static_cast<std::uint8_t>(back - front);
    operation.tag = wire::load<std::uint64_t>(back - 8);
    encoded_max_ = add(encoded_max_, operation.tag_size);
    return operation;
  }

  void append(Operation operation, Detail detail) {
    operation.offset = static_cast<std::uint32_t>(plan_.details_.size());
    plan_.details_.push_back(detail);
    append(operation);
  }

  static Detail place(std::uint64_t offset, std::uint64_t count = 0, std::uint64_t stride = 0) {
    Detail detail;
    detail.offset = static_cast<std::uint32_t>(offset);
    detail.count = static_cast<std::uint32_t>(count);
    detail.stride = static_cast<std::uint32_t>(stride);
    return detail;
  }

  void single(const FieldModel& field, std::uint64_t offset) {
    const FieldType& type = field.type;
    switch (type.form) {
      case Form::scalar:
      case Form::enumeration: {
        if (!is_inside(offset, type.size)) return;
        const Way how = way(type.scalar);
        Operation operation = tagged(how.single, field.number, how.type);
        if (how.has_detail) {
          append(operation, place(offset));
        } else {
          operation.offset = static_cast<std::uint32_t>(offset);
          append(operation);
        }
        encoded_max_ = add(encoded_max_, how.encoded_max);
        break;
      }
      case Form::text:
      case Form::bytes: {
        if (!is_inside(offset, type.size)) return;
        const bool is_text = type.form == Form::text;
        append(tagged(is_text ? Op::text : Op::bytes, field.number, wire::kLengthDelimited),
               place(offset, type.size));
        encoded_max_ = add(encoded_max_, add(kLengthMax, multiply(type.size, is_text ? 4 : 1)));
        break;
      }
      case Form::message:
        message(model_.messages()[type.model], field.number, offset);
        break;
    }
  }

  void repeated(const FieldModel& field, std::uint64_t offset) {
    const FieldType& type = field.type;
    if (type.count == 0 || type.size == 0) return;
    const std::uint64_t size = multiply(type.size, type.count);
    if (!is_inside(offset, size)) return;
    if ((type.form == Form::scalar || type.form == Form::enumeration) && !is_128(type.scalar)) {
      const Way how = way(type.scalar);
      append(tagged(how.packed, field.number, wire::kLengthDelimited), place(offset, type.count, type.size));
      encoded_max_ = add(encoded_max_, add(kLengthMax, multiply(how.encoded_max, type.count)));
      return;
    }
    // The body knows where it stands in an element only.
    nest();
    append({.op = Op::loop_begin}, place(offset, type.count, type.size));
    const std::uint64_t outer_extent = std::exchange(extent_, type.size);
    const std::uint64_t before = std::exchange(encoded_max_, 0);
    single(field, 0);
    encoded_max_ = add(before, multiply(encoded_max_, type.count));
    extent_ = outer_extent;
    append({.op = Op::loop_end});
    --nesting_;
  }

  void bit_field(const FieldModel& field, std::uint64_t base) {
    const FieldType& type = field.type;
    std::uint64_t first = 0;  // bit
    if (__builtin_mul_overflow(base, std::uint64_t{8}, &first) ||
        __builtin_add_overflow(first, field.bit_offset, &first)) {
      is_outside_ = true;
      return;
    }
    const std::uint64_t byte = first / 8;
    const std::uint64_t covered = (first % 8 + field.bit_size + 7) / 8;
    if (!is_inside(byte, covered)) return;
    if (type.form == Form::bytes) {
      append(tagged(Op::bytes, field.number, wire::kLengthDelimited), place(byte, covered));
      encoded_max_ = add(encoded_max_, add(kLengthMax, covered));
      return;
    }
    // C++ lets a bool have more bits, of which one counts.
    const auto bits =
        type.scalar == Scalar::boolean ? std::uint8_t{1} : static_cast<std::uint8_t>(field.bit_size);
    const bool sign = is_signed(type.scalar);
    encoded_max_ = add(encoded_max_, is_128(type.scalar) ? 19 : wire::kVarintMax);
    const std::uint64_t start = extent_ >= 8 ? std::min(byte, extent_ - 8) : byte;
    const std::uint64_t skipped = first - start * 8;
    if (extent_ >= 8 && skipped + bits <= 64 && !is_128(type.scalar)) {
      Operation operation = tagged(sign ? Op::bits_signed : Op::bits_unsigned, field.number, wire::kVarint);
      operation.offset = static_cast<std::uint32_t>(start);
      operation.run = static_cast<std::uint8_t>(64 - skipped - bits);
      operation.shift = static_cast<std::uint8_t>(64 - bits);
      append(operation);
      return;
    }
    Detail detail = place(byte, covered);
    detail.bit_offset = static_cast<std::uint8_t>(first % 8);
    detail.bit_size = bits;
    detail.is_signed = sign;
    detail.is_message = is_128(type.scalar);
    append(tagged(Op::wide_bits, field.number, detail.is_message ? wire::kLengthDelimited : wire::kVarint),
           detail);
  }

  // Operations of one kind that follow each other are done without looking at each one's kind.
  void join_runs() {
    auto& operations = plan_.operations_;
    for (std::size_t i = operations.size(); i-- > 1;) {
      Operation& before = operations[i - 1];
      const Operation& behind = operations[i];
      if (before.op != behind.op || before.op < Op::u8 || before.op > Op::fixed64) continue;
      if (behind.run < UINT8_MAX) before.run = static_cast<std::uint8_t>(behind.run + 1);
    }
  }

  const SchemaModel& model_;
  EncodePlan plan_;
  std::uint64_t extent_;  // bytes that may be read: of the value, or of one element in a loop
  std::uint64_t encoded_max_ = 0;
  std::size_t nesting_ = 0;
  bool is_too_large_ = false;
  bool is_outside_ = false;
};

Result<EncodePlan> compile(const SchemaModel& model, const FieldModel& field, std::uint64_t value_size) {
  PlanCompiler compiler{model, value_size};
  compiler.field(field, 0);
  return compiler.finish();
}

Result<EncodePlan> compile(const SchemaModel& model, const MessageModel& message, std::uint32_t number,
                           std::uint64_t value_size) {
  PlanCompiler compiler{model, value_size};
  compiler.message(message, number, 0);
  return compiler.finish();
}

}  // namespace vmitap::types
