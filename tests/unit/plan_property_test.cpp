// Plans between random configurations, written into tables of plain maps one step at a time: what
// is there afterwards is what was wanted, and no step shows a packet a service that is not whole
// (I10).
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <tuple>
#include <utility>

#include "lb/model/partial_plan.h"
#include "tests/support/random.h"

namespace weir {
namespace {

using test::below;
using test::Random;

struct StoredService {
    std::uint32_t id = 0;
    PolicyRow policy;

    bool operator==(const StoredService &) const = default;
};

struct StoredBackend {
    std::uint32_t service = 0;
    BackendRow row;

    bool operator==(const StoredBackend &) const = default;
};

// The tables as the data path has them.
struct Tables {
    std::map<std::pair<Endpoint, Protocol>, StoredService> services;
    std::map<std::uint32_t, StoredBackend> backends;
    std::map<std::uint32_t, std::vector<std::uint32_t>> rings;
    std::map<std::pair<std::uint32_t, RangeKey>, bool> ranges;
    AddressCounts vips, backend_addresses;

    bool operator==(const Tables &) const = default;
};

// What a packet that meets the tables now would stumble upon; empty: nothing.
std::string flaw(const Tables &tables) {
    for (const auto &[key, service] : tables.services) {
        const auto ring = tables.rings.find(service.id);
        if (ring == tables.rings.end())
            return "a service without a ring";
        for (const std::uint32_t id : ring->second) {
            const auto backend = tables.backends.find(id);
            if (backend == tables.backends.end() || backend->second.service != service.id)
                return "a ring with a backend that is not there";
            if (tables.backend_addresses.count(backend->second.row.endpoint.address) == 0)
                return "a backend whose address is unknown";
            if (backend->second.row.state != BackendState::active)
                return "a ring with a backend that takes no flows";
        }
        if (tables.vips.count(key.first.address) == 0)
            return "a service whose VIP is unknown";
        if (service.policy.restricted && tables.ranges.count({service.id, RangeKey{}}) == 0)
            return "a restricted service without a range for everyone else";
    }
    return {};
}

// The writes of a plan, each a step.
using Step = std::function<void(Tables &)>;

void add_writes(const Plan &plan, std::vector<Step> &steps) {
    for (const auto &write : plan.remove_orphan_ranges)
        steps.push_back([write](Tables &to) { to.ranges.erase({write.service, write.key}); });
    for (const auto &write : plan.set_backends)
        steps.push_back([write](Tables &to) {
            to.backends[write.backend.id] = {write.service, write.backend};
        });
    for (const auto &write : plan.set_backend_addresses)
        steps.push_back([write](Tables &to) { to.backend_addresses[write.address] = write.count; });
    for (const auto &write : plan.set_rings)
        steps.push_back([write](Tables &to) { to.rings[write.service] = write.slots; });
    for (const auto &write : plan.lower_backends)
        steps.push_back([write](Tables &to) {
            to.backends[write.backend.id] = {write.service, write.backend};
        });
    for (const auto &write : plan.set_ranges)
        steps.push_back([write](Tables &to) {
            to.ranges[{write.service, write.key}] = write.allow;
        });
    for (const auto &write : plan.set_vips)
        steps.push_back([write](Tables &to) { to.vips[write.address] = write.count; });
    for (const auto &row : plan.set_services)
        steps.push_back([row](Tables &to) {
            to.services[{row.vip, row.protocol}] = {row.id, row.policy};
        });
}

void add_removals(const Plan &plan, std::vector<Step> &steps) {
    for (const auto &row : plan.remove_services)
        steps.push_back([row](Tables &to) { to.services.erase({row.vip, row.protocol}); });
    for (const auto &address : plan.remove_vips)
        steps.push_back([address](Tables &to) { to.vips.erase(address); });
    for (const auto &write : plan.remove_ranges)
        steps.push_back([write](Tables &to) { to.ranges.erase({write.service, write.key}); });
    for (const auto id : plan.remove_rings)
        steps.push_back([id](Tables &to) { to.rings.erase(id); });
    for (const auto id : plan.remove_backends)
        steps.push_back([id](Tables &to) { to.backends.erase(id); });
    for (const auto &address : plan.remove_backend_addresses)
        steps.push_back([address](Tables &to) { to.backend_addresses.erase(address); });
}

// Of the schedulers that hash.
std::uint32_t slots_of(const Tables &tables, const StoredService &service) {
    const auto ring = tables.rings.find(service.id);
    return service.policy.scheduler == Scheduler::wrr || ring == tables.rings.end()
               ? 0
               : static_cast<std::uint32_t>(ring->second.size());
}

// As Tables::read() has it: the ids are whatever they are, and what belongs to nobody is an orphan.
TableState read(const Tables &tables) {
    TableState state;
    state.vips = tables.vips;
    state.backend_addresses = tables.backend_addresses;
    std::map<std::uint32_t, ServiceRow> rows;
    for (const auto &[key, service] : tables.services)
        rows[service.id] = {
            service.id, key.first, key.second, {}, service.policy, {}, slots_of(tables, service)};
    for (const auto &[id, backend] : tables.backends) {
        if (rows.count(backend.service) == 0)
            state.orphans.push_back(id);
        else
            rows[backend.service].backends.push_back(backend.row);
    }
    for (const auto &[key, allow] : tables.ranges) {
        if (rows.count(key.first) == 0)
            state.orphan_ranges.push_back(key);
        else
            rows[key.first].ranges[key.second] = allow;
    }
    for (auto &[id, row] : rows)
        state.services.push_back(std::move(row));
    return state;
}

// What the tables must hold for a configuration, but for the ids.
auto wanted_services(const Config &config) {
    std::set<std::tuple<Endpoint, Protocol, Mode, std::uint32_t, std::size_t, std::size_t>> all;
    for (const auto &service : config.services)
        all.emplace(service.vip, service.protocol, service.mode,
                    static_cast<std::uint32_t>(service.session_affinity.count()),
                    service.backends.size(),
                    service.source_ranges.size() + (service.source_ranges.empty() ? 0 : 1));
    return all;
}

auto stored_services(const TableState &state) {
    std::set<std::tuple<Endpoint, Protocol, Mode, std::uint32_t, std::size_t, std::size_t>> all;
    for (const auto &service : state.services)
        all.emplace(service.vip, service.protocol, service.policy.mode, service.policy.affinity_s,
                    service.backends.size(), service.ranges.size());
    return all;
}

Config random_config(Random &random) {
    Config config;
    for (unsigned i = 0; i < 6; ++i) {
        if (below(random, 3) == 0)
            continue;
        ServiceConfig service;
        service.vip = {Address::v4(192, 0, 2, static_cast<std::uint8_t>(1 + i / 2)), 80};
        service.protocol = i % 2 == 0 ? Protocol::tcp : Protocol::udp;
        service.name = std::to_string(i);
        service.mode = below(random, 2) == 0 ? Mode::dnat : Mode::fullnat;
        service.scheduler = below(random, 3) == 0 ? Scheduler::wrr : Scheduler::maglev;
        service.ring_size = service.scheduler == Scheduler::wrr ? 0
                            : below(random, 2) == 0             ? 7
                                                                : 13;
        service.session_affinity = std::chrono::seconds(below(random, 2));
        for (std::uint8_t backend = 0; backend < 4; ++backend)
            if (backend == 0 || below(random, 2) == 0)
                service.backends.push_back({{Address::v4(198, 51, 100, backend), 80},
                                            100 * static_cast<std::uint32_t>(below(random, 3))});
        for (std::uint8_t range = 0; range < 3; ++range)
            if (below(random, 3) == 0)
                service.source_ranges.push_back(
                    {{Address::v4(203, 0, 113, 0), static_cast<std::uint8_t>(24 + range)},
                     below(random, 2) == 0});
        config.services.push_back(std::move(service));
    }
    return config;
}

Conditions random_conditions(Random &random, const Config &config) {
    Conditions all;
    for (const auto &service : config.services) {
        for (const auto &backend : service.backends) {
            const auto state = static_cast<BackendState>(below(random, 4));
            const bool active = state == BackendState::active;
            if (below(random, 2) == 0)
                all[{service.name, backend.endpoint}] = {
                    state, active ? 50 * static_cast<std::uint32_t>(below(random, 3)) : 0, 100,
                    active ? OnDown::keep : static_cast<OnDown>(below(random, 3))};
        }
    }
    return all;
}

class Walk {
  public:
    explicit Walk(unsigned seed) : random_(seed) {}

    // One change; with `crash` it is cut short, and taken up again as a new daemon would.
    void change(bool crash) {
        const Config wanted = random_config(random_);
        conditions_ = random_conditions(random_, wanted);
        if (crash) {
            write(wanted, RingScope::changed, true);
            write(wanted, RingScope::all, false);
        } else {
            write(wanted, RingScope::changed, false);
        }
        const TableState now = read(tables_);
        EXPECT_EQ(stored_services(now), wanted_services(wanted));
        EXPECT_TRUE(now.orphans.empty());
        EXPECT_TRUE(now.orphan_ranges.empty());
        // a ring that a crash left is no service's: its room is given to the next one
        EXPECT_TRUE(crash || tables_.rings.size() == wanted.services.size());
        const auto again = make_plan(now, wanted, RingScope::changed, conditions_);
        EXPECT_TRUE(again && again->empty());
    }

  private:
    void write(const Config &wanted, RingScope scope, bool cut) {
        const auto plan = make_plan(read(tables_), wanted, scope, conditions_);
        ASSERT_TRUE(plan) << plan.error().message;
        std::vector<Step> steps;
        add_writes(*plan, steps);
        add_removals(*plan, steps);
        const std::size_t end = cut ? below(random_, steps.size() + 1) : steps.size();
        for (std::size_t i = 0; i < end; ++i) {
            steps[i](tables_);
            ASSERT_EQ(flaw(tables_), "") << "after step " << i;
        }
    }

    Random random_;
    Conditions conditions_;
    Tables tables_;
};

TEST(PlanProperty, I10EveryChangeArrivesAndNoStepShowsAHalfBuiltService) {
    for (unsigned seed = 0; seed < 15 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Walk walk(seed);
        for (int i = 0; i < 6 && !testing::Test::HasFailure(); ++i)
            walk.change(false);
    }
}

TEST(PlanProperty, I10AChangeThatWasCutShortIsTakenUpAgain) {
    for (unsigned seed = 100; seed < 115 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Walk walk(seed);
        for (int i = 0; i < 6 && !testing::Test::HasFailure(); ++i)
            walk.change(true);
    }
}

// A plan for some services does what one for all of them does when nothing else differs.
TEST(PlanProperty, I9APlanForSomeServicesIsThatForAllOfThem) {
    for (unsigned seed = 200; seed < 260 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random(seed);
        const Config before = random_config(random);
        Config wanted = before;
        const Config others = random_config(random);
        std::vector<std::size_t> some;
        for (std::size_t i = 0; i < wanted.services.size(); ++i) {
            if (below(random, 2) == 0)
                continue;
            some.push_back(i);
            if (!others.services.empty())
                wanted.services[i].backends = others.services.front().backends;
        }
        Conditions conditions;
        for (const auto &[key, condition] : random_conditions(random, wanted))
            for (const std::size_t i : some)
                if (wanted.services[i].name == key.service)
                    conditions[key] = condition;
        const TableState state = make_plan({}, before)->result;
        const auto all = make_plan(state, wanted, RingScope::changed, conditions);
        const auto part = make_partial_plan(state, wanted, RingScope::changed, conditions, some);
        ASSERT_TRUE(all && part);
        EXPECT_EQ(part->affected, some);
        Tables by_all;
        std::vector<Step> steps;
        add_writes(*make_plan({}, before), steps);
        for (const Step &step : std::exchange(steps, {}))
            step(by_all);
        Tables by_part = by_all;
        add_writes(*all, steps);
        add_removals(*all, steps);
        for (const Step &step : std::exchange(steps, {}))
            step(by_all);
        add_writes(part->plan, steps);
        add_removals(part->plan, steps);
        for (const Step &step : steps) {
            step(by_part);
            EXPECT_EQ(flaw(by_part), "");
        }
        EXPECT_EQ(by_part, by_all);
        EXPECT_EQ(result_of(state, *part), all->result);
    }
}

TEST(PlanProperty, APlanForSomeServicesIsForAllWhereOthersCameOrWent) {
    Random random(3);
    Config config = random_config(random);
    const TableState state = make_plan({}, config)->result;
    config.services.pop_back();
    const auto fewer = make_partial_plan(state, config, RingScope::changed, {}, {{0}});
    EXPECT_FALSE(fewer->affected);
    EXPECT_EQ(fewer->plan.remove_services.size(), 1U);
}

}  // namespace
}  // namespace weir
