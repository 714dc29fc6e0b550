// What the person at the keyboard chose: a pure function of the keys.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lb/top/view.h"

namespace weir {

struct TopKey {
    enum class Kind { text, up, down, page_up, page_down, home, end, enter, right, escape, erase };
    Kind kind = Kind::text;
    std::string text{};  // one character, of Kind::text
};

enum class TopSort { order, name, flows, new_flows, packets_in, packets_out, bits_in, bits_out };
inline constexpr std::array<TopSort, 8> kTopSorts{
    TopSort::order,      TopSort::name,        TopSort::flows,   TopSort::new_flows,
    TopSort::packets_in, TopSort::packets_out, TopSort::bits_in, TopSort::bits_out};
std::string_view to_string(TopSort sort);

enum class TopBackends { none, selected, all };  // whose are shown

class TopControls {
  public:
    // `view` is what was on the screen.
    void press(const TopKey &key, const TopView &view);

    bool quit() const { return quit_; }
    bool help() const { return help_; }
    bool paused() const { return paused_; }
    bool editing() const { return editing_; }  // the filter
    const std::string &filter() const { return filter_; }
    TopSort sort() const { return sort_; }
    bool reversed() const { return reversed_; }
    TopBackends backends() const { return backends_; }
    // How many backends are scrolled past.
    std::size_t skipped() const { return skipped_; }

    // What the filter leaves, in the order that was chosen: names up, numbers down, or reversed.
    std::vector<const TopServiceRow *> services(const TopView &view) const;
    // Of those, the one that is selected; 0 when it is not among them (any more).
    std::size_t selected(const std::vector<const TopServiceRow *> &services) const;
    // Those that backends() says.
    std::vector<const TopBackendRow *> backends(const TopView &view) const;

  private:
    void edit(const TopKey &key);
    void choose(const std::string &text);
    void move(const TopKey &key, const TopView &view);
    void show_backends(TopBackends which);

    bool quit_ = false;
    bool help_ = false;
    bool paused_ = false;
    bool editing_ = false;
    bool reversed_ = false;
    std::string filter_;
    std::string selected_;  // the service's name
    TopSort sort_ = TopSort::order;
    TopBackends backends_ = TopBackends::none;
    std::size_t skipped_ = 0;
};

}  // namespace weir
