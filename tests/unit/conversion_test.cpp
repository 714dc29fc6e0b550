#include "lb/dataplane/conversion.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <tuple>

#include "tests/support/value.h"

namespace weir::test {
namespace {

struct BtfDeleter {
    void operator()(btf *types) const { btf__free(types); }
};

// Types as a compiler would note them; offsets in bytes.
class Types {
  public:
    Types() : btf_(btf__new_empty()) {
        u8 = integer("unsigned char", 1);
        u16 = integer("unsigned short", 2);
        u32 = integer("unsigned int", 4);
        u64 = integer("unsigned long long", 8);
        i16 = integer("short", 2, BTF_INT_SIGNED);
        i64 = integer("long long", 8, BTF_INT_SIGNED);
        be16 = typedef_of("__be16", u16);
        be32 = typedef_of("__be32", u32);
    }

    using Member = std::tuple<const char *, std::uint32_t, std::uint32_t>;  // name, type, offset
    std::uint32_t structure(std::uint32_t size, const std::vector<Member> &members) {
        const int id = btf__add_struct(btf_.get(), "weir_thing", size);
        return with(id, members);
    }
    std::uint32_t either(std::uint32_t size, const std::vector<Member> &members) {
        return with(btf__add_union(btf_.get(), nullptr, size), members);
    }
    std::uint32_t array(std::uint32_t of, std::uint32_t length) {
        return id_of(
            btf__add_array(btf_.get(), static_cast<int>(u32), static_cast<int>(of), length));
    }
    std::uint32_t typedef_of(const char *name, std::uint32_t type) {
        return id_of(btf__add_typedef(btf_.get(), name, static_cast<int>(type)));
    }
    std::uint32_t bit_field() {
        const int id = btf__add_struct(btf_.get(), "weir_thing", 4);
        EXPECT_EQ(btf__add_field(btf_.get(), "flag", static_cast<int>(u32), 0, 1), 0);
        return id_of(id);
    }
    const btf *get() const { return btf_.get(); }

    std::uint32_t u8, u16, u32, u64, i16, i64, be16, be32;

  private:
    std::uint32_t integer(const char *name, std::size_t size, int encoding = 0) {
        return id_of(btf__add_int(btf_.get(), name, size, encoding));
    }
    std::uint32_t with(int id, const std::vector<Member> &members) {
        for (const auto &[name, type, offset] : members)
            EXPECT_EQ(btf__add_field(btf_.get(), name, static_cast<int>(type), offset * 8, 0), 0);
        return id_of(id);
    }
    static std::uint32_t id_of(int id) {
        EXPECT_GT(id, 0);
        return static_cast<std::uint32_t>(id);
    }

    std::unique_ptr<btf, BtfDeleter> btf_;
};

class ConversionTest : public testing::Test {
  protected:
    Conversion make(std::uint32_t from, std::uint32_t to) {
        return value_of(Conversion::make(old_.get(), from, now_.get(), to));
    }
    std::string refused(std::uint32_t from, std::uint32_t to) {
        const auto made = Conversion::make(old_.get(), from, now_.get(), to);
        EXPECT_FALSE(made.has_value());
        return made ? "" : made.error().message;
    }
    template <typename To, typename From>
    static To convert(const Conversion &conversion, const From &from) {
        EXPECT_EQ(conversion.from_size(), sizeof from);
        EXPECT_EQ(conversion.to_size(), sizeof(To));
        To to;
        std::memset(&to, 0xaa, sizeof to);
        conversion.apply(reinterpret_cast<const std::byte *>(&from),
                         reinterpret_cast<std::byte *>(&to));
        return to;
    }

    Types old_, now_;
};

TEST_F(ConversionTest, TheSameLayoutIsOneMoveAndAnIdentity) {
    const auto make_one = [](Types &types) {
        return types.structure(8, {{"a", types.u32, 0}, {"b", types.u16, 4}, {"c", types.u16, 6}});
    };
    const auto conversion = make(make_one(old_), make_one(now_));
    EXPECT_TRUE(conversion.is_identity());
    EXPECT_EQ(convert<std::uint64_t>(conversion, std::uint64_t{0x0102030405060708}),
              0x0102030405060708U);
}

TEST_F(ConversionTest, FieldsMoveByNameAndNewOnesAreZero) {
    struct Old {
        std::uint32_t gone, kept;
    };
    struct New {
        std::uint32_t kept, added;
    };
    const auto conversion =
        make(old_.structure(8, {{"gone", old_.u32, 0}, {"kept", old_.u32, 4}}),
             now_.structure(8, {{"kept", now_.u32, 0}, {"added", now_.u32, 4}}));
    EXPECT_FALSE(conversion.is_identity());
    const auto converted = convert<New>(conversion, Old{1, 2});
    EXPECT_EQ(converted.kept, 2U);
    EXPECT_EQ(converted.added, 0U);
}

// Same size, same places, another meaning.
TEST_F(ConversionTest, ARenamedFieldIsNoIdentity) {
    const auto conversion = make(old_.structure(4, {{"weight", old_.u32, 0}}),
                                 now_.structure(4, {{"share", now_.u32, 0}}));
    EXPECT_FALSE(conversion.is_identity());
    EXPECT_EQ(convert<std::uint32_t>(conversion, std::uint32_t{7}), 0U);
}

TEST_F(ConversionTest, AnIntegerKeepsItsValueInAnotherWidth) {
    const auto one = [](Types &types, std::uint32_t type, std::uint32_t size) {
        return types.structure(size, {{"n", type, 0}});
    };
    EXPECT_EQ(convert<std::uint64_t>(make(one(old_, old_.u16, 2), one(now_, now_.u64, 8)),
                                     std::uint16_t{0xfffe}),
              0xfffeU);
    EXPECT_EQ(convert<std::int64_t>(make(one(old_, old_.i16, 2), one(now_, now_.i64, 8)),
                                    std::int16_t{-2}),
              -2);
    EXPECT_EQ(convert<std::uint16_t>(make(one(old_, old_.u64, 8), one(now_, now_.u16, 2)),
                                     std::uint64_t{513}),
              513U);
    EXPECT_EQ(convert<std::uint16_t>(make(one(old_, old_.u64, 8), one(now_, now_.u16, 2)),
                                     std::uint64_t{70000}),
              65535U)
        << "the largest there is";
    EXPECT_EQ(convert<std::int16_t>(make(one(old_, old_.i64, 8), one(now_, now_.i16, 2)),
                                    std::int64_t{-70000}),
              -32768);
}

TEST_F(ConversionTest, StructsAreNestedAndQualifiersAndNamesOfTypesDoNotMatter) {
    struct OldHop {
        std::uint32_t ifindex;
        std::uint16_t mtu;
        std::uint16_t zero;
    };
    struct Old {
        std::uint64_t seen;
        OldHop hop;
    };
    struct New {
        std::uint32_t ifindex, added;
        std::uint64_t seen;
    };
    const auto old_hop =
        old_.structure(8, {{"ifindex", old_.u32, 0}, {"mtu", old_.u16, 4}, {"zero", old_.u16, 6}});
    const auto new_hop = now_.structure(
        8, {{"ifindex", now_.typedef_of("__u32", now_.u32), 0}, {"added", now_.u32, 4}});
    const auto converted =
        convert<New>(make(old_.structure(16, {{"seen", old_.u64, 0}, {"hop", old_hop, 8}}),
                          now_.structure(16, {{"hop", new_hop, 0}, {"seen", now_.u64, 8}})),
                     Old{5, {6, 7, 8}});
    EXPECT_EQ(converted.ifindex, 6U);
    EXPECT_EQ(converted.added, 0U);
    EXPECT_EQ(converted.seen, 5U);
}

TEST_F(ConversionTest, ArraysKeepWhatBothHaveRoomFor) {
    const auto with = [](Types &types, std::uint32_t element, std::uint32_t length,
                         std::uint32_t size) {
        return types.structure(size, {{"mac", types.array(element, length), 0}});
    };
    using Four = std::array<std::uint8_t, 4>;
    using Six = std::array<std::uint8_t, 6>;
    using Wide = std::array<std::uint16_t, 4>;
    const Six six{1, 2, 3, 4, 5, 6};
    const auto shorter = make(with(old_, old_.u8, 6, 6), with(now_, now_.u8, 4, 4));
    EXPECT_FALSE(shorter.is_identity());
    EXPECT_EQ(convert<Four>(shorter, six), (Four{1, 2, 3, 4}));
    EXPECT_EQ(
        convert<Six>(make(with(old_, old_.u8, 4, 4), with(now_, now_.u8, 6, 6)), Four{1, 2, 3, 4}),
        (Six{1, 2, 3, 4, 0, 0}));
    EXPECT_EQ(convert<Wide>(make(with(old_, old_.u8, 4, 4), with(now_, now_.u16, 4, 8)),
                            Four{1, 2, 3, 200}),
              (Wide{1, 2, 3, 200}));
}

// As struct weir_address has one.
TEST_F(ConversionTest, AUnionWithoutANameIsCopiedWhole) {
    const auto address = [](Types &types) {
        const auto inner = types.either(16, {{"bytes", types.array(types.u8, 16), 0},
                                             {"words", types.array(types.be32, 4), 0}});
        return types.structure(16, {{nullptr, inner, 0}});
    };
    struct Old {
        std::array<std::uint8_t, 16> address;
        std::uint32_t port;
    };
    struct New {
        std::uint32_t port;
        std::array<std::uint8_t, 16> address;
    };
    const auto conversion =
        make(old_.structure(20, {{"address", address(old_), 0}, {"port", old_.u32, 16}}),
             now_.structure(20, {{"port", now_.u32, 0}, {"address", address(now_), 4}}));
    const auto converted = convert<New>(conversion, Old{{1, 2, 3, 4}, 80});
    EXPECT_EQ(converted.address, (std::array<std::uint8_t, 16>{1, 2, 3, 4}));
    EXPECT_EQ(converted.port, 80U);
    EXPECT_TRUE(make(address(old_), address(now_)).is_identity());
}

TEST_F(ConversionTest, WhatHasNoMeaningInTheOtherLayoutIsRefusedByName) {
    const auto one = [](Types &types, std::uint32_t type) {
        return types.structure(16, {{"hop", types.structure(16, {{"port", type, 0}}), 0}});
    };
    EXPECT_EQ(refused(one(old_, old_.be16), one(now_, now_.be32)),
              "hop.port: was an integer in network order of 2 bytes, and is an integer in network "
              "order of 4");
    EXPECT_EQ(refused(one(old_, old_.u32), one(now_, now_.array(now_.u8, 4))),
              "hop.port: was an integer of 4 bytes, and is an array of 4");
    EXPECT_NE(refused(old_.either(4, {{"a", old_.u32, 0}}), now_.either(8, {{"a", now_.u64, 0}})),
              "");
    EXPECT_NE(refused(old_.bit_field(), now_.bit_field()), "");
}

TEST_F(ConversionTest, PlainIntegersAsEntries) {
    EXPECT_TRUE(make(old_.u64, now_.u64).is_identity());
    EXPECT_EQ(convert<std::uint64_t>(make(old_.u32, now_.u64), std::uint32_t{9}), 9U);
    EXPECT_EQ(convert<std::uint32_t>(Conversion::copy(4), std::uint32_t{9}), 9U);
}

}  // namespace
}  // namespace weir::test
